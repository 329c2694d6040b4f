"""What the session is said to do is what is done with the input, unless a segment is not being heard."""

from datetime import UTC, datetime

import pytest

from captions.events import Phase, SessionState
from captions.recognition.segment import Segment
from captions.recognition.standing import Standing, Trouble

REFUSED = Trouble(Phase.FAILED, "refused", 1)
BROKEN = Trouble(Phase.RECONNECTING, "broken", 2)


class Told:
    """A standing, what it has told, and two segments: `earlier` ends where `live` begins."""

    def __init__(self) -> None:
        self.states: list[SessionState] = []
        self.now = 0.0
        self.standing = Standing(self.states.append, lambda: ("recogniser", "en-US"), lambda: self.now)
        self.earlier, self.live = (Segment(start, 16_000, datetime.now(UTC)) for start in (0, 16_000))

    @property
    def last(self) -> tuple[Phase, str]:
        return self.states[-1].phase, self.states[-1].detail


@pytest.fixture
def told() -> Told:
    made = Told()
    made.standing.set(Phase.CONNECTING)
    made.standing.heard(made.live, live=True)
    return made


def test_it_listens_once_a_stream_is_at_work_and_tells_that_once(told: Told) -> None:
    told.now = 5.0
    told.standing.heard(told.live, live=True)
    told.standing.heard(told.earlier, live=False)
    assert [state.phase for state in told.states] == [Phase.CONNECTING, Phase.LISTENING]
    assert told.states[-1].since == 0.0


@pytest.mark.parametrize("trouble", [REFUSED, BROKEN])
def test_words_of_the_live_segment_do_not_hide_that_an_earlier_one_is_not_heard(told: Told, trouble: Trouble) -> None:
    told.standing.in_trouble(told.earlier, trouble)
    told.standing.heard(told.live, live=True)
    assert told.last == (trouble.phase, trouble.detail)
    assert told.standing.failures == trouble.failures
    told.standing.heard(told.earlier, live=False)
    assert told.last == (Phase.LISTENING, "")
    assert told.standing.failures == 0


def test_last_words_of_an_earlier_segment_do_not_hide_that_the_live_one_is_not_heard(told: Told) -> None:
    told.standing.in_trouble(told.live, REFUSED)
    told.standing.heard(told.earlier, live=False)
    told.standing.done(told.earlier)
    assert told.last == (Phase.FAILED, "refused")


def test_of_two_troubles_the_later_is_told_and_then_the_other(told: Told) -> None:
    told.standing.in_trouble(told.live, REFUSED)
    told.standing.in_trouble(told.earlier, BROKEN)
    assert told.last == (Phase.RECONNECTING, "broken")
    told.standing.heard(told.earlier, live=False)
    assert told.last == (Phase.FAILED, "refused")


def test_what_is_tried_anew_is_connecting(told: Told) -> None:
    told.standing.in_trouble(told.live, REFUSED)
    told.standing.again(told.live)
    assert told.last == (Phase.CONNECTING, "")
    told.standing.connecting("loading the model", live=True)
    assert told.last == (Phase.CONNECTING, "loading the model")


@pytest.mark.parametrize("phase", [Phase.PAUSED, Phase.WAITING, Phase.NO_INPUT])
def test_an_input_that_gives_no_sound_comes_before_trouble_and_stays_when_that_is_over(
    told: Told, phase: Phase
) -> None:
    told.standing.in_trouble(told.earlier, BROKEN)
    told.standing.set(phase, "why")
    assert told.last == (phase, "why")
    told.standing.in_trouble(told.earlier, BROKEN)
    told.standing.again(told.earlier)
    told.standing.heard(told.earlier, live=False)
    assert told.last == (phase, "why")


def test_a_slow_opening_on_what_was_said_before_does_not_end_listening(told: Told) -> None:
    told.standing.connecting("loading the model", live=False)
    assert told.last == (Phase.LISTENING, "")
