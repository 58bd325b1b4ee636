"""A letter says that a promised day has moved when it has, and not when only the hour is another."""

from datetime import timedelta

import pytest

from services.notifier import specimens
from services.notifier.model import Said
from tests.unit.test_notifier_handlers import WRITER


@pytest.mark.parametrize(("language", "words"), [("en", "that day has moved"), ("zh", "现在改为")])
@pytest.mark.parametrize(("earlier", "moved"), [(timedelta(days=1), True), (timedelta(minutes=5), False)])
def test_a_new_hour_of_the_same_day_is_no_new_day(language: str, words: str, earlier: timedelta, moved: bool) -> None:
    about, row = specimens.case(language, "progress", "update"), specimens.row(language, "progress", "update")
    said = Said(on=specimens.now().date(), due=(about.clocks["decision"] - earlier).isoformat())
    letter = WRITER.write(row, about.model_copy(update={"said": [said]}), specimens.now())
    assert (words in letter.text) is moved
