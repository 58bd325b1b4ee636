"""The forms that people fill in: what was typed, what is wrong with it, and the post that it becomes. Pure."""

import json
from collections.abc import Mapping, Sequence

from shared.base.uploads import Why

from . import identity
from .requests import ComplaintIn

WANTED = ("refund", "exchange", "repair", "apology", "explanation", "compensation", "correction", "other")
CARDS = ("praise", "suggestion", "question")
AUTHORITIES = ("claimed", "none")
LIMITS = {
    "text": 20_000, "expected": 2000, "wanted_text": 2000, "name": 200, "email": 320, "phone": 40, "order_ref": 200,
    "contact": 320, "site": 200, "for_name": 200, "for_contact": 200, "relation": 200,
}  # fmt: skip
_SAY = {
    "text": ("请告诉我们发生了什么。", "Please tell us what happened."),
    "comment": ("请写下您想说的话。", "Please write what you would like to say."),
    "contact": (
        "请留下邮箱或电话，或者选择匿名。",
        "Please give an e-mail address or a phone number, or choose to stay anonymous.",
    ),
    "reach": ("请留下邮箱或电话，我们好答复您。", "Please give an e-mail address or a phone number for our answer."),
    "neither": (
        "这看起来既不是邮箱，也不是电话号码。",
        "This looks like neither an e-mail address nor a phone number.",
    ),
    "email": ("这个邮箱地址看起来不对。", "This does not look like an e-mail address."),
    "phone": ("这个电话号码看起来不对。", "This does not look like a phone number."),
    "own_name": ("请写下您自己的姓名。", "Please give your own name."),
    "for_name": ("请写下您代表的人的姓名。", "Please give the name of the person you write for."),
    "relation": ("请告诉我们您与对方的关系。", "Please tell us how you are related."),
    "caller": ("请选择客户，或填写姓名、电话或邮箱。", "Please mark a customer, or give a name, number or e-mail."),
    "time": ("请填写日期和时间。", "Please give a date and a time."),
    "machine": ("无法提交。", "This could not be sent."),
    "long": ("内容太长，请缩短一些。", "This is too long; please shorten it."),
    "files": ("最多十个文件，合计不超过25 MB。", "At most ten files of 25 MB together."),
}
_FILES: Mapping[Why, tuple[str, str]] = {
    "program": ("“{name}”是程序，不能接收。", "“{name}” is a program; we cannot take it."),
    "type": (
        "“{name}”的格式我们打不开，请发照片、PDF、文档或录音。",
        "We cannot open “{name}”; please send a photo, PDF, document or recording.",
    ),
    "picture": (
        "“{name}”无法识别，请另存为JPG或PNG再发。",
        "We cannot read “{name}”; please save it as JPG or PNG and send it again.",
    ),
    "empty": ("“{name}”是空文件。", "“{name}” is empty."),
}


def say(why: str, language: str) -> str:
    """What is wrong, in the page's language."""
    return _SAY[why][0 if language == "zh" else 1]


def refused_file(name: str, why: Why, language: str) -> str:
    """Why a file was not taken."""
    return _FILES[why][0 if language == "zh" else 1].format(name=name)


