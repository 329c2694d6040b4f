"""Who listens, and how: what a change of settings replaces as a whole."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from captions.audio.source import AudioFormat
from captions.recognition.limits import Rotation, StreamLimits
from captions.recognition.recognizer import RecognitionOptions, Recognizer


@dataclass(frozen=True, slots=True)
class Listening:
    """A recogniser, and what it is asked for. `audio_format.rate` is that of the options."""

    recognizer: Recognizer
    options: Callable[[tuple[str, ...]], RecognitionOptions]
    """Makes the options, given the languages that the recogniser has."""
    audio_format: AudioFormat
    silence_seconds: float = 0.0
    """How long a silence ends a stream that is billed; 0 never does."""
    kept_seconds: float = 600.0
    """How much audio is kept while nobody hears it."""
    limits: StreamLimits | None = None
    """What a stream may have, where that is not what is known of the recogniser."""

    @property
    def stream_limits(self) -> StreamLimits:
        """What a stream may have."""
        return self.limits or self.recognizer.limits

    def options_at(self, rate: int) -> RecognitionOptions:
        """Return the options of a stream of audio at `rate`."""
        return replace(self.options(self.recognizer.languages), sample_rate_hertz=rate)

    def rotation(self, rate: int) -> Rotation:
        """Return what decides where a stream of audio at `rate` ends."""
        return Rotation(self.stream_limits.longest(self.options_at(rate).bytes_a_second))
