"""Whether a complaint's case is remembered or read from its rows makes no difference."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

from hypothesis import given
from pydantic_core import from_json

from services.escalation import rows
from services.escalation.model import Case
from shared.base.sql import to_json
from tests.property.test_escalation_clocks import BOOK, T, steps
from tests.support.lives import World, minutes
from tests.support.scale import examples


def read_back(case: Case) -> Case:
    """The case as its rows say it."""

    def stored(row: dict[str, Any]) -> Any:
        return SimpleNamespace(**row | {"document": from_json(to_json(row["document"]))})

    again = rows.case_of(stored(rows.complaint_row(case, 1)))
    clocks = [rows.clock_of(stored(rows.clock_row(case.complaint_id, case.tier, c))) for c in case.clocks.values()]
    again.clocks = {clock.name: clock for clock in clocks}
    return again


@examples(100)
@given(steps)
def test_a_case_that_is_read_is_the_one_that_was_written(script: Any) -> None:
    world = World(BOOK, T)
    for wait, payload, looked in script:
        (world.until if looked else world.sleep)(world.now + minutes(wait))
        world.tell(payload)
        assert read_back(world.case) == replace(world.case, rungs=[], marks={})
