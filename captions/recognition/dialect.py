"""What differs between the services that take audio in one gRPC stream and answer with words."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from google.protobuf.message import Message

from captions.audio.block import Samples
from captions.recognition.limits import StreamLimits
from captions.recognition.recognizer import RecognitionOptions, Result

Metadata = tuple[tuple[str, str], ...]


class Conversation(Protocol):
    """What is said in one stream, both ways. Blocks nowhere."""

    metadata: Metadata
    """What goes with the call, beside credentials and ids."""
    settings: Message
    """The first message."""

    def audio(self, content: bytes) -> Message:
        """Return the message that carries encoded audio."""
        ...

    def samples(self, samples: Samples) -> Iterable[Message]:
        """Return the messages that carry samples at the rate of the options."""
        ...

    def heard(self, response: Any) -> Sequence[Result]:
        """Return what a response says, in order. Texts are plain (`plain_text.plain`)."""
        ...

    def ended(self) -> Sequence[Result]:
        """Return what was held back, once: the stream has ended, well or not."""
        ...


class Dialect(Protocol):
    """A service, as its published API has it."""

    kind: str
    """Value of the setting `recognizer` by which it is chosen."""
    service: str
    """What it is called where an answer is none of its, e.g. "SpeechKit v2"."""
    method: str
    """gRPC path of the method."""
    response: type[Message]
    languages: tuple[str, ...]
    """Codes that it takes, its default first; empty where that is a matter of the server."""
    limits: StreamLimits
    """What one stream of it may have."""

    def converse(self, options: RecognitionOptions, folder_id: str) -> Conversation:
        """Begin a stream; `folder_id` is empty where none is to be sent. Raises SettingError."""
        ...
