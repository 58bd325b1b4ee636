"""A complaint's partition is the one that every Kafka client computes."""

from aiokafka.partitioner import DefaultPartitioner
from hypothesis import example, given
from hypothesis import strategies as st

from shared.base.kafka import partition_of

PARTITIONS = list(range(12))


@given(st.binary(max_size=70))
@example(b"")
@example(b"3f0a6b1c-8e21-4cb7-bfcd-ee2522c8f633")
def test_a_key_goes_where_the_client_library_sends_it(key: bytes) -> None:
    assert partition_of(key, len(PARTITIONS)) == DefaultPartitioner()(key, PARTITIONS, PARTITIONS)
