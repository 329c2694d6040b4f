"""What the engine says, in the order in which it happened.

Times are seconds on the session's clock: the position in the audio captured so far (design: one clock). `wall` is the
time of day in UTC at that position. Every text is free of control characters, and none of it is markup.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Word:
    """A word with its place in time, where the recogniser gives one."""

    text: str
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Level:
    """How loud the last block was, in dBFS (0 is full scale, a full-scale square wave has an RMS of 0)."""

    time: float
    rms: float
    peak: float
    peak_hold: float
    clipped: bool


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a file is being played, in seconds of the file; `total` is None where the file does not say."""

    elapsed: float
    total: float | None


@dataclass(frozen=True, slots=True)
class Partial:
    """All of the text heard since the last final. It replaces the partial before it; empty text takes it away.

    `unconfirmed` text was heard by a stream that broke before it was final: the audio is being heard again.
    The first `committed` characters of the text are settled: later partials of the caption begin with them.
    `words` are empty where the recogniser gives no times, and where words were held back.
    """

    track: str
    start: float
    end: float
    text: str
    unconfirmed: bool = False
    committed: int = 0
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Final:
    """A caption: text that will not change, with its place in time.

    `language` is the code of what was spoken, empty where the recogniser does not tell.
    """

    track: str
    start: float
    end: float
    wall: datetime
    text: str
    end_of_utterance: bool
    words: tuple[Word, ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """Audio that no recogniser heard."""

    track: str
    start: float
    end: float
    wall: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class InputChanged:
    """From here on sound comes from somewhere else.

    `kind` is microphone, monitor (what the machine plays), pipe, address, file, sample or nothing.
    """

    track: str
    time: float
    wall: datetime
    kind: str
    name: str


@dataclass(frozen=True, slots=True)
class StreamEnded:
    """A stream of the recogniser has ended. It heard `seconds` of audio from `time` on, again if after a break.

    `units` is what it is billed, `units_so_far` what the session is (15 s each with SpeechKit; 0 where nothing is).
    """

    time: float
    wall: datetime
    recognizer: str
    seconds: float
    units: int
    units_so_far: int


@dataclass(frozen=True, slots=True)
class Paused:
    """The user stopped listening. The session's clock stands until `Resumed`; the wall clock does not."""

    time: float
    wall: datetime


@dataclass(frozen=True, slots=True)
class Resumed:
    """The user listens again."""

    time: float
    wall: datetime


@dataclass(frozen=True, slots=True)
class Mark:
    """The user marked the caption that is said at `time`, or took the mark away again.

    It belongs to the first caption of the track that ends after `time`.
    """

    track: str
    time: float
    wall: datetime
    removed: bool = False


@dataclass(frozen=True, slots=True)
class Titled:
    """The user gave the session a title; the newest holds."""

    time: float
    wall: datetime
    title: str


class Severity(StrEnum):
    """How much a notice matters."""

    INFORMATION = "information"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something the reader should know: what happened, and what to do about it."""

    time: float
    wall: datetime
    severity: Severity
    message: str
    hint: str = ""


class Phase(StrEnum):
    """What the session is doing, in one word."""

    STARTING = "starting"
    CONNECTING = "connecting"
    LISTENING = "listening"
    PAUSED = "paused"
    RECONNECTING = "reconnecting"
    ENDED = "end of file"
    WAITING = "waiting for the input"
    NO_INPUT = "no input"
    FAILED = "stopped"


@dataclass(frozen=True, slots=True)
class SessionState:
    """What is happening, to whom, and since when.

    `recognizer` names who listens, `detail` says more in words (the service's own text after an error), `since` is
    the monotonic time at which the phase began. `language` is what the last stream was asked for: codes with commas;
    empty before there was one, and where the recogniser cannot be asked.
    """

    phase: Phase
    recognizer: str
    detail: str
    since: float
    language: str = ""


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much audio waits to be sent, in seconds, after how many failed streams in a row."""

    seconds: float
    failures: int


@dataclass(frozen=True, slots=True)
class Spread:
    """The median and the 95th percentile of the newest measurements of a time, in seconds."""

    p50: float
    p95: float


@dataclass(frozen=True, slots=True)
class Delays:
    """How long words have taken of late, stage by stage. A stage that cannot be known is None.

    `send`: from the capture of a block to its hand-over to the stream. `service`: from that to a partial with the
    words in it. `stabilizer`: for how long a word was held back before it was told. `partials` and `finals`: all of it,
    from the end of a word, or of a caption, in the sound to its being told.
    """

    send: Spread | None
    service: Spread | None
    stabilizer: Spread | None
    partials: Spread | None
    finals: Spread | None


@dataclass(frozen=True, slots=True)
class ModelWanted:
    """The session is stopped: to hear `language` (a code, or empty) here takes a model that can be downloaded.

    `size` is in bytes; `message` and `hint` say it in words. Nothing is downloaded before a person has agreed.
    """

    model: str
    size: int
    language: str
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class ModelProgress:
    """How many bytes of a model's `total` are here while it is being downloaded."""

    model: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class ModelEnded:
    """A download has ended: with the model, or, where there is a `message`, without it."""

    model: str
    message: str = ""
    hint: str = ""


Entry = Final | Gap | InputChanged | StreamEnded | Paused | Resumed | Mark | Titled | Notice
"""What lasts: kept in the transcript and in the journal."""

Event = Entry | Level | Progress | Backlog | Delays | Partial | SessionState | ModelWanted | ModelProgress | ModelEnded
"""All that the engine says."""
