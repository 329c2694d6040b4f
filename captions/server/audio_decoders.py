"""Audio as clients send it, made into what engines take: mono int16 at the engines' rate."""

import struct
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import numpy as np

from captions.audio.block import Samples
from captions.server import refusals
from captions.server.engines import RATE

NOTHING: Samples = np.empty(0, np.int16)


class AudioDecoder(Protocol):
    """Decodes one stream's audio. Times are kept: a sample's place is its place in what was sent. Blocks shortly."""

    @property
    def seconds(self) -> float:
        """How much came so far, in seconds of audio and silence, as far as what came tells it."""
        ...

    def decode(self, content: bytes) -> Samples:
        """Return what is ready after `content`; any length, cut anywhere. Raises Refusal for what is not audio."""
        ...

    def silence(self, seconds: float) -> Samples:
        """Return what is ready after so much silence, which a client told and did not send."""
        ...

    def finish(self) -> Samples:
        """Return what was held back: no more comes. Raises Refusal."""
        ...

    def close(self) -> None:
        """Free what it holds. Idempotent."""
        ...


class PcmDecoder:
    """LINEAR16_PCM at `rate`. A sample may be split over two messages; half a sample at the very end is dropped."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._half = b""
        self._came = 0
        self._resampler = None
        if rate != RATE:
            from captions.audio.mono import MonoResampler  # FFmpeg: only for those who need it

            self._resampler = MonoResampler(RATE)

    @property
    def seconds(self) -> float:
        return self._came / self._rate

    def decode(self, content: bytes) -> Samples:
        content = self._half + content
        whole = len(content) & ~1
        self._half = content[whole:]
        return self._convert(np.frombuffer(content[:whole], "<i2").astype(np.int16, copy=False))

    def silence(self, seconds: float) -> Samples:
        return self._convert(np.zeros(round(seconds * self._rate), np.int16))

    def finish(self) -> Samples:
        return NOTHING if self._resampler is None else self._resampler.flush()

    def close(self) -> None:
        pass

    def _convert(self, samples: Samples) -> Samples:
        self._came += len(samples)
        if self._resampler is None or not len(samples):
            return samples
        return self._resampler.convert_mono(samples, self._rate)


class WavDecoder:
    """A WAV file with one channel of 16-bit PCM at any rate, as it comes.

    FFmpeg's reader is not used: it wants 64 KB before it says anything, which is two seconds at 16 kHz. The length of
    the sound may be unknown, as where the file was being made when it was sent: then all that follows is sound. Where
    it is known, what follows it, such as titles, is passed over.
    """

    def __init__(self) -> None:
        self._unread = b""
        self._riff = False
        self._skip = 0
        self._rate = 0
        self._left = 0
        """Bytes of sound that are to come; -1 for all that comes."""
        self._silence = 0.0
        self._pcm: PcmDecoder | None = None

    @property
    def seconds(self) -> float:
        return self._silence if self._pcm is None else self._silence + self._pcm.seconds

    def decode(self, content: bytes) -> Samples:
        if self._pcm is None:
            self._unread += content
            self._read_header()
            if self._pcm is None:
                return NOTHING
            content, self._unread = self._unread, b""
        if self._left >= 0:
            content = content[: self._left]
            self._left -= len(content)
        return self._pcm.decode(content)

    def silence(self, seconds: float) -> Samples:
        if self._pcm is not None:
            return self._pcm.silence(seconds)
        self._silence += seconds
        return np.zeros(round(seconds * RATE), np.int16)

    def finish(self) -> Samples:
        if self._pcm is None and (self._riff or self._unread):
            raise refusals.not_audio(NOT_WAV)
        return NOTHING if self._pcm is None else self._pcm.finish()

    def close(self) -> None:
        pass

    def _read_header(self) -> None:
        """Read chunk after chunk of what came, up to where the sound begins. Raises Refusal."""
        if not self._riff:
            first = self._unread[:4]
            if not b"RIFF".startswith(first) or not b"WAVE".startswith(self._unread[8:12]):
                raise refusals.not_audio(NOT_WAV)
            if len(self._unread) < 12:
                return
            self._riff = True
            self._unread = self._unread[12:]
        while True:
            skipped = min(self._skip, len(self._unread))
            self._skip -= skipped
            self._unread = self._unread[skipped:]
            if self._skip or len(self._unread) < 8:
                return
            name, size = struct.unpack("<4sI", self._unread[:8])
            if name == b"data":
                if not self._rate:
                    raise refusals.not_audio(NOT_WAV)
                self._unread = self._unread[8:]
                self._left = -1 if size in UNKNOWN_SIZES else size
                self._pcm = PcmDecoder(self._rate)
                return
            if name == b"fmt ":
                if len(self._unread) < 8 + FORMAT.size:
                    return
                self._rate = _wav_rate(self._unread[8 : 8 + FORMAT.size], size)
            self._unread = self._unread[8:]
            self._skip = size + size % 2


NOT_WAV = "WAV file of 16-bit PCM with one channel"
FORMAT = struct.Struct("<HHIIHH")
"""What begins the chunk "fmt ": kind of samples, channels, samples and bytes a second, bytes and bits a sample."""
PCM_KINDS = (1, 0xFFFE)
"""PCM, and what has its kind further on; of 16 bits that is PCM too."""
WAV_RATES = range(4_000, 384_001)
UNKNOWN_SIZES = (0, 0xFFFFFFFF)
"""What programs write that do not know how much sound will come."""


def _wav_rate(chunk: bytes, size: int) -> int:
    """Return the samples a second that a chunk "fmt " tells. Raises Refusal for what is not mono 16-bit PCM."""
    kind, channels, rate, _, _, bits = FORMAT.unpack(chunk)
    if size < FORMAT.size or kind not in PCM_KINDS or (channels, bits) != (1, 16) or rate not in WAV_RATES:
        raise refusals.not_audio(NOT_WAV)
    return int(rate)


class FFmpegDecoder:
    """What FFmpeg calls `name`, with a codec that it calls one of `codecs`, read by it as it comes.

    The first bytes must be `begins`, and where it is not valid, it is refused as not being `what`. FFmpeg asks for
    bytes when it wants them, so it runs in a thread of its own, and the two take turns: `decode` hands over what came
    and waits until FFmpeg has used it up. Nothing piles up, and no turn waits for the client.
    """

    def __init__(self, name: str, codecs: tuple[str, ...], begins: bytes, what: str) -> None:
        self._name = name
        self._codecs = codecs
        self._begins = begins
        self._what = what
        self._content: deque[bytes] = deque()
        self._ended = False
        self._samples: list[Samples] = []
        self._failed = False
        self._his_turn = threading.Semaphore(0)
        self._our_turn = threading.Semaphore(0)
        self._beginning = b""
        self._seconds = 0.0
        self._thread: threading.Thread | None = None

    @property
    def seconds(self) -> float:
        return self._seconds

    def decode(self, content: bytes) -> Samples:
        if not content:
            return NOTHING
        length = max(1, len(self._begins))
        self._beginning = (self._beginning + content)[:length]
        if self._begins and not self._begins.startswith(self._beginning):
            raise refusals.not_audio(self._what)
        self._content.append(content)
        return self._take_turns()

    def silence(self, seconds: float) -> Samples:
        self._seconds += seconds
        return np.zeros(round(seconds * RATE), np.int16)

    def finish(self) -> Samples:
        if not self._beginning:
            return NOTHING
        self._ended = True
        return self._take_turns()

    def close(self) -> None:
        self._ended = True
        self._content.clear()
        if self._thread is not None:
            self._his_turn.release()
            self._thread.join()

    def read(self, size: int) -> bytes:
        """Called by FFmpeg, in its thread: up to `size` bytes, none at the end."""
        while not self._content:
            if self._ended:
                return b""
            self._our_turn.release()
            self._his_turn.acquire()
        first = self._content.popleft()
        if len(first) > size:
            self._content.appendleft(first[size:])
        return first[:size]

    def _take_turns(self) -> Samples:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
            self._thread.start()
        else:
            self._his_turn.release()
        if self._thread.is_alive():
            self._our_turn.acquire()
        if self._failed:
            raise refusals.not_audio(self._what)
        samples, self._samples = self._samples, []
        return np.concatenate([NOTHING, *samples])

    def _run(self) -> None:
        import av

        from captions.audio.mono import MonoResampler

        resampler = MonoResampler(RATE)
        try:
            # Nothing is read ahead to guess what the headers say anyway: the first words must not wait for it.
            options = {"probesize": "32", "analyzeduration": "0"}
            with av.open(self, "r", format=self._name, options=options, buffer_size=1024) as container:
                stream = container.streams.audio[0]
                if stream.codec_context.name not in self._codecs:
                    raise ValueError("another codec than is to be in it")
                for frame in container.decode(stream):
                    self._seconds += frame.samples / frame.sample_rate
                    self._samples.append(resampler.convert(frame))
                self._samples.append(resampler.flush())
            self._failed = not self._ended
        except (av.FFmpegError, ValueError, IndexError):
            self._failed = True
        finally:
            self._our_turn.release()


@dataclass(frozen=True, slots=True)
class Encoding:
    """What audio may come in."""

    decoder: Callable[[], AudioDecoder]
    """Makes a decoder of it. May block: FFmpeg is loaded where it is needed."""
    bytes_per_second: int
    """What a second of it counts as, before anything of it was read."""


def linear16_pcm(rate: int) -> Encoding:
    """Return mono 16-bit PCM at `rate` without a header."""
    return Encoding(partial(PcmDecoder, rate), 2 * rate)


OGG_OPUS = Encoding(partial(FFmpegDecoder, "ogg", ("opus", "libopus"), b"OggS", "Ogg stream of Opus"), 4_000)
"""Any rate and channel count that Opus has. A second is one of speech at 32 kbit/s."""
WAV = Encoding(WavDecoder, 32_000)
"""A second is one at 16 kHz."""
MP3 = Encoding(partial(FFmpegDecoder, "mp3", ("mp3", "mp3float"), b"", "MP3 stream"), 8_000)
"""A second is one of speech at 64 kbit/s. Encoders put 20 to 140 ms of silence before the sound; it counts as sound."""
