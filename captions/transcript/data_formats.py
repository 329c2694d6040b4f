"""JSON and ndjson: a transcript for programs. What its records hold is said in `records`."""

from captions.events import Entry, Final, Mark
from captions.transcript import records
from captions.transcript.formats import About
from captions.transcript.journal import FORMAT_VERSION

JSON_VERSION = 1
"""Of the document. A program that reads one version can read it with fields added, which does not change it."""


class Json:
    """`.json`: one document, `{"format", "version", "session", "entries"}`.

    `session` holds title, started, ended (ISO 8601 in UTC, null where it isn't known), program, and tracks with their
    labels. `entries` are records; whether a caption is marked is told in its own `marked`, so marks are no entries.
    """

    def __init__(self, about: About) -> None:
        self._about = about
        self._first = True

    def begin(self) -> str:
        """Return the document up to its entries."""
        head = {"format": "captions transcript", "version": JSON_VERSION, "session": _session(self._about)}
        return f'{_line(head)[:-1]},"entries":['

    def add(self, entry: Entry, marked: bool = False) -> str:
        """Return the entry as a record, on a line of its own."""
        if isinstance(entry, Mark):
            return ""
        fields = records.record(entry)
        if isinstance(entry, Final):
            fields["marked"] = marked
        between, self._first = "\n" if self._first else ",\n", False
        return between + _line(fields)

    def end(self) -> str:
        """Return the end of the document."""
        return "\n]}\n"


class Ndjson:
    """`.ndjson`: the records of the journal, one a line, marks among them; the first tells of the session."""

    def __init__(self, about: About) -> None:
        self._about = about

    def begin(self) -> str:
        """Return the record of the session."""
        return _line({"type": "session", "version": FORMAT_VERSION, **_session(self._about)}) + "\n"

    def add(self, entry: Entry, marked: bool = False) -> str:
        """Return the entry as a line."""
        return _line(records.record(entry)) + "\n"

    def end(self) -> str:
        """Every line is whole."""
        return ""


def _session(about: About) -> dict[str, object]:
    return {
        "title": about.title,
        "started": about.started.isoformat(),
        "ended": about.ended.isoformat() if about.ended is not None else None,
        "program": about.program,
        "tracks": dict(about.labels),
    }


def _line(fields: dict[str, object]) -> str:
    return records.line(fields).decode().removesuffix("\n")
