"""Any audio or video as mono samples, through FFmpeg. Blocking: it runs in a thread of its own (see media.py)."""

import itertools
from collections.abc import Iterator
from typing import Protocol

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from captions.audio.block import Samples
from captions.audio.mono import NOTHING, MonoResampler
from captions.errors import InputError
from captions.plain_text import plain

PREROLL = 0.5
"""Seconds that are decoded before the place that was asked for: codecs need some before they sound right."""

NEAR_ENOUGH = 0.02
"""Seconds by which a format's own seek may overshoot; when it does by more, the file is decoded from its start."""

SHORTEST_HOLE = 0.1
LONGEST_HOLE = 60.0
"""Seconds between the time that a frame has and the one it should have, from and up to which it is a hole."""

MOST_BROKEN = 1_000
"""Packets in a row that may be unreadable before what is left of the file is given up."""


class Media(Protocol):
    """What a decoder reads."""

    shown: str
    """What it is called on the screen: plain text, no secrets."""

    def open(self) -> InputContainer:
        """Open it at its beginning, again after `close` where that can be. Raises InputError."""
        ...

    def broken(self, error: Exception) -> InputError | None:
        """What it means that reading failed; None where it is only damaged there, and goes on behind that place."""
        ...

    def close(self) -> None:
        """Let go of what `open` opened. Idempotent."""
        ...


class Decoder:
    """Reads media from any place on, in constant memory. Times are seconds from the start of its sound."""

    def __init__(self, media: Media, rate: int) -> None:
        """Open it, for samples at `rate`. Raises InputError, in a sentence of its own for each thing that can be wrong.

        Whether there is any sound to be had is known only after `check`, which has to read some.
        """
        self.rate = rate
        self._media = media
        self._open()
        self._left = NOTHING
        self._pieces = self._converted(self._decoded(), 0.0)
        self.duration = self._duration()

    def check(self) -> None:
        """Raise InputError when no sound can be read."""
        first = self.read(self.rate)
        if not len(first):
            self.close()
            raise no_sound(self._media.shown)
        self._left = np.concatenate([first, self._left])

    def read(self, samples: int) -> Samples:
        """Return the next samples; fewer only at the end, none after it. Raises InputError when the disk fails."""
        got = [self._left]
        length = len(self._left)
        while length < samples and (piece := next(self._pieces, None)) is not None:
            got.append(piece)
            length += len(piece)
        joined = np.concatenate(got)
        self._left = joined[samples:].copy()
        return joined[:samples]

    def seek(self, seconds: float) -> None:
        """Go on from there; beyond the end there is nothing to read."""
        self._left = NOTHING
        self._pieces = self._converted(self._frames_from(seconds), seconds)

    def close(self) -> None:
        """Close the file. Idempotent."""
        self._pieces = iter(())
        self._let_go()

    def _let_go(self) -> None:
        self._container.close()
        self._media.close()

    def _open(self) -> None:
        self._container = self._media.open()
        try:
            self._stream = self._sound()
        except BaseException:
            self._let_go()
            raise
        start = self._stream.start_time
        self._start = float(start * self._stream.time_base) if start is not None and self._stream.time_base else 0.0

    def _sound(self) -> AudioStream:
        stream = self._container.streams.best("audio")
        if isinstance(stream, AudioStream) and stream.codec_context is not None:
            return stream
        kinds = {stream.type for stream in self._container.streams}
        if "audio" in kinds:
            raise InputError(
                f"The sound in {self._media.shown} is in a format that cannot be decoded.", "Convert it first."
            )
        raise InputError(f"{self._media.shown} has no sound in it.", "Choose something with a sound track.")

    def _duration(self) -> float | None:
        if self._stream.duration is not None and self._stream.time_base is not None:
            return float(self._stream.duration * self._stream.time_base)
        if self._container.duration is not None:
            return self._container.duration / av.time_base
        return None

    def _converted(self, frames: Iterator[AudioFrame], seconds: float) -> Iterator[Samples]:
        """Yield samples from `seconds` on, until the end of `frames`."""
        skip: int | None = None
        for begins, piece in self._in_time(frames):
            if skip is None:
                skip = max(0, round((seconds - begins) * self.rate))
            yield piece[skip:]
            skip -= min(skip, len(piece))

    def _in_time(self, frames: Iterator[AudioFrame]) -> Iterator[tuple[float, Samples]]:
        """Yield samples, and the time at which the first of `frames` began.

        Where frames are missing (a recording that paused, a damaged place), silence stands for them, so that what
        comes after keeps its place, as it does in a player.
        """
        resampler = MonoResampler(self.rate)
        begins: float | None = None
        expected = 0.0
        for frame in frames:
            time = frame.time - self._start if frame.time is not None else expected
            if begins is None:
                begins = expected = time
            hole = time - expected
            if abs(hole) > LONGEST_HOLE:
                expected = time  # no hole: the file's times begin anew
            elif hole > SHORTEST_HOLE:
                yield begins, resampler.flush()
                yield begins, np.zeros(round(hole * self.rate), dtype=np.int16)
                expected = time
            expected += frame.samples / frame.sample_rate
            yield begins, resampler.convert(frame)
        yield begins or 0.0, resampler.flush()

    def _frames_from(self, seconds: float) -> Iterator[AudioFrame]:
        """Yield frames, the first of which begins at `seconds` or before it."""
        if seconds > 0:
            try:
                offset = max(0.0, seconds - PREROLL) + self._start
                self._container.seek(int(offset / (self._stream.time_base or 1)), stream=self._stream)
            except av.FFmpegError:
                pass  # a format that cannot seek
            else:
                frames = self._decoded()
                first = next(frames, None)
                if first is not None and first.time is not None and first.time - self._start <= seconds + NEAR_ENOUGH:
                    yield from itertools.chain([first], frames)
                    return
        self._let_go()
        self._open()
        yield from self._decoded()

    def _decoded(self) -> Iterator[AudioFrame]:
        """Yield frames from where the container stands to its end, passing over what is broken."""
        broken = 0
        while broken < MOST_BROKEN:
            try:
                for packet in self._container.demux(self._stream):
                    try:
                        frames = packet.decode()
                    except av.FFmpegError:
                        broken += 1
                        if broken >= MOST_BROKEN:
                            return
                        continue
                    for frame in frames:
                        broken = 0
                        if isinstance(frame, AudioFrame):
                            yield frame
            except (av.FFmpegError, OSError) as error:
                reason = self._media.broken(error)
                if reason is not None:
                    raise reason from None
                broken += 1  # the container itself is damaged here: FFmpeg goes on behind it, if it can
            else:
                return


def no_sound(shown: str) -> InputError:
    """Return the error for what can be opened, but gives no sound."""
    return InputError(f"{shown} has no sound in it that can be read.", "It may be empty or damaged.")


def words(error: Exception) -> str:
    """Return an error's reason alone, without its number and file name."""
    return plain(getattr(error, "strerror", None) or str(error)).rstrip(".")
