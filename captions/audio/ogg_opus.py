"""Opus in Ogg, made as the sound comes: the encoding OGG_OPUS."""

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream

from captions.audio.block import Samples

BIT_RATE = 24_000
"""Bits a second: enough for speech at full quality of recognition; variable, so that silence takes a tenth of it."""


class _Unsent:
    """A file for FFmpeg to write to, emptied after each block."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def take(self) -> bytes:
        data = b"".join(self._parts)
        self._parts.clear()
        return data


class OggOpusEncoder:
    """Encodes one stream of mono int16 audio at `rate` Hz (8000, 16000 or 48000).

    Frames are 20 ms, one to a page unless pages are to be longer (`page_ms`), as suits a file. A block's bytes leave
    with the block except for its last frame, which the muxer holds until the next: 20 ms, and 6.5 ms of the codec's
    own look-ahead. Measured: 0.3 ms of work for a block of 100 ms, so it may run on the event loop; making the encoder
    (and importing FFmpeg) may not.
    """

    def __init__(self, rate: int, page_ms: int = 20) -> None:
        self._unsent = _Unsent()
        self._rate = rate
        self._position = 0
        self._container = av.open(
            self._unsent, "w", format="ogg", options={"page_duration": str(1000 * page_ms), "flush_packets": "1"}
        )
        options = {"application": "voip", "frame_duration": "20"}
        self._stream: AudioStream = self._container.add_stream("libopus", rate=rate, options=options)
        codec: AudioCodecContext = self._stream.codec_context
        codec.layout = "mono"
        codec.bit_rate = BIT_RATE

    def encode(self, samples: Samples) -> bytes:
        """Return what can be sent after `samples`; may be empty, begins with the Ogg headers."""
        if len(samples):
            frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
            frame.sample_rate = self._rate
            frame.pts = self._position
            self._position += len(samples)
            self._container.mux(self._stream.encode(frame))
        return self._unsent.take()

    def finish(self) -> bytes:
        """Return the rest, to the end of the Ogg stream. Called once; without any audio there is nothing to send."""
        if self._position:
            self._container.mux(self._stream.encode(None))
            self._container.close()
        return self._unsent.take()
