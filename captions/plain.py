"""Captions as plain lines, for screen readers, logs and terminals that can do nothing else: no screen, no colour.

A line is a caption with its time of day, or in brackets, as captions give what is not speech, what happens.
"""

from datetime import UTC, datetime, timedelta

from captions.events import (
    Event,
    Final,
    Gap,
    InputChanged,
    Level,
    Mark,
    Notice,
    Partial,
    Paused,
    Phase,
    Resumed,
    SessionState,
    Severity,
)
from captions.plain_text import plain
from captions.transcript.transcript import short_code

WORDS = ("pause", "resume", "mark", "quit")
"""What can be typed, with Enter; the first letter is enough."""
SILENCE_SECONDS = 60.0
"""After so long without a word it is said once that there was none: a listener cannot see that the program lives."""

STEADY_SECONDS = 5.0
"""A stream that has lasted for so long, or brought a word, is told to have come back; others may break at once."""

_INPUT = {
    "microphone": "Listening to the microphone",
    "monitor": "Listening to what is played by",
    "pipe": "Listening to",
    "address": "Listening to",
    "file": "Playing the file",
    "sample": "Playing the",
}
_SEVERITY = {Severity.INFORMATION: "", Severity.WARNING: "Warning: ", Severity.ERROR: "Error: "}
_PHASES = {
    Phase.STARTING: "Starting.",
    Phase.WAITING: "Waiting for the input to come back.",
    Phase.ENDED: "End of the file.",
    Phase.NO_INPUT: "Stopped.",
    Phase.FAILED: "Stopped.",
}


class Sentences:
    """Tells events in lines, each once: not every try of many, and not every stream of a session."""

    def __init__(self) -> None:
        self._told: Phase | None = None
        """The phase that was told last; streams come and go within it."""
        self._listens = ""
        """Who was told to listen last."""
        self._words_at = 0.0
        self._silence_told = False
        self._back_at: float | None = None
        """When a stream after a broken one was first seen to go on, while it is not told yet."""
        self._back = ""
        self._languages: dict[str, str] = {}
        """The language that was spoken last, by track."""

    def line(self, event: Event) -> str | None:
        """Return the line for an event, without its end; None when there is nothing to tell."""
        text = plain(self._text(event)).strip()
        if not text:
            return None
        wall = getattr(event, "wall", None) or datetime.now(UTC)
        return f"{_time(wall)} {text if isinstance(event, Final) else f'[{text}]'}"

    def _text(self, event: Event) -> str:
        match event:
            case Final():
                self._said(event.end)
                self._come_back()  # the words tell it
                return self._in_another_language(event) + event.text
            case Partial(text=text, unconfirmed=False) if text:
                self._said(event.end)
                return self._come_back()
            case Level():
                return self._sound(event.time)
            case SessionState():
                return self._state(event)
            case Gap():
                until = event.wall + timedelta(seconds=event.end - event.start)
                return f"Nobody heard {_time(event.wall)} to {_time(until)}: {_ended(event.reason)}"
            case InputChanged():
                return f"{_INPUT[event.kind]} {event.name}." if event.kind in _INPUT else "No input."
            case Paused():
                return "Paused."
            case Resumed():
                self._said(event.time)
                return "Going on."
            case Mark():
                return "The mark is taken away." if event.removed else "Marked."
            case Notice():
                return f"{_SEVERITY[event.severity]}{event.message} {event.hint}"
        return ""

    def _in_another_language(self, caption: Final) -> str:
        """The code of a caption's language in brackets, where it is another than before."""
        if not caption.language:
            return ""
        before = self._languages.setdefault(caption.track, caption.language)
        self._languages[caption.track] = caption.language
        return f"[{caption.language}] " if short_code(before) != short_code(caption.language) else ""

    def _said(self, time: float) -> None:
        self._words_at = time
        self._silence_told = False

    def _sound(self, time: float) -> str:
        if self._told is not Phase.LISTENING:
            return ""
        if self._back:
            self._back_at = time if self._back_at is None else self._back_at
            return self._come_back() if time - self._back_at >= STEADY_SECONDS else ""
        if self._silence_told or time - self._words_at < SILENCE_SECONDS:
            return ""
        self._silence_told = True
        return "Nothing was said for a minute."

    def _come_back(self) -> str:
        told, self._back, self._back_at = self._back, "", None
        return told

    def _state(self, state: SessionState) -> str:
        before, who = self._told, self._listens
        if state.phase is Phase.LISTENING:
            self._listens = state.recognizer
        if state.phase in (before, Phase.CONNECTING, Phase.PAUSED):  # a pause is an entry of its own
            return ""
        if state.phase is Phase.STARTING and before is not None:  # another input, which tells itself
            return ""
        self._told = state.phase
        if state.phase is Phase.LISTENING:
            if who not in ("", state.recognizer):  # a notice of its own, in its place between the words
                self._come_back()
                return ""
            if before is Phase.RECONNECTING:
                self._back = f"{state.recognizer} listens again."
                return ""
            return f"{state.recognizer} listens{' again' if who else ''}."
        if state.phase is Phase.RECONNECTING:
            if self._back:  # which was not told to have come back
                self._come_back()
                return ""
            return f"The connection to {state.recognizer} is broken, and is tried again: {_ended(state.detail)}"
        return _PHASES[state.phase]


def means_yes(answer: str) -> bool:
    """Whether a typed answer is a yes; anything else is none."""
    return answer.strip().lower() in ("y", "yes")


def command(typed: str) -> str | None:
    """Return the one of `WORDS` that was typed, or None."""
    word = typed.strip().lower()
    return next((known for known in WORDS if word and known.startswith(word)), None)


def _time(wall: datetime) -> str:
    return f"{wall.astimezone():%H:%M:%S}"


def _ended(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
