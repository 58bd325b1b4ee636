"""Mail by example: what real clients and servers send."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from services.intake import classify, mail, mailquotes, mailtext
from services.intake.classify import Known
from tests.unit.test_intake_rules import COMPLAINT

SAMPLES = Path("samples/emails")


def sample(name: str) -> mail.Mail:
    return mail.parse((SAMPLES / name).read_bytes())


def test_charsets_and_encoded_words() -> None:
    assert "冰箱送错型号" in sample("written-complaint-zh.eml").subject
    assert sample("mikel-japanese_shift_jis.eml").text.startswith("あいうえお")
    assert sample("mikel-ks_c_5601-1987.eml").text == "스티해"
    assert mailtext.header("=?utf-8?q?caf=C3=A9?= =?utf-8?q?_au_lait?=") == "café au lait"
    assert mailtext.decode("中文".encode("gb18030"), "gb2312") == "中文"
    assert "<script>" not in mailtext.decode(b"+ADw-script+AD4-", "utf-7")


def test_a_broken_header_line_does_not_swallow_the_others() -> None:
    parsed = sample("mikel-raw_email_incorrect_header.eml")
    assert (parsed.sender, parsed.subject != "") == ("xxx@xxx.xxx", True)
    assert "header lines mended" in parsed.defects


def test_bounces_name_the_letter_and_whether_it_is_for_good() -> None:
    for_good, delayed = sample("mikel-report_530.eml").bounce, sample("mikel-report_422.eml").bounce
    assert for_good
    assert delayed
    assert (for_good.message_id, for_good.status, for_good.permanent) == (
        "<200712232303.lBNN3jDq002941@mail12.rrrr.com.au>", "5.3.0", True
    )  # fmt: skip
    assert (delayed.status, delayed.permanent) == ("4.2.2", False)


def test_the_topmost_received_header_tells_host_and_time() -> None:
    top = b"Received: from a by MX.Example.net. with SMTP;\r\n Wed, 3 Jun 2026 17:00:00 +0800\r\n"
    raw = top + b"Received: by b; x\r\n\r\n"
    parsed = mail.parse(raw)
    assert (parsed.received_by, parsed.received_at) == ("mx.example.net", datetime(2026, 6, 3, 9, tzinfo=UTC))


@pytest.mark.parametrize(
    ("more", "automatic"),
    [
        (b"Auto-Submitted: auto-replied\r\n", True),
        (b"Auto-Submitted: auto-generated\r\n", False),
        (b"Auto-Submitted: auto-generated\r\nIn-Reply-To: <a@b>\r\n", True),
        (b"Auto-Submitted: no\r\n", False),
        (b"Subject: Automatic reply: hello\r\n", True),
        ("Subject: 自动回复: 我在休假\r\n".encode(), True),
        (b"Subject: The automatic reply of your machine is wrong\r\n", False),
    ],
)
def test_automatic_answers(more: bytes, automatic: bool) -> None:
    assert bool(mail.parse(b"From: a@example.com\r\n" + more + b"\r\nhi").automatic) is automatic


QUOTES = {
    "gmail": "New words.\n\nOn Mon, 1 Jun 2026 at 10:00, Amends <a@b.example> wrote:\n> old",
    "two lines": "New words.\n\nOn Mon, 1 Jun 2026 at 10:00, A Long Company Name\n<a@b.example> wrote:\n> old",
    "outlook": "New words.\n\n-----Original Message-----\nFrom: x\nSent: y\n\nold",
    "outlook block": "New words.\n\nFrom: Amends\nSent: Monday\nTo: Ada\nSubject: S\n\nold",
    "qq": "New words.\n\n\n------------------ 原始邮件 ------------------\n发件人: \"a\"\n\nold",
    "163": "New words.\n\n在 2026-06-01 10:00:00，\"Amends\" <a@b.example> 写道：\n> old",
    "foxmail": "New words.\n\n发件人： Amends\n发送时间： 2026-06-01 10:00\n\nold",
    "apple zh": "New words.\n\n在 2026年6月1日，10:00，Amends <a@b.example> 写道：\n\n> old",
    "apple zh 2": "New words.\n\nAmends <a@b.example> 于2026年6月1日周一 10:00写道：\n\n> old",
    "only marks": "New words.\n> old",
    "phone": "New words.\n\nSent from my iPhone\n\n> old",
    "phone zh": "New words.\n\n发自我的iPhone\n\n> old",
}  # fmt: skip


@pytest.mark.parametrize("text", QUOTES.values(), ids=QUOTES)
def test_what_is_new_in_a_reply(text: str) -> None:
    parts = mailquotes.split(text)
    assert parts.fresh == "New words."
    assert "old" in parts.quoted


def test_html_becomes_words_with_its_quotes_marked() -> None:
    html = "<style>x</style><p>One &amp; two</p><!-- no --><ul><li>three</ul><blockquote><p>old</p></blockquote>"
    assert mailtext.from_html(html) == "One & two\nthree\n> old"


def test_a_file_has_a_safe_name() -> None:
    raw = b'Content-Type: application/pdf\r\nContent-Disposition: attachment; filename="..\\..\\a\x01b.pdf"\r\n\r\nx'
    assert [file.name for file in mail.parse(raw).files] == ["ab.pdf"]


KNOWN = Known(COMPLAINT, "AM-7K2M9Q4T17", "complaint", True, frozenset({"ada@example.com"}))


def judged(text: str, *, sender: str = "ada@example.com", more: str = "", by_letter: bool = True) -> classify.Verdict:
    raw = f"From: {sender}\r\n{more}In-Reply-To: <ours>\r\n\r\n{text}".encode()
    known = {"<ours>": KNOWN} if by_letter else {}
    return classify.judge(mail.parse(raw), known, {}, known_sender=False)


@pytest.mark.parametrize(
    ("text", "asks"),
    [
        ("How much was refunded to the card?", True), ("Please send me the report.", True), ("Any news?", True),
        ("退了多少钱？", True), ("请把检测报告发给我", True), ("我想知道查得怎么样了", True), ("还没有消息吗", True),
        ("Thank you, that helped.", False), ("The serial number is 12.", False), ("谢谢，收到了。", False),
        ("型号是X200。", False),
    ],
)  # fmt: skip
def test_who_is_no_party_is_told_apart_and_so_is_who_asks(text: str, asks: bool) -> None:
    for sender, unknown in (("eve@example.com", True), ("Ada@Example.com", False)):
        verdict = judged(text, sender=sender)
        assert verdict.about == KNOWN
        assert (verdict.unknown, verdict.asks) == (unknown, asks)


def test_outcomes() -> None:
    assert judged("The serial number is 12.").outcome == "reply"
    assert judged("还没有回复，什么时候处理？").outcome == "chase"
    assert judged("Thank you for your excellent service!", by_letter=False).outcome == "praise"
    assert judged("建议你们增加夜间班车。", by_letter=False).outcome == "suggestion"
    assert judged("Could you tell me your opening hours?", by_letter=False).outcome == "question"
    assert judged("Could you tell me why you overcharged me?", by_letter=False).outcome == "complaint"
    assert judged("Buy now", more="X-Spam-Flag: YES\r\n", by_letter=False).outcome == "spam"
    assert judged("", by_letter=False).outcome == "quarantined"
