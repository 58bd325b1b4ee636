"""The form that customers fill in: what was typed, what is wrong with it, and the post that it becomes. Pure."""

import json
from collections.abc import Mapping

from . import identity
from .requests import ComplaintIn

WANTED = ("refund", "exchange", "repair", "apology", "explanation", "compensation", "correction", "other")
LIMITS = {
    "text": 20_000,
    "expected": 2000,
    "wanted_text": 2000,
    "name": 200,
    "email": 320,
    "phone": 40,
    "order_ref": 200,
}
_SAY = {
    "text": ("请告诉我们发生了什么。", "Please tell us what happened."),
    "contact": (
        "请留下邮箱或电话，或者选择匿名。",
        "Please give an e-mail address or a phone number, or choose to stay anonymous.",
    ),
    "email": ("这个邮箱地址看起来不对。", "This does not look like an e-mail address."),
    "phone": ("这个电话号码看起来不对。", "This does not look like a phone number."),
    "long": ("内容太长，请缩短一些。", "This is too long; please shorten it."),
}


class ComplaintForm:
    """`typed` is kept as it was typed, so that nothing has to be typed twice."""

    def __init__(self, typed: Mapping[str, str]) -> None:
        self.typed = dict(typed)

    def __getitem__(self, name: str) -> str:
        return self.typed.get(name, "")

    @property
    def anonymous(self) -> bool:
        """Whether the customer does not want to be known."""
        return self["anonymous"] == "yes"

    def errors(self, language: str, region: str) -> dict[str, str]:
        """Field → what is wrong with it, in the page's language."""
        found = [name for name, limit in LIMITS.items() if len(self[name]) > limit]
        wrong = dict.fromkeys(found, "long")
        if not self["text"]:
            wrong["text"] = "text"
        if not self.anonymous:
            if not self["email"] and not self["phone"]:
                wrong["contact"] = "contact"
            if self["email"] and not identity.email(self["email"]):
                wrong["email"] = "email"
            if self["phone"] and not identity.phone(self["phone"], region):
                wrong["phone"] = "phone"
        return {field: _SAY[why][0 if language == "zh" else 1] for field, why in wrong.items()}

    def post(self, language: str) -> tuple[ComplaintIn, bytes]:
        """The post, and its body. Only for a form without errors."""
        customer = {"language": language}
        if not self.anonymous:
            customer |= {name: self[name] for name in ("name", "email", "phone") if self[name]}
        body: dict[str, object] = {"channel": "web", "customer": customer, "text": self["text"]}
        body |= {name: self[name] for name in ("expected", "order_ref") if self[name]}
        if self["wanted"] in WANTED or self["wanted_text"]:
            kind = self["wanted"] if self["wanted"] in WANTED else "other"
            body["wanted"] = {"kind": kind, **({"text": self["wanted_text"]} if self["wanted_text"] else {})}
        raw = json.dumps(body, ensure_ascii=False).encode()
        return ComplaintIn.model_validate_json(raw), raw
