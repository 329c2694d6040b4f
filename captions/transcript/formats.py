"""What every format of a transcript has in common."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from typing import Protocol

from captions.events import Entry
from captions.plain_text import plain


@dataclass(frozen=True, slots=True)
class About:
    """What a transcript is of.

    `started` and `ended` are times of day in UTC, `ended` None while the session goes on. `labels` names the tracks
    to a reader ("main": "You"); "" is a track that needs no name, as where it is the only one. `zone` is the one in
    which times of day are told, None for the one of this machine.
    """

    started: datetime
    ended: datetime | None = None
    title: str = ""
    program: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    zone: tzinfo | None = None

    @property
    def heading(self) -> str:
        """The title as plain text, or, without one, what it is and when it began."""
        return plain(self.title).strip() or f"Captions of {self.started.astimezone(self.zone):%Y-%m-%d %H:%M}"

    @property
    def when(self) -> str:
        """The date and time of day at which it began and, if it has, ended, with the zone's distance from UTC."""
        started = self.started.astimezone(self.zone)
        if self.ended is None:
            return f"{started:%Y-%m-%d %H:%M} ({_zone(started)})"
        ended = self.ended.astimezone(self.zone)
        until = f"{ended:%H:%M}" if ended.date() == started.date() else f"{ended:%Y-%m-%d %H:%M}"
        return f"{started:%Y-%m-%d %H:%M} to {until} ({_zone(started)})"

    def time_of_day(self, wall: datetime) -> str:
        """Return a time of day as HH:MM:SS."""
        return f"{wall.astimezone(self.zone):%H:%M:%S}"

    def label(self, track: str) -> str:
        """Return what a reader calls the track, as plain text; "" if it needs no name."""
        return plain(self.labels.get(track, "")).strip()


class Format(Protocol):
    """Writes a transcript in one format, piece by piece.

    A file is what `begin` returns, then what each `add` does, then what `end` does. At any time it is whole with `end`
    at its end, so a file that is written while the session goes on can be whole always: `end` changes nothing, and what
    it returned is written over when there is more.
    """

    def begin(self) -> str:
        """Return how the file begins."""
        ...

    def add(self, entry: Entry, marked: bool = False) -> str:
        """Return what is written of an entry, and of those before it that waited for it. A caption may be `marked`."""
        ...

    def end(self) -> str:
        """Return what makes a whole file of what was written."""
        ...


def _zone(when: datetime) -> str:
    """How far a time's zone is from UTC, as UTC+03:00."""
    offset = f"{when:%z}"
    return "UTC" if offset in ("+0000", "-0000") else f"UTC{offset[:3]}:{offset[3:5]}"
