"""A new signing key does not end what the one before has signed, until that one is taken away."""

from datetime import UTC, datetime
from uuid import UUID

from services.intake.links import Links
from shared.base.config import ServiceSettings
from shared.base.security import Authenticator, issue

OLD, NEW = "o" * 40, "n" * 40
NOW = datetime(2026, 11, 22, tzinfo=UTC)
COMPLAINT = UUID(int=7)


def settings(**keys: str) -> ServiceSettings:
    return ServiceSettings(
        database_url="postgresql://x", deployment_id="x", kafka_bootstrap="x:1", **keys,
    )  # type: ignore[arg-type]  # fmt: skip


def test_the_key_that_signs_comes_first() -> None:
    assert settings(token_key=NEW).token_keys == (NEW,)
    assert settings(token_key=NEW, token_key_before=OLD).token_keys == (NEW, OLD)


async def test_tokens_of_both_keys_are_good_and_of_no_third() -> None:
    both, alone = Authenticator(NEW, OLD), Authenticator(NEW)
    for key in (OLD, NEW):
        caller = await both.caller(issue(key, name="lea", role="lead"))
        assert caller is not None
        assert caller.name == "lea"
    assert await both.caller(issue("x" * 40, name="lea", role="lead")) is None
    assert await alone.caller(issue(OLD, name="lea", role="lead")) is None


def test_links_and_pins_of_both_keys_are_good_and_new_ones_are_of_the_new() -> None:
    before, after, later = Links(OLD, "http://x", 10), Links(NEW, "http://x", 10, [OLD]), Links(NEW, "http://x", 10)
    token, pin = before.token("AM-1", NOW), before.pin(COMPLAINT)
    assert after.valid("AM-1", token, NOW)
    assert not after.valid("AM-2", token, NOW)
    assert after.is_pin(COMPLAINT, pin)
    assert not after.is_pin(COMPLAINT, "")
    assert not later.valid("AM-1", token, NOW)
    assert not later.is_pin(COMPLAINT, pin)
    assert later.valid("AM-1", after.token("AM-1", NOW), NOW)
    assert after.pin(COMPLAINT) == later.pin(COMPLAINT)
