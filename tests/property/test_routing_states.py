"""The state table: every walk through it is legal, every pair is either in it or refused with what is possible."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.routing import states
from shared.base.errors import Conflict
from tests.support.scale import examples


@given(st.sampled_from(states.STATES), st.sampled_from(states.COMMANDS), st.sampled_from([1, 2]))
@examples(600)
def test_a_pair_is_in_the_table_or_refused_with_the_allowed_moves(state: str, command: str, stage: int) -> None:
    if states.possible(state, command):  # type: ignore[arg-type]
        assert states.after(state, command, stage) in states.STATES  # type: ignore[arg-type]
        return
    with pytest.raises(Conflict) as refused:
        states.after(state, command, stage)  # type: ignore[arg-type]
    assert refused.value.status == 409
    allowed = refused.value.body()["allowed"]
    assert command not in allowed
    assert all(states.possible(state, name) for name in allowed)  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(states.COMMANDS), max_size=60), st.sampled_from([1, 2]))
@examples(400)
def test_walks_never_leave_the_rules_of_the_contract(walk: list[str], stage: int) -> None:
    state: states.State = "received"
    seen = {state}
    for command in walk:
        if not states.possible(state, command):  # type: ignore[arg-type]
            continue
        before, state = state, states.after(state, command, stage)  # type: ignore[arg-type]
        seen.add(state)
        if state == "triaged":
            assert before == "received"
        if state in ("communicated", "final") and before != state:
            assert before == "decided"
        if state == "decided" and before != state:
            assert before in (*states.ON_DESK, *states.PAUSED)
        if state == "resolved" and before != state:
            assert before in ("communicated", "assigned")
        if before in states.ENDED and state != before:
            assert (before, command) in {
                ("closed", "reopen"), ("withdrawn", "close"), ("referred_outside", "close"),
            }  # fmt: skip
    assert "triaged" in seen or seen == {"received"}


def test_every_state_can_be_reached_and_every_open_one_left() -> None:
    assert _reached(1) | _reached(2) == set(states.STATES)
    for name in states.OPEN:
        assert {states.after(name, c) for c in states.COMMANDS if states.possible(name, c)} - {name}


def _reached(stage: int) -> set[str]:
    reached: set[str] = set()
    front = {"received"}
    while front:
        reached |= front
        front = {
            str(states.after(s, c, stage))  # type: ignore[arg-type]
            for s in front
            for c in states.COMMANDS
            if states.possible(s, c)  # type: ignore[arg-type]
        } - reached
    return reached


def test_every_command_of_the_api_is_somewhere_in_the_table() -> None:
    commands = {command for _, command in states.TABLE}
    assert commands == set(states.COMMANDS)
    assert set(states.API_COMMANDS) <= commands
