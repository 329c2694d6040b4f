"""An engine that a test drives: it notes what it is asked to do, and says what the test has it say."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from captions.dashboard.worker import OnEvent
from captions.errors import CaptionsError
from captions.events import Event, Final, InputChanged, Level, Mark, Partial, Phase, SessionState
from captions.settings import Settings

START = datetime(2026, 3, 4, 12, 4, 31, tzinfo=UTC)


@dataclass
class FakeDevice:
    """A microphone or a monitor."""

    name: str
    default: bool = False
    kind: str = "microphone"


@dataclass
class FakeEngine:
    """Implements the dashboard's `Controls`."""

    on_event: OnEvent
    settings: Settings
    recognizer: str = "speechkit-v2"
    languages: tuple[str, ...] = ("en-US", "ru-RU")
    paused: bool = False
    playing: bool = False
    asked: list[tuple[object, ...]] = field(default_factory=list)
    refuse: CaptionsError | None = None
    refuse_if: Callable[[Settings], CaptionsError | None] = lambda settings: None
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    drained: asyncio.Event = field(default_factory=asyncio.Event)
    may_change: asyncio.Event = field(default_factory=asyncio.Event)
    """Cleared, a change of settings takes until it is set."""
    failure: CaptionsError | None = None

    def __post_init__(self) -> None:
        self.drained.set()
        self.may_change.set()

    async def run(self) -> None:
        """Run until stopped, or until it is to fail."""
        await self.stopped.wait()
        if self.failure is not None:
            raise self.failure

    def fail(self, error: CaptionsError) -> None:
        """End by an error."""
        self.failure = error
        self.stopped.set()

    def use_input(self, name: str) -> None:
        """Note it."""
        self.settings = replace(self.settings, input=name)
        self.asked.append(("use_input", name))

    async def change_settings(self, settings: Settings) -> None:
        """Note it, or refuse it."""
        await self.may_change.wait()
        if (refusal := self.refuse or self.refuse_if(settings)) is not None:
            raise refusal
        self.settings = replace(settings, input=self.settings.input)
        self.asked.append(("change_settings", settings))

    def pause(self) -> None:
        """Note it."""
        self.paused = True
        self.asked.append(("pause",))

    def resume(self) -> None:
        """Note it."""
        self.paused = False
        self.asked.append(("resume",))

    def seek_by(self, seconds: float) -> None:
        """Note it."""
        self.asked.append(("seek_by", seconds))

    def add_model(self, name: str) -> None:
        """Note it."""
        self.asked.append(("add_model", name))

    def cancel_model(self) -> None:
        """Note it."""
        self.asked.append(("cancel_model",))

    def restart(self) -> None:
        """Note it."""
        self.asked.append(("restart",))

    def mark(self, track: str, time: float, removed: bool = False) -> None:
        """Note it, and say that it is kept."""
        self.asked.append(("mark", track, time, removed))
        self.say(Mark(track, time, START + timedelta(seconds=time), removed))

    async def stop(self, drain: float = 2.0) -> None:
        """Wait until the test lets the last words be over."""
        self.asked.append(("stop", drain))
        await self.drained.wait()
        self.stopped.set()

    def say(self, *events: Event) -> None:
        """Say events."""
        for event in events:
            self.on_event(event)


def final(text: str, start: float = 0.0, end_of_utterance: bool = True, track: str = "1") -> Final:
    """A caption that begins `start` seconds after START."""
    wall = START + timedelta(seconds=start)
    return Final(track, start, start + 2.0, wall, text, end_of_utterance)


def partial(text: str, start: float = 0.0, track: str = "1") -> Partial:
    """A partial."""
    return Partial(track, start, start + 1.0, text)


def level(rms: float = -22.0, peak_hold: float = -11.0, clipped: bool = False, time: float = 1.0) -> Level:
    """A level."""
    return Level(time, rms, peak_hold, peak_hold, clipped)


def state(phase: Phase = Phase.LISTENING, detail: str = "", recognizer: str = "SpeechKit") -> SessionState:
    """A state that began at 0 on the clock."""
    return SessionState(phase, recognizer, detail, 0.0)


def microphone(name: str = "USB Audio", time: float = 0.0) -> InputChanged:
    """The input changed to a microphone."""
    return InputChanged("1", time, START + timedelta(seconds=time), "microphone", name)
