"""What every recogniser offers: one stream at a time, settings first, then audio, hypotheses back."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol, runtime_checkable

from captions.audio.block import Samples
from captions.errors import CaptionsError
from captions.events import Word
from captions.recognition.limits import StreamLimits


class Encoding(StrEnum):
    """How audio travels, by the service's own names."""

    LINEAR16_PCM = "LINEAR16_PCM"
    OGG_OPUS = "OGG_OPUS"


@dataclass(frozen=True, slots=True)
class RecognitionOptions:
    """The settings that streaming recognition has, by the service's own names and with its own values."""

    language_code: str = "ru-RU"
    model: str = "general"
    audio_encoding: Encoding = Encoding.LINEAR16_PCM
    sample_rate_hertz: int = 16_000
    profanity_filter: bool = False
    partial_results: bool = True
    raw_results: bool = False
    literature_text: bool = False
    single_utterance: bool = False
    folder_id: str = ""
    more_languages: tuple[str, ...] = ()
    eou_sensitivity: str = "default"
    max_pause_ms: int = 0

    @property
    def bytes_a_second(self) -> float:
        """How many bytes of audio are sent for a second; for Ogg Opus more than was measured on speech (4.3 kB)."""
        return 2 * self.sample_rate_hertz if self.audio_encoding is Encoding.LINEAR16_PCM else 8_000


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """What a recogniser holds to have been said since the last final.

    A hypothesis that is not final replaces the one before it; a final adds its text for good; `end_of_utterance` says
    that the next hypothesis begins a new utterance. `words` are timed in seconds from the start of this stream's
    audio, and are empty where the recogniser gives no times. `covered` is up to where all that there is to be said is
    said in finals, in such seconds, where the recogniser tells. `language` is the code of what was spoken, where it
    tells.
    """

    text: str
    final: bool
    end_of_utterance: bool
    words: tuple[Word, ...] = ()
    covered: float | None = None
    language: str = ""


@dataclass(frozen=True, slots=True)
class Remark:
    """What a service says of the stream itself, in words for the person: a warning, or that it will end."""

    text: str


Result = Hypothesis | Remark


class RecognitionStream(Protocol):
    """One stream. Audio goes in, results come out, at the same time."""

    async def send(self, samples: Samples) -> None:
        """Send audio at the rate of the stream's options. Raises StreamError once the stream has ended."""
        ...

    async def half_close(self) -> None:
        """Say that no more audio comes; what is pending is still delivered by `results`. Idempotent."""
        ...

    def results(self) -> AsyncIterator[Result]:
        """Yield what was heard, in order, until the service ends the stream. Raises StreamError. Iterated once."""
        ...

    async def cancel(self) -> None:
        """Drop the stream at once and free what it holds. Always called in the end, also after a clean end."""
        ...


class Recognizer(Protocol):
    """Someone who listens: a service at an address, or a process on this machine."""

    name: str
    """What it is called on the screen, e.g. "SpeechKit v2", "vosk at HOST:PORT" or "local recogniser"."""
    kind: str
    """Value of the setting `recognizer` by which it is chosen, never "auto"."""
    languages: tuple[str, ...]
    """Language codes it takes, once it is prepared; the first is its own default. Empty where nobody knows."""

    limits: StreamLimits
    """What one stream may have."""
    preparing: str
    """What it does while it gets ready, in words; empty where it is not known to do anything."""

    async def prepare(self) -> None:
        """Be ready to open streams: start what must be started. Costs nothing when it is. Raises as `open` does."""
        ...

    async def open(self, options: RecognitionOptions) -> RecognitionStream:
        """Begin a stream and send its settings. Raises StreamError, CredentialsError or RecognizerMissing."""
        ...

    async def renew(self) -> bool:
        """Read credentials again, after they were refused; whether there are any to try. Raises CredentialsError."""
        ...

    async def aclose(self) -> None:
        """Close the connection, and end a process that it started. Idempotent."""
        ...


@runtime_checkable
class InParts(Protocol):
    """A recogniser that needs more for some languages than for others, and may lack it."""

    def lacks(self, options: RecognitionOptions) -> CaptionsError | None:
        """Say what is not here that is needed to hear so, None when nothing is: what `open` would raise.

        May look at the disk. It is ModelMissing where a download would mend it.
        """
        ...
