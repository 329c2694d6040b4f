"""Where sound comes from: what every source offers, and how one is opened by its name."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from captions.audio.block import AudioBlock
from captions.audio.names import is_address


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """What a source is asked for.

    `rate` and `block_ms` say how the audio is delivered: mono int16 at `rate` Hz, `block_ms` milliseconds a block.
    `pcm_rate` and `pcm_channels` say how sound without a header is read: files that end in .pcm or .raw, and samples
    through a pipe. `real_time` delivers files at the pace of sound; without it they come as fast as they are taken.
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
    """microphone, monitor, pipe, address, file or sample."""
    live: bool
    """Whether it is heard as it happens, from a device or a stream that is there for good. When its sound breaks off it
    is opened again, and what was not captured meanwhile is missed; any other source ends with its error."""
    name: str
    """What it is called on the screen: plain text, no control characters, no secrets."""

    def blocks(self) -> AsyncIterator[AudioBlock]:
        """Yield blocks until the sound ends; iterated once.

        Positions go on from the `position` that the source was opened with and have no holes, through pauses and
        seeks as well. Raises InputError when the sound breaks off, with the reason in words.
        """
        ...

    def pause(self) -> None:
        """Stop delivering. Idempotent. A device is let go of, a file stands still, and what comes in through a pipe or
        a live stream is thrown away, at the pace of sound."""
        ...

    def resume(self) -> None:
        """Deliver again after `pause`. Idempotent."""
        ...

    async def aclose(self) -> None:
        """Let go of the device or file; ends `blocks`. Idempotent."""
        ...


@runtime_checkable
class Playable(Protocol):
    """A source that is being played: a file, here or on a web server."""

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
    - `monitor`, or `monitor:PART`: what the machine plays, through its default output or the one that fits;
    - `sample`: the recording that comes with the recogniser on this machine;
    - `-`: standard input;
    - an address: `tcp://HOST:PORT`, `http://...`, `https://...` or `rtsp://...`;
    - anything else: a file or a named pipe, by its path. A path that begins with `./` is never taken for one of those
      above.

    `position` is the first block's position in samples at `audio_format.rate`. Raises InputError. A pipe is open at
    once; what is wrong with what comes through it is told by `blocks`.
    """
    kind, _, part = name.partition(":")
    if kind == "microphone":
        from captions.audio.microphone import open_microphone

        return await open_microphone(part, audio_format, position)
    if kind == "monitor":
        from captions.audio.monitor import open_monitor

        return await open_monitor(part, audio_format, position)
    if is_address(name):
        from captions.audio.address import open_address

        return await open_address(name, audio_format, position)
    from captions.audio.pipe import is_named_pipe, open_named_pipe, open_standard_input

    if name == "-":
        return open_standard_input(audio_format, position)
    if await asyncio.to_thread(is_named_pipe, name):
        return open_named_pipe(name, audio_format, position)
    from captions.audio.media import open_file, open_sample

    if name == "sample":
        return await open_sample(audio_format, position)
    return await open_file(name, audio_format, position)
