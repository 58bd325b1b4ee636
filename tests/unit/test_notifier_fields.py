"""Text that PostgreSQL cannot hold is refused with its field on every route of the notifier that takes words."""

from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from services.notifier.api.letters import AmendIn, ApproveIn, ReasonIn
from services.notifier.api.notices import NoticeIn, RegretIn
from services.notifier.api.promises import KeptIn
from services.notifier.api.wishes import WishIn

BAD = ("a\x00b", "a\ud800b")
NOTICE = {
    "id": "00000000-0000-4000-8000-000000000001", "complaints": ["00000000-0000-4000-8000-000000000002"],
    "since": "2026-06-05", "restored_on": "2026-06-08", "incident": "the outage", "what_happened": "A cable was cut",
}  # fmt: skip
REGRET = {"happened": "your hand was burnt", "doing": ["We call"], "caller": "Ada", "call_by": "2026-06-09T10:00:00Z"}
BODIES: list[tuple[type[BaseModel], dict[str, Any], str]] = [
    (ReasonIn, {}, "reason"),
    (ApproveIn, {}, "reason"),
    (AmendIn, {"remedies": [{"remedy": "r1", "amount": "5"}]}, "reason"),
    (KeptIn, {"at": "2026-06-09T10:00:00Z"}, "evidence"),
    (WishIn, {}, "postal_address"),
    (WishIn, {}, "chat"),
    (NoticeIn, NOTICE, "incident"),
    (NoticeIn, NOTICE, "what_happened"),
    (RegretIn, REGRET, "happened"),
    (RegretIn, REGRET, "caller"),
]


@pytest.mark.parametrize(("model", "body", "field"), BODIES, ids=lambda one: getattr(one, "__name__", str(one)[:20]))
def test_what_is_no_text_is_refused_with_its_field(model: type[BaseModel], body: dict[str, Any], field: str) -> None:
    model.model_validate({**body, field: "a word"})
    for bad in BAD:
        with pytest.raises(ValidationError) as caught:
            model.model_validate({**body, field: bad})
        assert {error["loc"][0] for error in caught.value.errors()} == {field}
