"""Text as callers may send it: what PostgreSQL cannot hold is refused with its field, before it comes anywhere near."""

from typing import Annotated

from pydantic import AfterValidator


def _clean(text: str) -> str:
    if "\x00" in text:
        raise ValueError("NUL is not text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("a lone surrogate is not text") from None
    return text


Said = Annotated[str, AfterValidator(_clean)]
