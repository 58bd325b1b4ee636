"""A complaint's partition is the one that every Kafka client computes."""

from aiokafka.partitioner import murmur2 as librarys
from hypothesis import example, given
from hypothesis import strategies as st

from shared.base.kafka import murmur2, partition_of


@given(st.binary(max_size=70))
@example(b"")
@example(b"3f0a6b1c-8e21-4cb7-bfcd-ee2522c8f633")
def test_a_key_is_hashed_as_the_client_library_does(key: bytes) -> None:
    assert murmur2(key) == librarys(key) & 0xFFFFFFFF
    assert partition_of(key, 12) == (librarys(key) & 0x7FFFFFFF) % 12
