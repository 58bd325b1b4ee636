"""Intake's pure rules by example."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.intake import commands, handlers, identity, timeline
from services.intake.commands import COMMANDS, Said, Staffed
from services.intake.forms import CommentCard, Form, QuickForm, post
from services.intake.model import TIMELINE_LIMIT, Case, Clock, Origin, Stage
from shared.base.errors import Conflict
from shared.events.envelope import Event
from shared.languages import Languages
from shared.spine.effects import Emit
from tests.support.examples import example

COMPLAINT = UUID("0190a1b2-0000-7000-8000-000000000001")
AT = datetime(2026, 6, 9, 4, 0, tzinfo=UTC)
STAGES: tuple[Stage, ...] = (
    "received", "assigned", "waiting_customer", "decided", "answered", "disputed", "resolved", "closed", "withdrawn",
    "referred",
)  # fmt: skip


def case(stage: Stage = "received") -> Case:
    origin = Origin("AM-7K2M9Q4T17", "complaint", "web", "shop", uuid4(), "en", AT, "ada@example.com", None, None, AT)
    return Case(COMPLAINT, origin=origin, stage=stage)


@pytest.mark.parametrize("model", handlers.HANDLERS, ids=lambda m: m.__name__)
def test_every_handler_takes_its_event_in_any_state(model: type) -> None:
    for stage in STAGES:
        for known in (case(stage), Case(COMPLAINT, stage=stage)):
            told = Event(uuid4(), COMPLAINT, example(model), AT, 1, "d")
            assert list(handlers.HANDLERS[model](known, told, AT)) == []


# A channel may hear such a word before our view of the case has caught up.
_TAKEN_THOUGH_NOT_OFFERED = {
    "decided": ("accept", "dispute"),
    "answered": ("withdraw", "reopen"),
    "resolved": ("withdraw",),
    "closed": ("accept",),
}


@pytest.mark.parametrize("stage", STAGES)
def test_what_the_page_offers_is_what_is_taken(stage: Stage) -> None:
    for word in commands.possible(case(stage)):
        effects = list(COMMANDS[word](case(stage), Said(uuid4(), "web", "words"), AT))
        assert [type(effect) for effect in effects] == [Emit]
    for word in ("withdraw", "accept", "dispute", "reopen"):
        if word not in commands.possible(case(stage)) and word not in _TAKEN_THOUGH_NOT_OFFERED.get(stage, ()):
            with pytest.raises(Conflict) as refused:
                list(COMMANDS[word](case(stage), Said(uuid4(), "web"), AT))
            assert refused.value.more["allowed"] == commands.possible(case(stage))


def test_a_withdrawal_by_staff_waits_for_the_customers_own_word() -> None:
    asked = case("assigned")
    written = Said(uuid4(), "hotline", staff=Staffed("zhang", "https://complaints.example/track/AM-1?t=x"))
    [told] = commands.withdraw(asked, written, AT)
    assert isinstance(told, Emit)
    assert (told.data.by, told.data.confirm_url) == ("zhang", "https://complaints.example/track/AM-1?t=x")  # type: ignore[attr-defined]
    assert (asked.stage, asked.open) == ("assigned", True)
    assert "keep" in commands.possible(asked)
    assert list(commands.keep(asked, Said(uuid4(), "web"), AT)) == []
    assert asked.withdrawal_asked is None
    list(commands.withdraw(asked, written, AT))
    [told] = commands.withdraw(asked, Said(uuid4(), "web"), AT)
    assert isinstance(told, Emit)
    assert told.data.by == "staff_confirmed"  # type: ignore[attr-defined]
    assert asked.stage == "withdrawn"


def test_a_complaint_is_opened_again_within_the_houses_window() -> None:
    ended, window = case("closed"), timedelta(days=90)
    ended.note(AT, "closed")
    for days, possible in ((89, True), (91, False)):
        now = AT + timedelta(days=days)
        assert ("reopen" in commands.possible(ended, now, window)) is possible
        said = Said(uuid4(), "web", "It broke again.", reopen_within=window)
        if possible:
            assert list(commands.reopen(ended, said, now))
        else:
            with pytest.raises(Conflict, match="new complaint is welcome"):
                list(commands.reopen(ended, said, now))


def test_chases_count_in_seven_days() -> None:
    chased = case()
    days = (0, 1, 6, 9)
    told = [next(iter(commands.chase(chased, Said(uuid4(), "email"), AT + timedelta(days=d)))) for d in days]
    assert [effect.data.count_7d for effect in told if isinstance(effect, Emit)] == [1, 2, 3, 2]  # type: ignore[attr-defined]


def test_a_timeline_keeps_its_first_line_and_a_bound() -> None:
    long = case()
    long.note(AT, "received")
    for n in range(TIMELINE_LIMIT + 10):
        long.note(AT, "message", text=str(n))
    assert len(long.timeline) == TIMELINE_LIMIT
    assert (long.timeline[0].what, long.timeline[-1].with_["text"]) == ("received", str(TIMELINE_LIMIT + 9))


def test_the_story_is_told_in_both_languages() -> None:
    zone = "Asia/Shanghai"
    for what in timeline.WORDS:
        for language in ("zh", "en"):
            assert timeline.sentence(what, {}, language, zone)
    with_ = {"by": "2026-06-09T04:00:00+00:00"}
    assert timeline.sentence("asked", with_, "zh", zone) == "我们向您了解一些情况，请在2026年6月9日前回复。"
    promised = case()
    promised.clocks = [Clock("decision", "running", AT), Clock("handoff", "running", AT), Clock("decision", "met", AT)]
    assert timeline.promises(promised, "en", zone) == [("our answer", "9 June 2026, 12:00")]


@pytest.mark.parametrize(
    ("typed", "wrong"),
    [
        ({}, {"text", "contact"}),
        ({"text": "x", "anonymous": "yes"}, set()),
        ({"text": "x", "email": "no"}, {"email"}),
        ({"text": "x", "phone": "12"}, {"phone"}),
        ({"text": "x" * 20_001, "email": "a@example.com"}, {"text"}),
    ],
)
def test_what_is_wrong_with_a_form(typed: dict[str, str], wrong: set[str]) -> None:
    assert set(Form(typed, "CN").errors("en")) == wrong


def test_an_anonymous_form_sends_no_contact() -> None:
    sent, _ = post(Form({"text": "x", "email": "a@example.com", "anonymous": "yes"}, "CN").body("en"), [])
    assert (sent.customer.email, sent.customer.name) == (None, None)


def test_who_writes_for_somebody_else_is_not_the_customer() -> None:
    typed = {"text": "x", "name": "Li Na", "email": "na@example.com", "on_behalf": "yes", "for_name": "Li Wei"}
    assert set(Form(typed, "CN").errors("en")) == {"relation"}
    form = Form({**typed, "relation": "daughter", "authority": "verified", "for_contact": "138 0013 8000"}, "CN")
    assert form.errors("en") == {}
    sent, _ = post(form.body("en"), [])
    assert (sent.customer.name, sent.customer.email, sent.customer.phone) == ("Li Wei", None, "138 0013 8000")
    assert sent.complainant
    assert (sent.complainant.name, sent.complainant.contact) == ("Li Na", "na@example.com")
    assert sent.complainant.authority == "none", "nobody verifies their own authority"


@pytest.mark.parametrize(
    ("contact", "wrong"), [("", {"contact"}), ("x", {"contact"}), ("a@b.example", set()), ("13800138000", set())]
)
def test_the_quick_form_wants_one_contact(contact: str, wrong: set[str]) -> None:
    assert set(QuickForm({"text": "x", "contact": contact}, "CN").errors("zh")) == wrong


def test_a_comment_card_is_what_its_writer_calls_it() -> None:
    """Words that sound like a complaint do not make one of it."""
    card = CommentCard({"text": "Nobody was rude, unlike last year.", "kind": "suggestion", "site": "Shop 3"}, "CN")
    sent, _ = post(card.body("en"), [])
    assert (sent.kind, sent.site) == ("suggestion", "Shop 3")
    assert CommentCard({"text": "x", "kind": "complaint"}, "CN").kind == "praise"
    assert set(CommentCard({"text": "x", "kind": "question"}, "CN").errors("en")) == {"contact"}


def test_contacts_have_one_form() -> None:
    assert identity.email(" Ada@Example.COM ") == "ada@example.com"
    assert identity.email("li@例子.测试") == "li@xn--fsqu00a.xn--0zwm56d"
    assert identity.phone("138 0013 8000", "CN") == identity.phone("+86 13800138000", "GB") == "+8613800138000"
    assert identity.phone("138****8000", "CN") is None


def test_the_language_is_the_one_that_was_written() -> None:
    assert Languages().told("我的手机坏了，请退款") == "zh"
    assert Languages().told("My phone (手机) is broken and I want a refund for it, please.") == "en"
    assert Languages().told("") == "en"
