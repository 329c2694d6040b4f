"""How the session stands, in one phase: what is done with the input, unless the streams are in trouble.

Segments are heard side by side where one ends and the next begins, and what was heard of the later waits for the
earlier. So trouble with any of them is trouble with the captions, until a stream on that segment is at work again.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from captions.events import Phase, SessionState
from captions.recognition.segment import Segment


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a segment is not being heard, after how many failed streams in a row."""

    phase: Phase
    detail: str
    failures: int


class Standing:
    """Emits a state whenever it has become another. `of_stream` gives who listens, and for which language."""

    def __init__(
        self,
        emit: Callable[[SessionState], None],
        of_stream: Callable[[], tuple[str, str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.phase = Phase.STARTING
        self._emit = emit
        self._of_stream = of_stream
        self._clock = clock
        self._plain = (Phase.STARTING, "")
        """What is done with the input; streams make it CONNECTING and LISTENING."""
        self._troubles: dict[Segment, Trouble] = {}
        self._state: SessionState | None = None

    @property
    def failures(self) -> int:
        """How many streams in a row have failed on the segment that was in trouble last."""
        return next((trouble.failures for trouble in reversed(self._troubles.values())), 0)

    def set(self, phase: Phase, detail: str = "") -> None:
        """Note what is done with the input."""
        self._plain = (phase, detail)
        self._tell()

    def connecting(self, detail: str, *, live: bool) -> None:
        """Note that a stream takes long to open: on the live segment, or the first on one that has ended since."""
        if live or self._plain[0] is Phase.CONNECTING:
            self.set(Phase.CONNECTING, detail)

    def in_trouble(self, segment: Segment, trouble: Trouble) -> None:
        """Note that a stream on a segment has failed."""
        self._troubles.pop(segment, None)
        self._troubles[segment] = trouble
        self._tell()

    def is_in_trouble(self, segment: Segment) -> bool:
        """Whether the last stream on a segment failed, and none has been at work on it since."""
        return segment in self._troubles

    def again(self, segment: Segment) -> None:
        """Note that a segment is tried anew: what was wrong may be mended, or somebody wants to know."""
        if self._troubles.pop(segment, None) is not None and self._plain[0] is Phase.LISTENING:
            self._plain = (Phase.CONNECTING, "")
        self._tell()

    def done(self, segment: Segment) -> None:
        """Note that all of a segment was heard."""
        self._troubles.pop(segment, None)
        self._tell()

    def heard(self, segment: Segment, *, live: bool) -> None:
        """Note that a stream is at work on a segment: on what is said now or on what has waited."""
        self._troubles.pop(segment, None)
        if live or self._plain[0] is Phase.CONNECTING:
            self._plain = (Phase.LISTENING, "")
        self._tell()

    def _tell(self) -> None:
        phase, detail = self._plain
        if self._troubles and phase in (Phase.CONNECTING, Phase.LISTENING):
            trouble = next(reversed(self._troubles.values()))
            phase, detail = trouble.phase, trouble.detail
        self.phase = phase
        before = self._state
        since = before.since if before is not None and before.phase is phase else self._clock()
        recognizer, language = self._of_stream()
        if (state := SessionState(phase, recognizer, detail, since, language)) != before:
            self._state = state
            self._emit(state)
