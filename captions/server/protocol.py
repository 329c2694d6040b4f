"""What a protocol must say so that it is spoken here: it is a module with these names.

All else, from tokens to limits and capacity, is the same for every protocol and exists once, in service.py and
stream.py.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from google.protobuf.message import Message

from captions.server.engines import Engine, Heard
from captions.server.specification import Asked


@dataclass(frozen=True, slots=True)
class Audio:
    """A message with audio, as it was sent."""

    content: bytes


@dataclass(frozen=True, slots=True)
class Silence:
    """A message that says that there was silence for so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class EndOfUtterance:
    """A message that says that the utterance ends here."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a client."""

    metadata: Mapping[str, str]
    """What the client sent before its messages, names in lower case. Nothing of it was checked but the token."""
    id: str
    """The server's name for it, told to the client as x-request-id."""
    clock: Callable[[], float]
    """The time, in seconds."""


class Answers(Protocol):
    """What one stream is told, in order. Positions are in seconds of the stream's audio."""

    def begin(self) -> Sequence[Message]:
        """Return what is told once the settings were taken."""
        ...

    def took(self, position: float) -> Sequence[Message]:
        """Return what is told when audio was taken in until `position`, before what was heard in it."""
        ...

    def heard(self, heard: Heard, position: float) -> Sequence[Message]:
        """Return what is told of `heard`, when audio was taken in until `position`."""
        ...


class SpeechProtocol(Protocol):
    """A method that takes a stream of messages, of which the first has the settings, and answers with a stream.

    A module is one, hence the capitals of its constants.
    """

    @property
    def SERVICE(self) -> str:  # noqa: N802
        """Full name of the gRPC service."""
        ...

    @property
    def METHOD(self) -> str:  # noqa: N802
        """Name of its method."""
        ...

    @property
    def REQUEST(self) -> type[Any]:  # noqa: N802
        """The message that clients send."""
        ...

    @property
    def RESPONSE(self) -> type[Any]:  # noqa: N802
        """The message that they get."""
        ...

    def check(self, request: Any, engines: Sequence[Engine], call: Call, *, needs_folder: bool) -> Asked:
        """Return what the first message asks for; None is a stream that ended before it. Raises Refusal."""
        ...

    def message(self, request: Any, asked: Asked) -> Audio | Silence | EndOfUtterance:
        """Return what a later message is. Raises Refusal."""
        ...

    def answers(self, asked: Asked, call: Call) -> Answers:
        """Return what will answer this stream."""
        ...
