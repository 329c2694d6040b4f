"""The door between the engine and the dashboard: the only place that knows both sides.

Runs on the app's event loop. The engine calls `Bridge.on_event`, which must cost nothing. Of what changes many times
a second (level, progress, backlog, partials) the newest is kept, and told at most `TICKS_PER_SECOND` times a second;
all else is told one by one. So neither a flood of partials nor a slow screen delays a final.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from textual.message import Message

from captions.dashboard.messages import EngineFailed, EngineTick, EntryAdded, StateChanged
from captions.errors import CaptionsError, ExitCode
from captions.events import Backlog, Delays, Event, Final, Level, Partial, Progress, SessionState
from captions.settings import Settings, log_folder

TICKS_PER_SECOND = 10

OnEvent = Callable[[Event], None]


class Controls(Protocol):
    """What a person can do to a running session. All but `run` and `stop` return at once."""

    settings: Settings

    @property
    def languages(self) -> tuple[str, ...]: ...
    @property
    def paused(self) -> bool: ...
    @property
    def playing(self) -> bool: ...

    async def run(self) -> None: ...
    def use_input(self, name: str) -> None: ...
    def change_settings(self, settings: Settings) -> None: ...
    def pause(self) -> None: ...
    def resume(self) -> None: ...
    def seek_by(self, seconds: float) -> None: ...
    def restart(self) -> None: ...
    def mark(self, track: str, time: float, removed: bool = False) -> None: ...
    async def stop(self, drain: float = 2.0) -> None: ...


class Device(Protocol):
    """A microphone, as the sidebar shows it."""

    @property
    def name(self) -> str: ...
    @property
    def default(self) -> bool: ...


MakeEngine = Callable[[OnEvent], Awaitable[Controls]]
ListDevices = Callable[[], Awaitable[Sequence[Device]]]


class Bridge:
    """Turns the engine's events into messages. `post` is called on the event loop on which `on_event` is called."""

    def __init__(self, post: Callable[[Message], object]) -> None:
        self._post = post
        self._loop = asyncio.get_running_loop()
        self._told = float("-inf")
        self._next = EngineTick()
        self._timer: asyncio.TimerHandle | None = None

    def on_event(self, event: Event) -> None:
        """Take one event from the engine."""
        match event:
            case Level():
                self._next.level = event
                self._tell_soon()
            case Progress():
                self._next.progress = event
                self._tell_soon()
            case Backlog():
                self._next.backlog = event
                self._tell_soon()
            case Delays():
                self._next.delays = event
                self._tell_soon()
            case Partial():
                self._next.partials[event.track] = event
                self._tell_soon()
            case SessionState():
                self._tell()
                self._post(StateChanged(event))
            case Final():
                # A partial that waits is older than the final, which covers it.
                self._next.partials.pop(event.track, None)
                self._post(EntryAdded(event))
            case _:
                self._tell()
                self._post(EntryAdded(event))

    def _tell_soon(self) -> None:
        if self._timer is None:
            wait = self._told + 1 / TICKS_PER_SECOND - self._loop.time()
            self._timer = self._loop.call_later(max(0.0, wait), self._tell)

    def _tell(self) -> None:
        if self._timer is None:
            return
        self._timer.cancel()
        self._timer = None
        self._told = self._loop.time()
        tick, self._next = self._next, EngineTick()
        self._post(tick)


async def run_engine(
    make_engine: MakeEngine, post: Callable[[Message], object], made: Callable[[Controls], None]
) -> None:
    """Make the engine and run it until it is stopped. An error is told in words, and its traceback is logged."""
    try:
        engine = await make_engine(Bridge(post).on_event)
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
