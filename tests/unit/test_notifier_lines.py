"""Chinese on paper: no line begins or ends with a mark that must not, numbers stay whole, and nothing is lost."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.lines import _NOT_FIRST, _NOT_LAST, lines

_TEXT = st.text(st.sampled_from("您的来信收到了（编号AM-7K2M）。6月3日，退还30元；“特价” 50%、¥20"), max_size=120)


def units(text: str) -> float:
    """A Chinese character is as wide as two Latin ones."""
    return sum(2 if ord(c) > 0x2000 else 1 for c in text)


def broken(text: str, width: float = 20) -> list[str]:
    return list(lines(text, width, units))


def test_a_comma_begins_no_line_and_a_bracket_ends_none() -> None:
    assert broken("原价一千零九十九元整，特价") == ["原价一千零九十九元", "整，特价"]
    assert broken("您的来信收到了一封（编号") == ["您的来信收到了一封", "（编号"]


def test_numbers_and_references_stay_whole() -> None:
    assert broken("我们会在明天或者后天6月15日") == ["我们会在明天或者后天", "6月15日"]
    assert broken("您的来信，编号AM-7K2M9Q") == ["您的来信，编号", "AM-7K2M9Q"]
    assert broken("特价是七百九十多799元") == ["特价是七百九十多", "799元"]


def test_what_is_wider_than_a_line_is_divided() -> None:
    assert broken("https://amends.example/track") == ["https://amends.examp", "le/track"]


@given(_TEXT, st.integers(12, 60))
def test_nothing_is_lost_and_nothing_is_too_wide(text: str, width: int) -> None:
    found = broken(text, width)
    assert "".join("".join(found).split()) == "".join(text.split())
    assert all(units(line) <= width for line in found)
    # A run of marks that is wider than a line cannot be kept from its edges.
    for before, after in pairwise(found):
        if units(before) > width / 2 and before[-1] not in _NOT_FIRST | _NOT_LAST:
            assert after[0] not in _NOT_FIRST
