"""One stream's ears: a decoder and an engine's stream, in a thread of their own."""

import asyncio
import concurrent.futures
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

from captions.audio.block import Samples
from captions.server import refusals
from captions.server.audio_decoders import AudioDecoder
from captions.server.engines import RATE, EngineStream, Heard
from captions.server.specification import Asked


class Listening:
    """Recognises in a thread, so that the event loop is never blocked; made and ended on the event loop."""

    def __init__(self, asked: Asked, duration_seconds: float) -> None:
        self._asked = asked
        self._most = int(duration_seconds * RATE)
        self._samples = 0
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="stream")
        self._ears: concurrent.futures.Future[tuple[AudioDecoder, EngineStream]] = self._thread.submit(self._open)

    async def hear(self, content: bytes, *, partials: bool) -> list[Heard]:
        """Recognise what a client sent. Raises Refusal, for audio that is none or more than a stream may have."""
        return await self._run(self._hear, content, partials)

    async def finish(self) -> list[Heard]:
        """Return what is pending. Raises Refusal."""
        return await self._run(self._finish)

    async def pending(self) -> list[Heard]:
        """Return what is pending, of a stream that is refused: its audio's own end does not matter any more."""
        return await self._run(lambda: self._ears.result()[1].finish())

    def close(self) -> None:
        """Free everything once the thread is done with what it does. Does not wait."""
        self._thread.submit(self._close)
        self._thread.shutdown(wait=False)

    async def _run(self, function: Callable[..., list[Heard]], *arguments: object) -> list[Heard]:
        return await asyncio.get_running_loop().run_in_executor(self._thread, function, *arguments)

    def _open(self) -> tuple[AudioDecoder, EngineStream]:
        return self._asked.decoder(), self._asked.engine.open(self._asked.language)

    def _hear(self, content: bytes, partials: bool) -> list[Heard]:
        decoder, stream = self._ears.result()
        return stream.hear(self._allowed(decoder.decode(content)), partials=partials)

    def _finish(self) -> list[Heard]:
        decoder, stream = self._ears.result()
        return stream.hear(self._allowed(decoder.finish()), partials=False) + stream.finish()

    def _allowed(self, samples: Samples) -> Samples:
        self._samples += len(samples)
        if self._most and self._samples > self._most:
            raise refusals.too_long()
        return samples

    def _close(self) -> None:
        if self._ears.exception() is None:
            for part in self._ears.result():
                part.close()
