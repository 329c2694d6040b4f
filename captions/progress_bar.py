"""How far a file has been played, in one line for a terminal: `[####....]  1:02 of 5:40  12.3x  0:22 left`."""

import time
from collections.abc import Callable

from captions.events import Progress

REDRAW_SECONDS = 0.2
"""A file that is read as fast as it can be tells its place hundreds of times a second; nobody reads that."""
MOST_CELLS = 40
"""How long the bar itself is at most."""


class ProgressBar:
    """Turns the places of one file into lines. `clock` is a monotonic one, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._began: tuple[float, float] | None = None
        """When the first place was told, and which."""
        self._drawn = float("-inf")

    def line(self, progress: Progress, width: int) -> str | None:
        """Return the line, shorter than `width` cells; None when it is too soon for another one.

        Speed and the time that is left are of the whole way so far, and not told in the first second of it.
        """
        now = self._clock()
        if now - self._drawn < REDRAW_SECONDS:
            return None
        self._drawn = now
        if self._began is None:
            self._began = now, progress.elapsed
        parts = [_clock(progress.elapsed)]
        if progress.total:
            parts[0] += f" of {_clock(progress.total)}"
        took, done = now - self._began[0], progress.elapsed - self._began[1]
        if took >= 1.0 and done > 0:
            parts.append(f"{done / took:.1f}x")
            if progress.total:
                parts.append(f"{_clock(max(0.0, progress.total - progress.elapsed) * took / done)} left")
        text = "  ".join(parts)
        cells = min(MOST_CELLS, width - 1 - len(text) - len("[]  "))
        if progress.total and cells >= 10:
            full = round(cells * min(1.0, progress.elapsed / progress.total))
            text = f"[{'#' * full}{'.' * (cells - full)}]  {text}"
        return text[: max(0, width - 1)]


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
