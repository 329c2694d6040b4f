"""The entries of a journal in the order of time, also those that were added long after."""

from collections.abc import Iterable

from captions.events import Entry, Final, Gap
from captions.transcript.transcript import begins

NEAR_ENOUGH = 0.001
"""Seconds by which a caption may reach out of its gap: what rounding to milliseconds makes."""


def in_order(entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries with what was captioned later (`captions redo`) in the place of its gap.

    Everything else keeps its place. A gap in which nothing was heard later stays.
    """
    known = list(entries)
    gaps = [entry for entry in known if isinstance(entry, Gap)]
    if not gaps:
        return known
    heard: dict[int, list[Final]] = {}  # by the gap that they fill
    moved: set[int] = set()
    for entry in known:
        if isinstance(entry, Final) and (gap := _gap_of(entry, gaps)) is not None:
            heard.setdefault(id(gap), []).append(entry)
            moved.add(id(entry))
    ordered: list[Entry] = []
    for entry in known:
        if id(entry) in heard:
            ordered += sorted(heard[id(entry)], key=begins)
        elif id(entry) not in moved:
            ordered.append(entry)
    return ordered


def unfilled(entries: Iterable[Entry]) -> list[Gap]:
    """Return the gaps of which nothing was captioned later."""
    return [entry for entry in in_order(entries) if isinstance(entry, Gap)]


def _gap_of(final: Final, gaps: list[Gap]) -> Gap | None:
    for gap in gaps:
        if (
            final.track == gap.track
            and gap.start - NEAR_ENOUGH <= final.start < gap.end
            and final.end <= gap.end + NEAR_ENOUGH
        ):
            return gap
    return None
