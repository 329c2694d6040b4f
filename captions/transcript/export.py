"""A session written out: which formats there are, and how one is made of the entries of a journal."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from captions.events import Entry, Final, Gap
from captions.transcript.data_formats import Json, Ndjson
from captions.transcript.documents import Markdown, Text
from captions.transcript.formats import About, Format
from captions.transcript.subtitles import SubRip, WebVtt
from captions.transcript.transcript import Transcript, begins, ends


class _Begins(Protocol):
    def __call__(self, about: About) -> Format: ...


FORMATS: Mapping[str, _Begins] = {
    "txt": Text,
    "md": Markdown,
    "srt": SubRip,
    "vtt": WebVtt,
    "json": Json,
    "ndjson": Ndjson,
}
"""What begins a file of each format, by its suffix."""
WITHOUT_TIMES: Mapping[str, _Begins] = {"txt": partial(Text, times=False), "md": partial(Markdown, times=False)}
"""The formats that can do without times."""


def export(
    format: str,
    about: About,
    entries: Sequence[Entry],
    *,
    since: float | None = None,
    until: float | None = None,
    times: bool = True,
) -> Iterator[str]:
    """Yield the text of a transcript in a format, which is one of `FORMATS`, piece by piece.

    `since` and `until` are seconds on the session's clock: what begins before `until` and ends after `since` is
    written, whole and at its own time. `times` tells whether there are times of day, where a format can do without.

    Tracks that `about` has no label for are labelled with their names if there are several.
    """
    begin = FORMATS[format] if times else WITHOUT_TIMES.get(format, FORMATS[format])
    writer = begin(replace(about, labels=_labels(about, entries)))
    transcript = Transcript(entries)
    marked = {id(transcript.entries[index]) for index in transcript.marks}
    yield writer.begin()
    for entry in entries:
        if _within(entry, since, until) and (text := writer.add(entry, id(entry) in marked)):
            yield text
    if text := writer.end():
        yield text


def _labels(about: About, entries: Sequence[Entry]) -> Mapping[str, str]:
    tracks = dict.fromkeys(entry.track for entry in entries if isinstance(entry, Final | Gap))
    return {track: track if len(tracks) > 1 else "" for track in tracks} | dict(about.labels)


def _within(entry: Entry, since: float | None, until: float | None) -> bool:
    begin, end = begins(entry), ends(entry)
    return (until is None or begin < until) and (since is None or end > since or begin >= since)
