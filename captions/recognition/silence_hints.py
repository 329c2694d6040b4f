"""Why there are no captions: no sound, or sound and no words.

Told once when it has been so for `PATIENCE` seconds of audio, and again only after it was over in between. Time is that
of the session's clock, so pauses do not count. Files are left out: they are silent where they are.
"""

import math
import sys
from datetime import datetime

from captions.events import Event, Final, InputChanged, Level, Notice, Partial, Paused, Phase, SessionState, Severity

PATIENCE = 45.0
"""Seconds of audio without sound, or without words, after which a person is told."""
NO_SIGNAL = -65.0
"""dBFS of the peak: a microphone that is on gives more than that in the quietest room."""
DIGITAL_SILENCE = -96.0
"""dBFS that a level has when there is not a single sample but 0 (`audio.level.FLOOR`)."""
MOSTLY = 1 / 3
"""The part of the time in which there must be speech, or loud sound, for words to be missed. Speech has pauses."""
LOUD = -40.0
"""dBFS of the RMS from which on sound that is no speech drowns it; the noise of a room is less."""
FAINT = -42.0
"""dBFS of the RMS below which speech is hard to recognise."""
LONGEST_BLOCK = 2.0
"""Seconds between two levels; more is a hole in the sound."""

LIVE = ("microphone", "monitor", "pipe", "address")
"""Kinds of input that may be silent though they should not be."""


class SilenceHints:
    """Hears what the engine says, and says why there may be no captions."""

    def __init__(self, platform: str = sys.platform) -> None:
        self._platform = platform
        self._kind = ""
        self._name = ""
        self._phase = Phase.STARTING
        self._time = 0.0
        self._quiet_since = 0.0
        self._loudest = -math.inf
        """The highest peak since then."""
        self._wanting_since: float | None = None
        """Since when there has been something to be heard, and no words."""
        self._interrupted = False
        """Whether the recogniser was lost since then."""
        self._all, self._speech = _Loudness(), _Loudness()
        self._sound_told = self._words_told = False

    def hear(self, event: Event, wall: datetime, *, speaking: bool = False) -> Notice | None:
        """Take an event, in order; `speaking` is what the speech detector says with a level. Return what to tell."""
        match event:
            case InputChanged(kind=kind, name=name):
                self._kind, self._name = kind, name
                self._sound_told = self._words_told = False
                self._begin()
            case Paused():
                self._begin()
            case SessionState(phase=phase):
                self._interrupted |= self._phase is Phase.LISTENING and phase is Phase.RECONNECTING
                self._phase = phase
            case Partial(text=text) | Final(text=text) if text:
                self._words_told = False
                self._expect_words()
            case Level():
                return self._level(event, wall, speaking)
        return None

    def _level(self, level: Level, wall: datetime, speaking: bool) -> Notice | None:
        seconds = max(0.0, level.time - self._time)
        self._time = level.time
        if self._kind not in LIVE:
            return None
        if seconds > LONGEST_BLOCK:  # nothing was captured meanwhile, which is told otherwise
            seconds = 0.0
            self._begin()
        self._loudest = max(self._loudest, level.peak)
        if level.peak > NO_SIGNAL:
            self._sound_told = False
            self._quiet_since, self._loudest = level.time, -math.inf
        if self._wanting_since is None and (speaking or level.rms >= LOUD):
            self._wanting_since = level.time - seconds
        if self._wanting_since is not None:
            self._all.add(level.rms, seconds)
        if speaking:
            self._speech.add(level.rms, seconds)
        if level.time - self._quiet_since >= PATIENCE and not self._sound_told:
            self._sound_told = True
            message = f"There has been no sound for {PATIENCE:g} s."
            return Notice(level.time, wall, Severity.WARNING, message, self._why_no_sound())
        if self._wanting_since is None or level.time - self._wanting_since < PATIENCE:
            return None
        why = "" if self._words_told else self._why_no_words()
        self._expect_words()
        if not why:
            return None
        self._words_told = True
        message = f"No words have come for {PATIENCE:g} s, though there is sound."
        return Notice(level.time, wall, Severity.WARNING, message, why)

    def _begin(self) -> None:
        self._quiet_since, self._loudest = self._time, -math.inf
        self._expect_words()

    def _expect_words(self) -> None:
        """Count anew, from the next speech or loud sound on."""
        self._wanting_since = None
        self._interrupted = False
        self._all, self._speech = _Loudness(), _Loudness()

    def _why_no_sound(self) -> str:
        digital = self._loudest <= DIGITAL_SILENCE
        match self._kind:
            case "monitor":
                return f"{self._name} plays nothing: does the machine play through another output?"
            case "pipe" | "address":
                return "What comes in is silence: look at where it is sent from."
        if not digital:
            return (
                f"{self._name} gives next to nothing ({self._loudest:.0f} dBFS at most): is it the right microphone, "
                "and its volume turned up?"
            )
        allow = {
            "darwin": " Or the system does not let your terminal hear it: System Settings, Privacy & Security, "
            "Microphone.",
            "win32": " Or the system does not let programs hear it: Settings, Privacy, Microphone.",
        }
        return f"{self._name} gives digital silence: it is muted, or the wrong one.{allow.get(self._platform, '')}"

    def _why_no_words(self) -> str:
        """Return why there may be no words; nothing where none are missed, or where the state tells already."""
        if self._phase is not Phase.LISTENING:
            return ""
        if self._speech.seconds >= MOSTLY * PATIENCE:
            loudness = self._speech.rms
            if loudness < FAINT:
                return f"The speech is faint ({loudness:.0f} dBFS): turn the input volume up, or come nearer to it."
            if self._interrupted:
                return (
                    "The recogniser has not answered, and has been tried again: it may be overloaded, or the link bad."
                )
            return (
                f"Somebody speaks, loud enough ({loudness:.0f} dBFS): is it another language than the one that is set?"
            )
        if self._all.rms >= LOUD:
            return f"What is heard ({self._all.rms:.0f} dBFS) is music or noise rather than speech."
        return ""


class _Loudness:
    """The mean power of what was added, over its time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._energy = 0.0

    def add(self, rms: float, seconds: float) -> None:
        self.seconds += seconds
        self._energy += seconds * 10 ** (rms / 10)

    @property
    def rms(self) -> float:
        """In dBFS."""
        return 10 * math.log10(self._energy / self.seconds) if self._energy else -math.inf
