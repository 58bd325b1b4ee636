"""Signed calls: what is accepted as ours, and which addresses we never call."""

import ipaddress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.deliver import signing
from shared.deliver.http import Forbidden, Poster, checked_url, networks, public

NOW = datetime(2026, 6, 9, 9, 0, tzinfo=UTC)
SECRET, BODY = b"whsec_1", b'{"status":"assigned"}'


def test_a_signature_is_for_its_body_its_secret_and_five_minutes() -> None:
    header = signing.sign(SECRET, BODY, NOW)
    assert signing.verify(SECRET, header, BODY, NOW)
    assert signing.verify(SECRET, header, BODY, NOW + timedelta(seconds=299))
    assert not signing.verify(SECRET, header, BODY, NOW + timedelta(seconds=301))
    assert not signing.verify(SECRET, header, BODY, NOW - timedelta(seconds=301))
    assert not signing.verify(SECRET, header, BODY + b" ", NOW)
    assert not signing.verify(b"other", header, BODY, NOW)
    later = header.replace(f"t={int(NOW.timestamp())}", f"t={int(NOW.timestamp()) + 200}")
    assert not signing.verify(SECRET, later, BODY, NOW), "the time is signed too"


def test_the_signature_is_the_one_that_other_libraries_compute() -> None:
    """`printf '1780995600.{}' | openssl dgst -sha256 -hmac whsec_1`"""
    assert signing.sign(SECRET, b"{}", datetime.fromtimestamp(1780995600, UTC)) == (
        "t=1780995600,v1=7970a64a07c93405d6d5624ebee8f190c07fd7b49842056b532d5aaad5e6d971"
    )


@given(st.text())
def test_any_header_gets_an_answer(header: str) -> None:
    assert not signing.verify(SECRET, header, BODY, NOW)


def test_derived_secrets_differ_by_key_and_purpose() -> None:
    made = {signing.derived(key, purpose) for key in ("a", "b") for purpose in ("shop 1", "shop 2")}
    assert len(made) == 4


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
     "255.255.255.255", "::1", "::", "fe80::1", "fc00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::a9fe:a9fe",
     "2002:7f00:1::", "192.0.2.1"],
)  # fmt: skip
def test_an_address_inside_the_house_is_not_called(address: str) -> None:
    assert not public(ipaddress.ip_address(address))


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111"])
def test_an_address_of_the_internet_is_called(address: str) -> None:
    assert public(ipaddress.ip_address(address))


def test_a_network_that_the_operator_names_is_called() -> None:
    allowed = networks(["10.2.0.0/16"])
    assert public(ipaddress.ip_address("10.2.3.4"), allowed)
    assert not public(ipaddress.ip_address("10.3.3.4"), allowed)


@pytest.mark.parametrize(
    "url",
    ["http://example.com/", "ftp://example.com", "https://", "https://user@example.com/", "https://u:p@example.com/",
     "https://example.com/#x", "https://example.com:99999/", "https://exa mple.com/", "https://例子.com/", "x", "",
     "https://example.com/\n"],
)  # fmt: skip
def test_what_is_no_plain_https_address_is_refused(url: str) -> None:
    with pytest.raises(Forbidden):
        checked_url(url)


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://localhost/", "https://[::1]:8443/x", "https://0/"])
async def test_our_own_house_is_refused_by_whatever_name(url: str) -> None:
    poster = Poster(timeout=5)
    with pytest.raises(Forbidden):
        await poster.post(url, b"{}", {})
    await poster.close()
