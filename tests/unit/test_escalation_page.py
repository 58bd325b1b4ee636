"""The page about one deadline (docs/escalation.md) tells what the code does with the shipped pack."""

from datetime import datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

from shared.events.escalation import RungReached, SlaBreached, SlaWarning
from tests.support import lives
from tests.support.lives import World, book_of

SHANGHAI = ZoneInfo("Asia/Shanghai")
PAGE = (Path(__file__).parents[2] / "docs/escalation.md").read_text(encoding="utf-8")
START = datetime(2025, 9, 30, 16, 40, tzinfo=SHANGHAI)


def test_the_drawn_deadline_is_the_one_that_is_reckoned() -> None:
    pack = files("services.escalation").joinpath("packs/house-tiered.yaml").read_text(encoding="utf-8")
    world = World(book_of(pack), START)
    world.tell(lives.received(START, tier="high", language="zh"))
    assert world.case.clocks["decision"].en in PAGE
    world.until(START + timedelta(days=20))
    said = [
        (type(data), at.astimezone(SHANGHAI).strftime("%d %H:%M"))
        for data, at in world.said
        if isinstance(data, (SlaWarning, SlaBreached, RungReached)) and data.kind == "decision"
    ]
    assert said == [
        (SlaWarning, "10 12:10"),
        (SlaWarning, "11 11:16"),
        (RungReached, "11 11:16"),
        (RungReached, "11 13:58"),
        (SlaBreached, "11 16:40"),
        (RungReached, "11 16:40"),
        (RungReached, "13 16:40"),
        (RungReached, "14 16:40"),
    ]
    drawing = PAGE.partition("## One deadline")[2].partition("| what happens")[0]
    assert "12:10         11:16   13:58   16:40         16:40      16:40" in drawing
