"""How well replies are taken apart, measured on real replies with lines labelled by hand."""

import hashlib
import os
import re
from pathlib import Path

import pytest

from services.intake import mail, mailquotes, mailtext

DATA = Path(os.environ.get("AMENDS_TEST_DATA", "../shared/data")) / "emails"
REPLIES = DATA / "email-reply-parser/test/emails"
TALON = DATA / "talon/tests/fixtures"
# Replies and what is new in them, as another project sees it: its test folder, under this name, in the test data.
OTHERS = DATA / "email_reply_trimmer/test"
# Which lines of each text are new, counted from 1.
NEW = {
    "correct_sig": "1", "email_1_1": "1-5", "email_1_2": "1 9-34", "email_1_3": "1-3", "email_1_4": "1",
    "email_1_5": "1-15", "email_1_6": "1", "email_1_7": "1", "email_1_8": "13 19", "email_2_1": "1", "email_2_2": "1",
    "email_2_3": "1", "email_BlackBerry": "1", "email_bullets": "1-9", "email_gmail": "1",
    "email_headers_no_delimiter": "1", "email_iPhone": "1", "email_multi_word_sent_from_my_mobile_device": "1",
    "email_one_is_not_on": "1-5", "email_partial_quote_header": "1-6", "email_sent_from_my_not_signature": "1-3",
    "email_sig_delimiter_in_middle_of_line": "1-7", "greedy_on": "1-6", "pathological": "1-2",
}  # fmt: skip
SIGNED = ("camel_case", "jeff", "long", "short_url", "sparse")


def bare(text: str) -> list[str]:
    """The lines that say something, without the spaces that HTML and quoting change."""
    return [line for raw in text.split("\n") if (line := re.sub(r"\s+", " ", raw).strip())]


def new_lines(name: str) -> tuple[str, list[str]]:
    text = (REPLIES / f"{name}.txt").read_text()
    lines = text.split("\n")
    found: list[str] = []
    for part in NEW[name].split():
        first, _, last = part.partition("-")
        found += lines[int(first) - 1 : int(last or first)]
    return text, bare("\n".join(found))


def texts() -> list[tuple[str, str, str, list[str]]]:
    """Name, text, sender's name, and the lines that are new."""
    found = [(name, text, "", new) for name in NEW for text, new in [new_lines(name)]]
    for path in sorted((TALON / "standard_replies").glob("*.eml")):
        parsed = mail.parse(path.read_bytes())
        found.append((path.name, parsed.text, parsed.sender_name, ["Hello"]))
    for path in sorted((TALON / "html_replies").glob("*.html")):
        text = mailtext.from_html(mailtext.decode(path.read_bytes(), None))
        found.append((path.name, text, "", ["Hi. I am fine.", "Thanks,", "Alex"]))
    for name in SIGNED:
        body, sender, signature = (
            (TALON / "signature/emails/stripped" / f"{name}_{part}").read_text()
            for part in ("body", "sender", "signature")
        )
        new = bare(body)
        found.append((name, body, sender.strip(), new[: len(new) - len(bare(signature))]))
    return found


def test_the_accuracy_on_real_replies_that_the_page_names() -> None:
    if not DATA.is_dir():
        pytest.skip("no test data: set AMENDS_TEST_DATA for the e-mail corpora")
    whole, right, all_lines, missed = 0, 0, 0, []
    for name, text, sender, new in texts():
        parts = mailquotes.split(text, sender)
        got, lines = bare(parts.fresh), bare(text)
        wrong = len([line for line in got if line not in new]) + len([line for line in new if line not in got])
        all_lines, right = all_lines + len(lines), right + len(lines) - wrong
        whole += not wrong
        missed += [(name, got)] if wrong else []
    share, exact = right / all_lines, whole / len(texts())
    print(f"{len(texts())} replies: {whole} exactly right ({exact:.0%}), lines right {share:.1%}; not: {missed}")
    assert share >= 0.98
    assert exact >= 0.9


def never_looked_at(name: str) -> bool:
    """Whether a reply of the other project was left out when the rules were improved with the rest."""
    return hashlib.sha256(name.encode()).digest()[0] % 4 == 0


def test_replies_that_were_not_looked_at_while_the_rules_were_made() -> None:
    if not OTHERS.is_dir():
        pytest.skip("no test data: the folder test of discourse/email_reply_trimmer as emails/email_reply_trimmer/test")
    whole = lines = right = 0
    paths = [path for path in sorted((OTHERS / "emails").glob("*.txt")) if never_looked_at(path.stem)]
    for path in paths:
        text, new = path.read_text(), bare((OTHERS / "trimmed" / path.name).read_text())
        got = bare(mailquotes.split(text).fresh)
        wrong = len([line for line in got if line not in new]) + len([line for line in new if line not in got])
        whole, lines, right = whole + (not wrong), lines + len(bare(text)), right + len(bare(text)) - wrong
    print(f"{len(paths)} replies: {whole} exactly right, lines right {right / lines:.1%}")
    assert whole >= len(paths) / 2
    assert right / lines >= 0.8
