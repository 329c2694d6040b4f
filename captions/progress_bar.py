"""How far something has come, in one line for a terminal: `[####....]  1:02 of 5:40  12.3x  0:22 left`.

Of a file that is played, and of a download: `[####....]  45 of 148 MB  2.1 MB/s  0:49 left`.
"""

import time
from collections import deque
from collections.abc import Callable

from captions.events import Progress

REDRAW_SECONDS = 0.2
"""A file that is read as fast as it can be tells its place hundreds of times a second; nobody reads that."""
MOST_CELLS = 40
"""How long the bar itself is at most."""
RATE_SECONDS = 10.0
"""Of how long a time the speed of a download is."""


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
        return _drawn(progress.elapsed / progress.total if progress.total else None, "  ".join(parts), width)


class DownloadBar:
    """Turns the places of a download, in bytes, into words and lines. `clock` is a monotonic one, in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._places: deque[tuple[float, int]] = deque()
        """When which place was told, of the last `RATE_SECONDS` and one before."""

    def words(self, done: int, total: int) -> list[str]:
        """Return the parts of what is told: `45 of 148 MB`, `2.1 MB/s`, `0:49 left`; the last two once they are known.

        The speed is that of the last `RATE_SECONDS`, so that a hub that has stopped is seen to have.
        """
        now = self._clock()
        self._places.append((now, done))
        while len(self._places) > 2 and self._places[1][0] <= now - RATE_SECONDS:
            self._places.popleft()
        parts = [f"{done / 1e6:.0f} of {total / 1e6:.0f} MB"]
        took, came = now - self._places[0][0], done - self._places[0][1]
        if took >= 1.0 and came > 0:
            parts.append(f"{came / took / 1e6:.1f} MB/s")
            parts.append(f"{_clock(max(0, total - done) * took / came)} left")
        return parts

    def line(self, done: int, total: int, width: int) -> str:
        """Return the line, shorter than `width` cells."""
        return _drawn(done / total if total else None, "  ".join(self.words(done, total)), width)


def _drawn(share: float | None, text: str, width: int) -> str:
    """Return the text with a bar before it that shows a share, where that is known and there is room."""
    cells = min(MOST_CELLS, width - 1 - len(text) - len("[]  "))
    if share is not None and cells >= 10:
        full = round(cells * min(1.0, share))
        text = f"[{'#' * full}{'.' * (cells - full)}]  {text}"
    return text[: max(0, width - 1)]


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
