"""An event loop whose clock runs faster than time: what waits for seconds waits for a fraction of them.

Everything that takes its time from the loop is hurried: sleeps, timeouts, and clocks that are `loop.time`. Threads,
gRPC's own timers and the speed of this machine are not.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


class _Selector(selectors.DefaultSelector):
    """Waits a fraction of the time it is told to."""

    speed = 1.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        return super().select(None if timeout is None else timeout / self.speed)


class HurriedLoop(asyncio.SelectorEventLoop):
    """A loop on which `speed` seconds pass in one."""

    def __init__(self, speed: float) -> None:
        selector = _Selector()
        selector.speed = self.speed = speed
        super().__init__(selector)

    def time(self) -> float:
        return super().time() * self.speed


def hurried(main: Coroutine[Any, Any, Result], speed: float) -> Result:
    """Run `main` on a loop of its own and return what it does."""
    with asyncio.Runner(loop_factory=lambda: HurriedLoop(speed)) as runner:
        return runner.run(main)