class Form:
    """`typed` is kept as it was typed, so that nothing has to be typed twice. This one is the whole complaint form."""

    page = "complain"

    def __init__(self, typed: Mapping[str, str], region: str) -> None:
        self.typed, self.region = dict(typed), region

    def __getitem__(self, name: str) -> str:
        return self.typed.get(name, "")

    @property
    def anonymous(self) -> bool:
        """Whether the customer does not want to be known."""
        return self["anonymous"] == "yes"

    @property
    def on_behalf(self) -> bool:
        """Whether somebody else is the customer."""
        return self["on_behalf"] == "yes" and not self.anonymous

    def errors(self, language: str) -> dict[str, str]:
        """Field → what is wrong with it, in the page's language."""
        wrong = self._wrong() | {name: "long" for name, limit in LIMITS.items() if len(self[name]) > limit}
        if self["website"]:  # a field that people do not see: only a machine fills it
            wrong["text"] = "machine"
        return {field: say(why, language) for field, why in wrong.items()}

    def _wrong(self) -> dict[str, str]:
        wrong = {} if self["text"] else {"text": "text"}
        if self.anonymous:
            return wrong
        if not self["email"] and not self["phone"]:
            wrong["contact"] = "contact"
        if self["email"] and not identity.email(self["email"]):
            wrong["email"] = "email"
        if self["phone"] and not identity.phone(self["phone"], self.region):
            wrong["phone"] = "phone"
        if self.on_behalf:
            wrong |= {} if self["name"] else {"name": "own_name"}
            wrong |= {} if self["for_name"] else {"for_name": "for_name"}
            wrong |= {} if self["relation"] else {"relation": "relation"}
            if self["for_contact"] and not self._reached(self["for_contact"]):
                wrong["for_contact"] = "neither"
        return wrong

    def body(self, language: str) -> dict[str, object]:
        """The JSON body of the post. Only for a form without errors."""
        body: dict[str, object] = {"channel": "web", "source": f"/{self.page}", "text": self["text"]}
        body |= {name: self[name] for name in ("expected", "order_ref") if self[name]}
        if self["wanted"] in WANTED or self["wanted_text"]:
            kind = self["wanted"] if self["wanted"] in WANTED else "other"
            body["wanted"] = {"kind": kind, **({"text": self["wanted_text"]} if self["wanted_text"] else {})}
        own = {} if self.anonymous else {n: self[n] for n in ("name", "email", "phone") if self[n]}
        if self.on_behalf:
            body["complainant"] = {
                "name": self["name"],
                "contact": self["email"] or self["phone"],
                "relation": self["relation"],
                # Who says so on a page has claimed it; only a person who has seen a proof may call it verified.
                "authority": self["authority"] if self["authority"] in AUTHORITIES else "none",
            }
            own = {"name": self["for_name"], **self._reached(self["for_contact"])}
        body["customer"] = {"language": language, **own}
        return body

    def _reached(self, told: str) -> dict[str, str]:
        """An e-mail address or a phone number as the post's field; empty for what is neither."""
        if identity.email(told):
            return {"email": told}
        return {"phone": told} if identity.phone(told, self.region) else {}


class QuickForm(Form):
    """Two fields: what happened, and how to reach the customer."""

    page = "quick"

    def _wrong(self) -> dict[str, str]:
        wrong = {} if self["text"] else {"text": "text"}
        if not self["contact"]:
            wrong["contact"] = "reach"
        elif not self._reached(self["contact"]):
            wrong["contact"] = "neither"
        return wrong

    def body(self, language: str) -> dict[str, object]:
        """The JSON body of the post."""
        customer = {"language": language, **self._reached(self["contact"])}
        return {"channel": "web", "source": "/quick", "text": self["text"], "customer": customer}


class CommentCard(Form):
    """Praise, a suggestion or a question: what the customer calls it, it is. A contact only if they want an answer."""

    page = "comment"

    @property
    def kind(self) -> str:
        """What the customer calls it."""
        return self["kind"] if self["kind"] in CARDS else "praise"

    def _wrong(self) -> dict[str, str]:
        wrong = {} if self["text"] else {"text": "comment"}
        if self["contact"] and not self._reached(self["contact"]):
            wrong["contact"] = "neither"
        if self.kind == "question" and not self["contact"]:
            wrong["contact"] = "reach"
        return wrong

    def body(self, language: str) -> dict[str, object]:
        """The JSON body of the post."""
        customer = {"language": language, **self._reached(self["contact"])}
        if self["name"]:
            customer["name"] = self["name"]
        body: dict[str, object] = {"channel": "web", "source": "/comment", "kind": self.kind, "text": self["text"]}
        return body | ({"site": self["site"]} if self["site"] else {}) | {"customer": customer}


FORMS: Mapping[str, type[Form]] = {form.page: form for form in (Form, QuickForm, CommentCard)}


def post(body: Mapping[str, object], files: Sequence[tuple[str, str, str]]) -> tuple[ComplaintIn, bytes]:
    """The post and its raw body. `files` are (name, media type, SHA-256 in hex), which stands for the content."""
    attached = [{"name": name, "media_type": kind, "content": sha256} for name, kind, sha256 in files]
    raw = json.dumps(dict(body) | ({"attachments": attached} if attached else {}), ensure_ascii=False).encode()
    return ComplaintIn.model_validate_json(raw), raw
