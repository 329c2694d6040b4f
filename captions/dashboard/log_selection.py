"""What is selected in the log: from a character of an entry to a character of an entry."""

from collections.abc import Iterator

from textual.geometry import Offset
from textual.selection import Selection

from captions.dashboard.caption_rows import place_of
from captions.dashboard.shown_entries import ShownEntries
from captions.dashboard.wrapping import graphemes, has_clusters

Point = tuple[int, int]
"""An entry, and a character of its text."""


def ends_of(selection: Selection, first_in_sight: Point, last_in_sight: Point) -> tuple[Point, Point]:
    """Return the first character that is selected, and the one past the last.

    A selection that goes on past the log's edge ends with what is in sight, never with the whole log.
    """
    begin = first_in_sight if selection.start is None else place_of(selection.start)
    end = last_in_sight if selection.end is None else place_of(selection.end)
    return min(begin, end), max(begin, end)


def selection_of(shown: ShownEntries, first: int, last: int) -> Selection:
    """Return the selection of whole entries, from `first` to `last` and including it."""
    return Selection(Offset(0, first), Offset(len(shown.text(last)), last))


def part_of(entry: int, text: str, ends: tuple[Point, Point]) -> tuple[int, int]:
    """Return which characters of an entry are selected: from the first to before the second."""
    (first, begin), (last, end) = ends
    if not first <= entry <= last:
        return 0, 0
    begin, end = begin if entry == first else 0, min(end, len(text)) if entry == last else len(text)
    if has_clusters(text):  # none is cut in two
        for cluster_begin, cluster_end, _ in graphemes(text):
            begin = cluster_begin if cluster_begin < begin < cluster_end else begin
            end = cluster_end if cluster_begin < end < cluster_end else end
    return begin, end


def words_of(shown: ShownEntries, ends: tuple[Point, Point]) -> Iterator[str]:
    """Yield the words that are selected, entry by entry, without the breaks of rows and without what is hidden."""
    for item in range(shown.item_of(ends[0][0]), min(len(shown), shown.item_of(ends[1][0] + 1))):
        entry = shown.entry_at(item)
        text = shown.text(entry)
        begin, end = part_of(entry, text, ends)
        yield text[begin:end]
