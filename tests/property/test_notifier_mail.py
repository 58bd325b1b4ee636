"""A mail put together by hand reads as the one that the standard library builds from the same letter."""

import email
import email.policy
from email.headerregistry import Address
from email.message import EmailMessage

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.mime import Mail, build, html
from tests.support.scale import examples

_LINE = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=120)
_WORDS = st.lists(
    st.sampled_from(["Dear", "Li Na", "李娜", "£20", "<b>", "“不”", "x" * 70, "AM-7K2M", "&amp;", "a=3D"])
)
_TEXT = st.lists(st.one_of(_LINE, _WORDS.map(" ".join), st.just(""), st.just(".")), min_size=1, max_size=12)
_NAME = st.one_of(st.none(), st.sampled_from(["Li Na", "李娜", "Zoë Faßbinder", "O'Neil, Pat", "李" * 40]))


def by_the_library(mail: Mail) -> EmailMessage:
    made = EmailMessage(policy=email.policy.SMTP)
    made["From"], made["Reply-To"], made["Subject"] = mail.sender, mail.reply_to, mail.subject
    made["To"] = Address(mail.name or "", addr_spec=mail.address)
    made["Message-ID"] = mail.message_id
    made.set_content(mail.text)
    made.add_alternative(html(mail.text, mail.subject, mail.html_lang), subtype="html")
    return email.message_from_bytes(made.as_bytes(), policy=email.policy.default)  # type: ignore[return-value]


def read(message: EmailMessage) -> dict[str, object]:
    assert not message.defects
    [to] = message["To"].addresses
    bodies = [message.get_body((kind,)) for kind in ("plain", "html")]
    return {
        "names": [str(message[name]) for name in ("From", "Reply-To", "Message-ID")] + [to.addr_spec],
        "kinds": [part.get_content_type() for part in message.walk()],
        "sets": [part.get_content_charset() for part in message.iter_parts()],
        "texts": [b.get_content().replace("\r\n", "\n").rstrip("\n") for b in bodies if b is not None],
    }


@examples(400)
@given(_TEXT, _WORDS.map(" ".join), _NAME)
def test_a_mail_reads_as_the_library_would_have_written_it(lines: list[str], subject: str, name: str | None) -> None:
    mail = Mail(
        message_id="<6f0ad9e3-52f1-4a59-8f6d-0b7f8ad9c1a1@amends.example>", sender="care@amends.example",
        reply_to="reply+AM-7K2M9Q4T1C@amends.example", address="lina@example.org", name=name, subject=subject,
        text="\n".join(lines) + "\n", html_lang="zh-CN", automatic=False, thread=[],
    )  # fmt: skip
    ours = email.message_from_bytes(build(mail), policy=email.policy.default)
    assert isinstance(ours, EmailMessage)
    assert read(ours) == read(by_the_library(mail))
    # Beside what was meant: between an encoded word and its neighbour the library writes some lines that it does not
    # read itself. Its parser also keeps the blank between two encoded words, which RFC 2047 says is none.
    [to] = ours["To"].addresses
    assert [_close(str(ours["Subject"])), _close(to.display_name)] == [_close(subject), _close(name or "")]


def _close(text: str) -> str:
    return text.replace(" ", "")
