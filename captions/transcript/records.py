"""Events as records: what a line of a journal and a line of ndjson hold.

A record has the event's fields under their own names and a `type` by which it is told. Times are seconds on the
session's clock, times of day UTC in ISO 8601.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from captions.events import (
    Backlog,
    Delays,
    Entry,
    Event,
    Final,
    Gap,
    InputChanged,
    Level,
    Mark,
    ModelEnded,
    ModelProgress,
    ModelWanted,
    Notice,
    Partial,
    Paused,
    Progress,
    Resumed,
    SessionState,
    Severity,
    StreamEnded,
    Titled,
    Word,
)

ENTRY_TYPES: Mapping[str, type[Entry]] = {
    "final": Final,
    "gap": Gap,
    "input": InputChanged,
    "stream": StreamEnded,
    "paused": Paused,
    "resumed": Resumed,
    "mark": Mark,
    "title": Titled,
    "notice": Notice,
}
"""What lasts, by type."""

_NAMES: dict[type, str] = {
    **{kind: name for name, kind in ENTRY_TYPES.items()},
    Partial: "partial",
    SessionState: "state",
    Level: "level",
    Progress: "progress",
    Backlog: "backlog",
    Delays: "delays",
    ModelWanted: "model_wanted",
    ModelProgress: "model_progress",
    ModelEnded: "model_ended",
}


def record(event: Event) -> dict[str, Any]:
    """Return an event as a record that JSON can hold."""
    fields = asdict(event)
    if "wall" in fields:
        fields["wall"] = fields["wall"].isoformat()
    fields.pop("since", None)  # A reading of this process's own clock: it means nothing elsewhere.
    return {"type": _NAMES[type(event)], **fields}


def line(fields: Mapping[str, object]) -> bytes:
    """Return a record as one line of JSON in UTF-8."""
    return json.dumps(fields, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace") + b"\n"


def parse_line(text: bytes) -> dict[str, Any] | None:
    """Return the record in a line, or None for one that was cut off or is no record."""
    if not text.endswith(b"\n"):
        return None
    try:
        fields = json.loads(text)
    except ValueError:
        return None
    return fields if isinstance(fields, dict) else None


def entry(fields: Mapping[str, Any]) -> Entry:
    """Return the entry in a record whose type is one of `ENTRY_TYPES`. The inverse of `record`."""
    values = dict(fields)
    kind = ENTRY_TYPES[values.pop("type")]
    values["wall"] = datetime.fromisoformat(values["wall"])
    if kind is Final:
        values["words"] = tuple(Word(**word) for word in values["words"])
    if kind is Notice:
        values["severity"] = Severity(values["severity"])
    return kind(**values)
