"""How long a consumer rests between polls."""

import pytest

from shared.spine.pace import REST_SHARE, Pace


def test_a_lone_event_is_followed_at_once() -> None:
    pace = Pace(0.025, 0.1)
    assert pace.rest(0.01, lone=False) == 0
    assert pace.rest(0.01, lone=True) == 0
    assert pace.rest(0.01, lone=False) == 0


def test_a_stream_of_them_is_gathered() -> None:
    pace = Pace(0.025, 0.1)
    rests = [pace.rest(0.004, lone=False) for _ in range(4)]
    assert rests == pytest.approx([0, 0.025 * 2 / 3, 0.025, 0.025])


def test_the_rest_is_a_share_of_the_work_up_to_a_bound() -> None:
    pace = Pace(0.006, 0.1)
    rests = [pace.rest(worked, lone=False) for worked in (0.06, 0.06, 0.6)]
    assert rests == [0, 0.06 * REST_SHARE, 0.1]


def test_a_full_poll_is_followed_at_once_because_more_is_waiting() -> None:
    pace = Pace(0.025, 0.1)
    assert [pace.rest(0.06, lone=False) for _ in range(2)][1] > 0
    assert pace.rest(0.3, lone=True) == 0


def test_who_rests_long_by_choice_is_not_cut_short() -> None:
    pace = Pace(0.25, 0.1)
    assert [pace.rest(0.3, lone=False) for _ in range(3)][2] == 0.25
