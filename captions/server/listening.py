"""One stream's ears: a decoder and an engine's stream, in a thread of their own."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from captions.audio.block import Samples
from captions.errors import RecognizerMissing
from captions.server import refusals
from captions.server.audio_decoders import AudioDecoder
from captions.server.engines import EngineStream, Heard
from captions.server.protocol import Audio, Silence
from captions.server.specification import Asked


class Listening:
    """Recognises in a thread, so that the event loop is never blocked; made and ended on the event loop."""

    def __init__(self, asked: Asked, duration_seconds: float) -> None:
        self.position = 0.0
        """Seconds of audio and silence that were taken in."""
        self._asked = asked
        self._most = duration_seconds
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stream")
        self._ears: concurrent.futures.Future[tuple[AudioDecoder, EngineStream]] = self._thread.submit(self._open)

    async def hear(self, piece: Audio | Silence, *, partials: bool) -> list[Heard]:
        """Recognise what a client sent. Raises Refusal, for audio that is none or more than a stream may have."""
        return await self._run(self._hear, piece, partials)

    async def finish(self) -> list[Heard]:
        """Return what is pending: no more audio comes. Raises Refusal."""
        return await self._run(self._finish)

    async def end_utterance(self) -> list[Heard]:
        """Return what is pending: the utterance ends here, or the stream, whose audio's own end does not matter."""
        return await self._run(lambda: self._ears.result()[1].finish())

    def close(self) -> None:
        """Free everything once the thread is done with what it does. Does not wait."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    async def _run(self, function: Callable[..., list[Heard]], *arguments: object) -> list[Heard]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _open(self) -> tuple[AudioDecoder, EngineStream]:
        asked = self._asked
        try:
            return asked.encoding.decoder(), asked.engine.open(asked.language, end_silence=asked.end_silence)
        except RecognizerMissing as missing:  # of an engine that loads its model for its first stream
            raise refusals.no_engine(missing) from None

    def _hear(self, piece: Audio | Silence, partials: bool) -> list[Heard]:
        decoder, stream = self._ears.result()
        samples = decoder.decode(piece.content) if isinstance(piece, Audio) else decoder.silence(piece.seconds)
        return stream.hear(self._allowed(decoder, samples), partials=partials)

    def _finish(self) -> list[Heard]:
        decoder, stream = self._ears.result()
        return stream.hear(self._allowed(decoder, decoder.finish()), partials=False) + stream.finish()

    def _allowed(self, decoder: AudioDecoder, samples: Samples) -> Samples:
        self.position = decoder.seconds
        if self._most and self.position > self._most:
            raise refusals.too_long()
        return samples

    def _close(self) -> None:
        if self._ears.exception() is None:
            for part in self._ears.result():
                part.close()
