"""How often daemons are asked how they are."""

import pytest

from agents.pages.sockets import MOST_REST_S, rest_s


@pytest.mark.parametrize(("took_s", "rests_s"), [(0.0, 0.0), (0.002, 0.04), (0.1, 2.0), (3.0, MOST_REST_S)])
def test_daemon_that_answers_slowly_is_asked_less_often(took_s: float, rests_s: float) -> None:
    assert rest_s(took_s) == pytest.approx(rests_s)
