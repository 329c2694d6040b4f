"""How late words are on the screen, and what the screen costs, in words. What cannot be known is not told."""

import os
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Protocol

from captions.events import Backlog, Delays, Spread

READ_SECONDS = 2.0
"""How often figures are read, where they may change as often as that."""
SLOW_LINK_SECONDS = 1.0
"""A terminal that is behind by so much, twice in a row, has a slow link."""
RATE_READINGS = 6
"""Over how many readings bytes a second are counted."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is known now. Times are in seconds.

    `screen` is from an event's being told until its text was written to the terminal; how long the terminal then takes
    is half of `link`, about, the time until it answers. `buffered` is audio that waits to be sent, `written` the bytes
    that were written to the terminal, `rate` how many of them a second of late.
    """

    delays: Delays | None = None
    screen: Spread | None = None
    buffered: float | None = None
    link: float | None = None
    rate: float | None = None
    written: int | None = None

    @property
    def delay(self) -> str:
        """How late words are, for a glance: the median of partials, which is what a reader waits for.

        Where partials' delays cannot be known, as with a recogniser that times no words, it is the median of finals.
        """
        if self.delays is None:
            return ""
        of = self.delays.partials or self.delays.finals
        return "" if of is None else f"delay {_on_screen(of, self.screen).p50:.1f} s"

    def parts(self) -> list[str]:
        """All figures, each with its name: median and 95th percentile, in seconds, where there are two."""
        stages = (
            [
                ("send", self.delays.send),
                ("service", self.delays.service),
                ("held back", self.delays.stabilizer),
            ]
            if self.delays is not None
            else []
        )
        stages.append(("screen", self.screen))
        if self.delays is not None:
            for name, spread in (("partials", self.delays.partials), ("finals", self.delays.finals)):
                stages.append((name, None if spread is None else _on_screen(spread, self.screen)))
        parts = [f"{name} {spread.p50:.2f}/{spread.p95:.2f} s" for name, spread in stages if spread is not None]
        if self.buffered is not None:
            parts.append(f"buffered {self.buffered:.1f} s")
        if self.link is not None:
            parts.append(f"link {self.link:.2f} s")
        if self.rate is not None:
            parts.append(f"{self.rate / 1_000:.1f} kB/s")
        if self.written is not None:
            parts.append(f"{self.written / 1_000_000:.2f} MB")
        return parts


class Terminal(Protocol):
    """What a terminal driver knows of itself (driver.py)."""

    @property
    def written(self) -> int: ...
    @property
    def delays(self) -> Spread | None: ...
    @property
    def link(self) -> float | None: ...
    @property
    def behind(self) -> bool: ...
    def ask(self) -> None: ...
    def forget(self) -> None: ...
    def repaint(self) -> None: ...


class Gauges:
    """Where the figures are read from. `terminal` is None where the screen is drawn by a driver that knows nothing."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.terminal: Terminal | None = None
        self.delays: Delays | None = None
        self.backlog: Backlog | None = None
        self._remote = bool(environment.get("SSH_CONNECTION"))
        self._readings: deque[tuple[float, int]] = deque(maxlen=RATE_READINGS)
        self._slow = 0

    def read(self, asking: bool) -> Figures:
        """Read all figures. Over SSH, and with `asking`, the terminal is asked how far behind it is."""
        figures = Figures(self.delays, buffered=None if self.backlog is None else self.backlog.seconds)
        terminal = self.terminal
        if terminal is None:
            return figures
        self._readings.append((time.monotonic(), terminal.written))
        (began, before), (ended, after) = self._readings[0], self._readings[-1]
        figures = replace(
            figures,
            screen=terminal.delays,
            link=terminal.link,
            rate=(after - before) / (ended - began) if ended > began else None,
            written=after,
        )
        late = terminal.behind or (terminal.link is not None and terminal.link >= SLOW_LINK_SECONDS)
        self._slow = self._slow + 1 if late else 0
        if self._remote or asking:
            terminal.ask()
        return figures

    @property
    def link_is_slow(self) -> bool:
        """Whether this is another machine's terminal and was behind when it was read last, and before that."""
        return self._remote and self._slow > 1


def _on_screen(told: Spread, screen: Spread | None) -> Spread:
    """Add what the screen takes; of the 95th percentile that makes too much rather than too little."""
    if screen is None:
        return told
    return Spread(told.p50 + screen.p50, told.p95 + screen.p95)
