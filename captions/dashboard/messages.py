"""What the worker tells the dashboard. Every message is posted to the app and handled there."""

from dataclasses import dataclass, field

from textual.message import Message

from captions.events import (
    Backlog,
    Delays,
    Entry,
    Level,
    ModelEnded,
    ModelProgress,
    ModelWanted,
    Partial,
    Progress,
    SessionState,
)


@dataclass
class EngineTick(Message, bubble=False):
    """The newest of what changes many times a second. None, or a track that is not there, means nothing new.

    `since` is when, by time.monotonic, the oldest of the partials came; None if there are none.
    """

    level: Level | None = None
    progress: Progress | None = None
    backlog: Backlog | None = None
    partials: dict[str, Partial] = field(default_factory=dict)
    delays: Delays | None = None
    since: float | None = field(default=None, compare=False)


@dataclass
class EntryAdded(Message, bubble=False):
    """Something that lasts was added to the transcript, at `since` by time.monotonic. Never merged, never lost."""

    entry: Entry
    since: float | None = field(default=None, compare=False)


@dataclass
class StateChanged(Message, bubble=False):
    """The session does something else now."""

    state: SessionState


@dataclass
class EngineFailed(Message, bubble=False):
    """The engine ended by an error; `exit_code` is what the process ends with when the person quits."""

    message: str
    hint: str
    exit_code: int


@dataclass
class ModelTold(Message, bubble=False):
    """A model is wanted, or being downloaded."""

    event: ModelWanted | ModelProgress | ModelEnded


class TerminalGone(Message, bubble=False):
    """The terminal hung up: nobody sees or types anything any more."""
