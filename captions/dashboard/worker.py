"""The door between the engine and the dashboard: the only place that knows both sides.

Runs on the app's event loop. The engine calls `Bridge.on_event`, which must cost nothing. Of what changes many times
a second (partials, level, progress, backlog, delays) the newest is kept, and told as often as the `Pace` says; all else
is told one by one. So neither a flood of partials nor a slow screen delays a final.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from textual.message import Message

from captions.dashboard.messages import EngineFailed, EngineTick, EntryAdded, ModelTold, StateChanged
from captions.errors import CaptionsError, ExitCode
from captions.events import (
    Backlog,
    Delays,
    Event,
    Final,
    Level,
    ModelEnded,
    ModelProgress,
    ModelWanted,
    Partial,
    Progress,
    SessionState,
)
from captions.settings import Settings, log_folder


@dataclass(frozen=True, slots=True)
class Pace:
    """How many seconds lie between two tellings, of partials in the mean, and of all else that has a pace at least."""

    partials: float
    rest: float


PACE = Pace(0.1, 0.1)
SLOW_PACE = Pace(0.5, 1.0)
"""For a link on which every update counts."""
EARLY = 0.8
"""A partial may come so much of its pace too early, if those before it did not: few come on the beat, and each would
wait for it."""
CLOCK_SECONDS = 0.001
"""A timer may ring too early by as much."""

OnEvent = Callable[[Event], None]


class Controls(Protocol):
    """What a person can do to a running session. All but `run`, `change_settings` and `stop` return at once.

    `settings` may be set before it runs. `recognizer` is who listens, by the value of the setting; empty until that is
    known.
    """

    settings: Settings

    @property
    def recognizer(self) -> str: ...
    @property
    def languages(self) -> tuple[str, ...]: ...
    @property
    def paused(self) -> bool: ...
    @property
    def playing(self) -> bool: ...

    async def run(self) -> None: ...
    def use_input(self, name: str) -> None: ...
    async def change_settings(self, settings: Settings) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def seek_by(self, seconds: float) -> None: ...
    def restart(self) -> None: ...
    def add_model(self, name: str) -> None: ...
    def cancel_model(self) -> None: ...
    def mark(self, track: str, time: float, removed: bool = False) -> None: ...
    async def stop(self, drain: float = 2.0) -> None: ...


class Device(Protocol):
    """A microphone or a monitor, as the sidebar shows it."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def default(self) -> bool: ...


MakeEngine = Callable[[OnEvent], Awaitable[Controls]]
ListDevices = Callable[[], Awaitable[Sequence[Device]]]


class Bridge:
    """Turns the engine's events into messages. `post` is called on the event loop on which `on_event` is called."""

    def __init__(self, post: Callable[[Message], object], pace: Callable[[], Pace] = lambda: PACE) -> None:
        self._post = post
        self._pace = pace
        self._loop = asyncio.get_running_loop()
        self._partials: dict[str, Partial] = {}
        self._since: float | None = None
        self._rest: EngineTick | None = None
        self._rest_told = float("-inf")
        self._beat = float("-inf")
        """When the next partial is due if they come in their pace."""
        self._timer: asyncio.TimerHandle | None = None

    def on_event(self, event: Event) -> None:
        """Take one event from the engine."""
        match event:
            case Level():
                self._tell_soon().level = event
            case Progress():
                self._tell_soon().progress = event
            case Backlog():
                self._tell_soon().backlog = event
            case Delays():
                self._tell_soon().delays = event
            case Partial():
                self._partials[event.track] = event
                self._since = self._since or time.monotonic()
                self._wake_at(self._beat - EARLY * self._pace().partials)
            case SessionState():
                self._tell(rest=True)
                self._post(StateChanged(event))
            case ModelWanted() | ModelProgress() | ModelEnded():
                self._post(ModelTold(event))
            case Final():
                # A partial that waits is older than the final, which covers it.
                self._partials.pop(event.track, None)
                self._post(EntryAdded(event, time.monotonic()))
            case _:
                self._tell(rest=True)
                self._post(EntryAdded(event, time.monotonic()))

    def _tell_soon(self) -> EngineTick:
        self._wake_at(self._rest_told + self._pace().rest)
        if self._rest is None:
            self._rest = EngineTick()
        return self._rest

    def _wake_at(self, moment: float) -> None:
        moment = max(moment, self._loop.time())
        if self._timer is None or moment < self._timer.when():
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(moment, self._tell_what_is_due)

    def _tell_what_is_due(self) -> None:
        self._timer = None
        rest = self._pace().rest
        due = self._rest_told + rest
        # With a partial goes along what is due soon, so that it needs no frame of its own.
        early = rest / 2 if self._partials else CLOCK_SECONDS
        self._tell(rest=self._loop.time() >= due - early)
        if self._rest is not None:
            self._wake_at(due)

    def _tell(self, *, rest: bool) -> None:
        """Tell partials, and with `rest` all else that waits."""
        now, tick = self._loop.time(), EngineTick()
        if rest and self._rest is not None:
            tick, self._rest, self._rest_told = self._rest, None, now
        elif not self._partials:
            return
        if self._partials:
            tick.partials, tick.since = self._partials, self._since
            self._partials = {}
            self._beat = max(self._beat, now) + self._pace().partials
        self._since = None
        self._post(tick)


async def run_engine(
    make_engine: MakeEngine,
    post: Callable[[Message], object],
    made: Callable[[Controls], None],
    pace: Callable[[], Pace] = lambda: PACE,
) -> None:
    """Make the engine and run it until it is stopped. An error is told in words, and its traceback is logged."""
    try:
        engine = await make_engine(Bridge(post, pace).on_event)
        made(engine)
        await engine.run()
    except CaptionsError as error:
        post(EngineFailed(error.message, error.hint, int(error.exit_code)))
    except Exception as error:
        logging.getLogger("captions").exception("The engine stopped")
        post(
            EngineFailed(
                f"An error inside captions: {type(error).__name__}: {error}.",
                f"The transcript so far is safe. Details are in {log_folder()}; quit and start again.",
                int(ExitCode.INTERNAL),
            )
        )
