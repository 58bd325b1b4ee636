"""The short forms with links as intake really signs them: two segments hold what was decided, the day and the link."""

from datetime import UTC, datetime

import pytest

from services.intake.links import Links
from services.notifier import specimens
from services.notifier.letter import Kind
from services.notifier.sms import LONGEST, segments
from tests.unit.test_notifier_handlers import WRITER

LINK = Links("k" * 40, "https://care.example.com", 365).url("AM-7K2M9Q4T1C", datetime(2026, 6, 3, tzinfo=UTC))
# What has no link of its own: thanks, a call with its time, and what names or goes to somebody else, or to many.
WITHOUT = {
    "thanks", "callback_appointment", "authority_request", "verification_request", "regret_and_action", "bulk_notice",
    "survey_invitation", "out_of_scope",
}  # fmt: skip


def linked(language: str) -> list[tuple[Kind, str]]:
    without = {("acknowledgement", "question"), ("withdrawal_confirmation", "to_confirm"), ("referral", "undated")}
    every = specimens.kinds(WRITER, language)
    return [(kind, outcome) for kind, outcome in every if kind not in WITHOUT and (kind, outcome) not in without]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_signed_link_fits_into_two_segments_with_what_matters(language: str) -> None:
    assert len(LINK) > 80
    found = linked(language)
    assert len(found) >= 35
    for kind, outcome in found:
        about = specimens.case(language, kind, outcome).model_copy(update={"tracking_url": LINK})
        text = WRITER.short(specimens.row(language, kind, outcome), about, specimens.now())
        assert segments(text) <= LONGEST, (kind, outcome)
        assert LINK in text, (kind, outcome, text)
        after = text[text.index(LINK) + len(LINK) :]
        assert after[:1] in ("", " "), f"{kind}: what follows the link becomes part of it: {text}"


@pytest.mark.parametrize(("language", "day"), [("en", "15 June"), ("zh", "6月15日")])
def test_the_acknowledgement_by_text_message_names_the_day_the_contact_and_the_link(language: str, day: str) -> None:
    about = specimens.case(language, "acknowledgement", "dated").model_copy(update={"tracking_url": LINK})
    text = WRITER.short(specimens.row(language, "acknowledgement", "dated"), about, specimens.now())
    assert all(part in text for part in (day, "555", LINK))
