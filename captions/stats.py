"""What a session was like in figures: `captions transcribe --stats`. What is not known is left out."""

from captions.events import Backlog, Delays, Event, Final, Gap, Level, Spread, StreamEnded

STAGES = {
    "send": "capture to send",
    "service": "service",
    "stabilizer": "stabiliser",
    "partials": "word to partial",
    "finals": "caption to final",
}
"""The stages of `Delays`, as they are called here."""


class Stats:
    """Counts what an engine tells."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._words = 0
        self._finals = 0
        self._streams = 0
        self._gaps = 0
        self._unheard = 0.0
        self._waited = 0.0
        self._delays: Delays | None = None

    def count(self, event: Event) -> None:
        """Take an event."""
        match event:
            case Level():
                self._seconds = event.time
            case Final():
                self._finals += 1
                self._words += len(event.text.split())
            case StreamEnded():
                self._streams += 1
            case Gap():
                self._gaps += 1
                self._unheard += event.end - event.start
            case Backlog():
                self._waited = max(self._waited, event.seconds)
            case Delays():
                self._delays = event

    def lines(self) -> list[str]:
        """Return the figures as lines of text: delays in seconds, of the newest measurements, and what was counted."""
        known: list[tuple[str, Spread]] = []
        if self._delays is not None:
            stages = ((label, getattr(self._delays, name)) for name, label in STAGES.items())
            known = [(label, spread) for label, spread in stages if spread is not None]
        lines = [f"{label:<18}{spread.p50:7.2f} s {spread.p95:7.2f} s" for label, spread in known]
        if lines:
            lines.insert(0, f"{'delays':<18}{'p50':>9} {'p95':>9}")
        gaps = f"{_count(self._gaps, 'gap')}{f' of {self._unheard:.1f} s' if self._gaps else ''}"
        counted = f"{_count(self._finals, 'final')}, {_count(self._words, 'word')}, {_count(self._streams, 'stream')}"
        # Less than half a second is not told by the session: it is there at any time.
        waited = f"; at most {self._waited:.1f} s waited to be sent" if self._waited else ""
        return [*lines, f"{self._seconds:.1f} s of audio: {counted}, {gaps}{waited}"]


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
