"""Audio as clients send it, made into what engines take: mono int16 at the engines' rate."""

import threading
from collections import deque
from typing import Protocol

import numpy as np

from captions.audio.block import Samples
from captions.server import refusals
from captions.server.engines import RATE

NOTHING: Samples = np.empty(0, np.int16)


class AudioDecoder(Protocol):
    """Decodes one stream's audio. Times are kept: a sample's place is its place in what was sent. Blocks shortly."""

    def decode(self, content: bytes) -> Samples:
        """Return what is ready after `content`; any length, cut anywhere. Raises Refusal for what is not audio."""
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
        self._resampler = None
        if rate != RATE:
            from captions.audio.mono import MonoResampler  # FFmpeg: only for those who need it

            self._resampler = MonoResampler(RATE)

    def decode(self, content: bytes) -> Samples:
        content = self._half + content
        whole = len(content) & ~1
        self._half = content[whole:]
        samples = np.frombuffer(content[:whole], "<i2").astype(np.int16, copy=False)
        if self._resampler is None or not len(samples):
            return samples
        return self._resampler.convert_mono(samples, self._rate)

    def finish(self) -> Samples:
        return NOTHING if self._resampler is None else self._resampler.flush()

    def close(self) -> None:
        pass


class OggOpusDecoder:
    """OGG_OPUS, any rate and channel count that Opus has.

    FFmpeg asks for bytes when it wants them, so it runs in a thread of its own, and the two take turns: `decode`
    hands over what came and waits until FFmpeg has used it up. Nothing piles up, and no turn waits for the client.
    """

    def __init__(self) -> None:
        self._content: deque[bytes] = deque()
        self._ended = False
        self._samples: list[Samples] = []
        self._failed = False
        self._his_turn = threading.Semaphore(0)
        self._our_turn = threading.Semaphore(0)
        self._beginning = b""
        self._thread: threading.Thread | None = None

    def decode(self, content: bytes) -> Samples:
        if not content:
            return NOTHING
        self._beginning = (self._beginning + content)[:4]
        if not b"OggS".startswith(self._beginning):
            raise refusals.not_ogg_opus()
        self._content.append(content)
        return self._take_turns()

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
            self._thread = threading.Thread(target=self._run, name="ogg-opus", daemon=True)
            self._thread.start()
        else:
            self._his_turn.release()
        if self._thread.is_alive():
            self._our_turn.acquire()
        if self._failed:
            raise refusals.not_ogg_opus()
        samples, self._samples = self._samples, []
        return np.concatenate([NOTHING, *samples])

    def _run(self) -> None:
        import av

        from captions.audio.mono import MonoResampler

        resampler = MonoResampler(RATE)
        try:
            # Nothing is read ahead to guess what the headers say anyway: the first words must not wait for it.
            options = {"probesize": "32", "analyzeduration": "0"}
            with av.open(self, "r", format="ogg", options=options, buffer_size=1024) as container:
                stream = container.streams.audio[0]
                if stream.codec_context.name not in ("opus", "libopus"):
                    raise ValueError("another codec than Opus")
                for frame in container.decode(stream):
                    self._samples.append(resampler.convert(frame))
                self._samples.append(resampler.flush())
            self._failed = not self._ended
        except (av.FFmpegError, ValueError, IndexError):
            self._failed = True
        finally:
            self._our_turn.release()
