"""What an engine must offer to be served, and what it says of the audio it gets."""

from dataclasses import dataclass
from typing import Protocol

from captions.audio.block import Samples
from captions.events import Word

RATE = 16_000
"""Samples a second that every engine is given, mono."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What an engine holds to have been said since its last final.

    Text that is not final replaces the one before it; a final adds its text for good. `end_of_utterance` goes with a
    final only. `words` are timed in seconds from the start of the stream's audio, where the engine knows times; an
    engine that knows the times of whole pieces of text only gives each piece as one `Word`.
    """

    text: str
    final: bool = False
    end_of_utterance: bool = False
    words: tuple[Word, ...] = ()
    language: str = ""
    """Code of the language that was heard, where the engine found it out by itself."""


class EngineStream(Protocol):
    """One stream's ears. Its methods block and are never called at the same time: each stream has a thread for them."""

    def hear(self, samples: Samples, *, partials: bool) -> list[Heard]:
        """Take audio at `RATE`, any length, and return what came of it, in order.

        Without `partials` text that may change is neither returned nor worked for: the client does not want it, or
        audio comes faster than it is spoken and more is waiting.
        """
        ...

    def finish(self) -> list[Heard]:
        """End the open utterance and return what is pending. If it is anything, its last is an end of utterance.

        Called when no more audio comes, and where the client says that an utterance ends: then audio may follow.
        """
        ...

    def close(self) -> None:
        """Free what the stream holds. Called once, in the end, from any state."""
        ...


class Engine(Protocol):
    """A recogniser: loaded once, shared by all streams."""

    name: str
    """What it is called in the service's answers, e.g. "moonshine tiny-en"."""
    languages: tuple[str, ...]
    """Codes of the languages it recognises, as the service spells them, e.g. "en-US"; the first is its default."""
    detects_language: bool
    """Whether it finds out by itself which of its languages is spoken."""

    def capacity(self) -> int:
        """Return how many streams of continuous speech this machine keeps up with; at least 1.

        May change as the engine learns what a stream costs here.
        """
        ...

    def open(self, language: str = "", *, end_silence: float | None = None) -> EngineStream:
        """Begin a stream in one of `languages`; empty for the first. May block. Raises RecognizerMissing.

        Where it `detects_language`, "auto" is whichever of them is spoken, and several codes with commas one of those.

        `end_silence` is how many seconds of silence end an utterance: None for what suits the engine, infinite where
        the client alone says it. What is kept of a silence is bounded all the same.
        """
        ...

    def close(self) -> None:
        """Free the model, after the last stream. Idempotent."""
        ...
