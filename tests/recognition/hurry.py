"""An event loop whose clock runs faster than time: what waits for seconds waits for a fraction of them.

Everything that takes its time from the loop is hurried: sleeps, timeouts, and clocks that are `loop.time`. Threads,
gRPC's own timers and the speed of this machine are not. At 60 times its pace a machine that is busy elsewhere for 50 ms
would thus seem to have stood still for three seconds, and what was on its way through gRPC would seem that late. So the
clock moves only while the loop waits, a short step at a time, and before each step all other threads of this process
must have come to rest: what they work at, or would if they were let, arrives before the clock moves on.
"""

import asyncio
import os
import selectors
import threading
from collections.abc import Coroutine
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

Result = TypeVar("Result")

STEP = 0.1
"""Seconds of the loop's clock that pass at most before the other threads are looked at again."""
LOOK_AGAIN = 0.000_3
"""Seconds after which threads that were at work are looked at again."""
LONGEST_WORK = 1.0
"""Seconds after which the clock moves on, though a thread is at work still: it is one that never rests."""
THREADS = Path("/proc/self/task")
TOLD = THREADS.is_dir()
"""Whether the system says what threads do."""


def at_rest() -> bool:
    """Return whether every other thread of this process waits for something; yes where the system does not say."""
    if not TOLD:
        return True
    own = str(threading.get_native_id())
    for thread in os.listdir(THREADS):  # noqa: PTH208 - asked a thousand times a second
        if thread == own:
            continue
        try:
            file = os.open(f"{THREADS}/{thread}/stat", os.O_RDONLY)
        except OSError:  # it has ended
            continue
        try:
            stat = os.read(file, 512)
        except OSError:
            continue
        finally:
            os.close(file)
        # "R" is at work or would like to be, "D" waits for a disk; the name before it may hold anything.
        if stat[stat.rindex(b")") + 2 :][:1] in b"RD":
            return False
    return True


class _Selector(selectors.SelectSelector):  # the others wait for whole milliseconds
    """Waits a fraction of the time it is told to, and counts what it waited."""

    def __init__(self, speed: float) -> None:
        super().__init__()
        self._speed = speed
        self.now = monotonic()
        """The loop's clock, in seconds."""
        self._until = self.now
        """When the other threads are looked at again, on that clock."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        end = float("inf") if timeout is None else self.now + timeout
        worked = 0.0
        while not events and self.now < end:
            if self.now >= self._until:
                if worked < LONGEST_WORK and not at_rest():
                    began = monotonic()
                    events = super().select(LOOK_AGAIN)
                    worked += monotonic() - began
                    continue
                self._until, worked = self.now + STEP, 0.0
            target = min(end, self._until)
            began = monotonic()
            events = super().select((target - self.now) / self._speed)
            waited = (monotonic() - began) * self._speed
            # A wake-up that comes late is this machine's delay, and not the clock's.
            self.now = min(target, self.now + waited) if events else target
        return events


class HurriedLoop(asyncio.SelectorEventLoop):
    """A loop on which `speed` seconds pass in one, of those in which it has nothing to do."""

    def __init__(self, speed: float) -> None:
        self._clock = _Selector(speed)
        super().__init__(self._clock)

    def time(self) -> float:
        return self._clock.now


def hurried(main: Coroutine[Any, Any, Result], speed: float) -> Result:
    """Run `main` on a loop of its own and return what it does."""
    with asyncio.Runner(loop_factory=lambda: HurriedLoop(speed)) as runner:
        return runner.run(main)
