"""Where sound comes from: what every source offers, and how one is opened by its name."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from captions.audio.block import AudioBlock


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What a source is asked for.

    `rate` and `block_ms` say how the audio is delivered: mono int16 at `rate` Hz, `block_ms` milliseconds a block.
    `pcm_rate` and `pcm_channels` say how headerless files (.pcm, .raw) are read. `real_time` delivers files at the
    pace of sound; without it they come as fast as they are taken.
    """

    rate: int = 16_000
    block_ms: int = 100
    pcm_rate: int = 8_000
    pcm_channels: int = 1
    real_time: bool = True

    @property
    def block_samples(self) -> int:
        """Samples in one block."""
        return self.rate * self.block_ms // 1000


class AudioSource(Protocol):
    """A place where sound comes from. Open when it is made; `aclose` is called once, from any state."""

    kind: str
    """microphone, file or sample."""
    name: str
    """What it is called on the screen: plain text, no control characters."""

    def blocks(self) -> AsyncIterator[AudioBlock]:
        """Yield blocks until the sound ends; iterated once.

        Positions go on from the `position` that the source was opened with and have no holes, through pauses and
        seeks as well. Raises InputError when the sound breaks off, with the reason in words.
        """
        ...

    def pause(self) -> None:
        """Stop delivering (a microphone is let go of, a file stands still). Idempotent."""
        ...

    def resume(self) -> None:
        """Deliver again after `pause`. Idempotent."""
        ...

    async def aclose(self) -> None:
        """Let go of the device or file; ends `blocks`. Idempotent."""
        ...


@runtime_checkable
class Playable(Protocol):
    """A source that is being played: a file."""

    duration: float | None
    """Seconds, or None where the file does not say."""

    @property
    def elapsed(self) -> float:
        """Where it is being played, in seconds of the file."""
        ...

    def seek(self, seconds: float) -> None:
        """Go on from another place in the file, clamped to it. Takes effect with the next block."""
        ...


async def open_source(name: str, audio_format: AudioFormat, position: int = 0) -> AudioSource:
    """Open a source by the name a person gives it.

    - `microphone`, or `microphone:PART` with a part of the device's name (any case): PortAudio's default input, or
      the one device that fits;
    - `sample`: the recording that comes with the recogniser on this machine;
    - anything else: a file, by its path.

    `position` is the first block's position in samples at `audio_format.rate`. Raises InputError.
    """
    kind, _, part = name.partition(":")
    if kind == "microphone":
        from captions.audio.microphone import open_microphone

        return await open_microphone(part, audio_format, position)
    from captions.audio.media import open_file, open_sample

    if name == "sample":
        return await open_sample(audio_format, position)
    return await open_file(name, audio_format, position)
