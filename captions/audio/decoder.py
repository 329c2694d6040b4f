"""Any audio or video file as mono samples, through FFmpeg. Blocking: it runs in a thread of its own (see media.py)."""

import itertools
import stat
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer

from captions.audio.block import Samples
from captions.audio.mono import NOTHING, MonoResampler
from captions.errors import InputError
from captions.plain_text import plain

HEADERLESS = {".pcm", ".raw"}
"""Endings of files that hold nothing but samples: signed 16 bit, little-endian."""

PREROLL = 0.5
"""Seconds that are decoded before the place that was asked for: codecs need some before they sound right."""

NEAR_ENOUGH = 0.02
"""Seconds by which a format's own seek may overshoot; when it does by more, the file is decoded from its start."""

SHORTEST_HOLE = 0.1
LONGEST_HOLE = 60.0
"""Seconds between the time that a frame has and the one it should have, from and up to which it is a hole."""

MOST_BROKEN = 1_000
"""Packets in a row that may be unreadable before what is left of the file is given up."""


class Decoder:
    """Reads a file from any place on, in constant memory. Times are seconds from the start of the file's sound."""

    def __init__(self, path: str, rate: int, pcm_rate: int, pcm_channels: int) -> None:
        """Open the file. `rate` is that of the samples; the others say how a headerless file is read.

        `~` is the home folder. Raises InputError, in a sentence of its own for each thing that can be wrong.
        """
        self._shown = plain(path)
        try:
            self._path = Path(path).expanduser()
        except RuntimeError:  # no such user: it is a name that begins with ~
            self._path = Path(path)
        self._rate = rate
        self._options = {"protocol_whitelist": "none"}  # a playlist must not lead to other files or addresses
        self._headerless = self._path.suffix.lower() in HEADERLESS
        if self._headerless:
            self._options |= {"sample_rate": str(pcm_rate), "ch_layout": f"{pcm_channels}C"}
        self._open()
        self._left = NOTHING
        self._pieces = self._converted(self._decoded(), 0.0)
        self.duration = self._duration()
        first = self.read(rate)
        if not len(first):
            self.close()
            raise InputError(f"{self._shown} has no sound in it that can be read.", "It may be empty or damaged.")
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
        self._file.close()

    def _open(self) -> None:
        try:
            if not self._path.is_file() and self._path.exists():
                self._refuse(self._path.stat().st_mode)
            # FFmpeg is given an open file, never a name: "concat:..." or "http:..." mean nothing here.
            self._file = self._path.open("rb")
        except FileNotFoundError:
            hint = "Addresses cannot be captioned: download it first." if "://" in self._shown else "Check its path."
            raise InputError(f"There is no file {self._shown}.", hint) from None
        except PermissionError:
            raise InputError(
                f"{self._shown} must not be read.", "Check its permissions and those of its folder."
            ) from None
        except (OSError, ValueError) as error:
            raise InputError(f"{self._shown} cannot be opened: {_words(error)}.") from None
        try:
            self._container = self._container_of_file()
            self._stream = self._sound()
        except BaseException:
            self._file.close()
            raise
        start = self._stream.start_time
        self._start = float(start * self._stream.time_base) if start is not None and self._stream.time_base else 0.0

    def _refuse(self, mode: int) -> None:
        if stat.S_ISDIR(mode):
            raise InputError(f"{self._shown} is a folder.", "Name a file in it.")
        raise InputError(f"{self._shown} is not a regular file.", "Pipes and devices cannot be captioned as files.")

    def _container_of_file(self) -> InputContainer:
        if not self._path.stat().st_size:
            raise InputError(f"{self._shown} is empty.", "Choose another file.")
        try:
            kind = "s16le" if self._headerless else None
            return av.open(self._file, mode="r", format=kind, options=self._options)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(
                f"{self._shown} cannot be read as sound or video: {_words(error)}.",
                "It may be damaged, a playlist, or of another kind; a headerless recording must end in .pcm or .raw.",
            ) from None

    def _sound(self) -> AudioStream:
        stream = self._container.streams.best("audio")
        if isinstance(stream, AudioStream) and stream.codec_context is not None:
            return stream
        kinds = {stream.type for stream in self._container.streams}
        self._container.close()
        if "audio" in kinds:
            raise InputError(f"The sound in {self._shown} is in a format that cannot be decoded.", "Convert it first.")
        raise InputError(f"{self._shown} has no sound in it.", "Choose a file with a sound track.")

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
                skip = max(0, round((seconds - begins) * self._rate))
            yield piece[skip:]
            skip -= min(skip, len(piece))

    def _in_time(self, frames: Iterator[AudioFrame]) -> Iterator[tuple[float, Samples]]:
        """Yield samples, and the time at which the first of `frames` began.

        Where frames are missing (a recording that paused, a damaged place), silence stands for them, so that what
        comes after keeps its place, as it does in a player.
        """
        resampler = MonoResampler(self._rate)
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
                yield begins, np.zeros(round(hole * self._rate), dtype=np.int16)
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
            except av.FFmpegError:
                broken += 1  # the container itself is damaged here: FFmpeg goes on behind it, if it can
            except OSError as error:
                raise InputError(
                    f"Reading {self._shown} broke off: {_words(error)}.", "Is its disk still there?"
                ) from None
            else:
                return


def _words(error: Exception) -> str:
    """Return an error's reason alone, without its number and file name."""
    return plain(getattr(error, "strerror", None) or str(error)).rstrip(".")
