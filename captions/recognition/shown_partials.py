"""The partials of all tracks as they are shown: each held back by a stabiliser of its own until it has held."""

import asyncio
from collections.abc import Callable

from captions.events import Final, Partial
from captions.recognition.stabilizer import Measured, Stabilizer


class ShownPartials:
    """Tells `show` of partials in the `mode` of the setting `stability`. Belongs to one event loop.

    `measured` is as in `Stabilizer`.
    """

    def __init__(self, mode: str, show: Callable[[Partial], None], measured: Measured) -> None:
        self._mode = mode
        self._show = show
        self._measured = measured
        self._stabilizers: dict[str, Stabilizer] = {}
        """One for each track."""
        self._timer: asyncio.TimerHandle | None = None
        """Wakes the stabiliser that has held something back for long enough first."""

    def hear(self, partial: Partial) -> None:
        """Take what the recogniser says."""
        self._tell(self._stabilizer(partial.track).hypothesis(partial, self._now))

    def end(self, final: Final) -> None:
        """Forget what the final is about; it is shown by whoever calls."""
        self._stabilizer(final.track).final(final, self._now)

    def change(self, mode: str) -> None:
        """Hold back as another mode does from now on."""
        self._mode = mode
        for stabilizer in self._stabilizers.values():
            self._tell(stabilizer.change(mode, self._now))

    def close(self) -> None:
        """Show no more of what is held back."""
        if self._timer is not None:
            self._timer.cancel()

    @property
    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _stabilizer(self, track: str) -> Stabilizer:
        if track not in self._stabilizers:
            self._stabilizers[track] = Stabilizer(self._mode, self._measured)
        return self._stabilizers[track]

    def _tell(self, partial: Partial | None) -> None:
        """Show a partial if there is one to show, and wait for what is held back."""
        if partial is not None:
            self._show(partial)
        self.close()
        due = min((due for one in self._stabilizers.values() if (due := one.due()) is not None), default=None)
        self._timer = None if due is None else asyncio.get_running_loop().call_at(due, self._tick)

    def _tick(self) -> None:
        now = self._now
        for stabilizer in self._stabilizers.values():
            self._tell(stabilizer.tick(now))
