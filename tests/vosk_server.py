"""A server that behaves as vosk-server does over gRPC, with any engine of the local server in Vosk's place.

What it does was seen of Vosk 0.3.45 and read in the server's code: each message of audio has at most one answer, a
final before a partial; a partial is told again and again, empty too, and has no times; finals of silence are empty; the
half-close is answered by one more final, whatever it holds. No end of utterance is ever marked, settings other than
rate, partials and word times are not looked at, and there are no limits. What cannot be served is an exception.

    server.add_generic_rpc_handlers((VoskService(ToneEngine()).handler(),))
"""

import asyncio
import os
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc.aio

from captions.events import Word
from captions.proto import stt_service_vosk_pb2 as pb
from captions.server.audio_decoders import PcmDecoder
from captions.server.engines import Engine, Heard

SERVICE = "vosk.stt.v1.SttService"
SILENCE_SECONDS = 5.0
"""Of so much silence there is an empty final."""
SAMPLE_BYTES = 2


class VoskService:
    """The service. It serves `at_once` streams, as vosk-server as many as it has processors; others wait. None: all."""

    def __init__(self, engine: Engine, at_once: int | None = None) -> None:
        self._engine = engine
        self._places = asyncio.Semaphore(at_once) if at_once is not None else None
        self.settings: list[pb.RecognitionSpec] = []
        """What each stream asked for."""
        self.metadata: list[dict[str, str | bytes]] = []
        """What each stream came with."""

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what `grpc.aio.Server.add_generic_rpc_handlers` takes."""
        method = grpc.stream_stream_rpc_method_handler(
            self._streaming_recognize,
            request_deserializer=pb.StreamingRecognitionRequest.FromString,
            response_serializer=pb.StreamingRecognitionResponse.SerializeToString,
        )
        return grpc.method_handlers_generic_handler(SERVICE, {"StreamingRecognize": method})

    async def _streaming_recognize(self, _: object, context: Any) -> None:
        self.metadata.append(dict(context.invocation_metadata() or ()))
        if self._places is None:
            await self._serve(context)
        else:
            async with self._places:
                await self._serve(context)

    async def _serve(self, context: Any) -> None:
        first = await context.read()
        if first is grpc.aio.EOF:
            await context.abort(
                grpc.StatusCode.UNKNOWN, "Exception iterating responses: generator raised StopIteration"
            )
        asked = first.config.specification
        self.settings.append(asked)
        recognizer = await asyncio.to_thread(_Recognizer, self._engine, asked)
        try:
            while (request := await context.read()) is not grpc.aio.EOF:
                if (chunk := await asyncio.to_thread(recognizer.accept, request.audio_content)) is not None:
                    await context.write(pb.StreamingRecognitionResponse(chunks=[chunk]))
            chunk = await asyncio.to_thread(recognizer.finish)
            await context.write(pb.StreamingRecognitionResponse(chunks=[chunk]))
        finally:
            await asyncio.shield(asyncio.to_thread(recognizer.close))


class _Recognizer:
    """What Vosk's recogniser is to one stream. Blocks."""

    def __init__(self, engine: Engine, asked: pb.RecognitionSpec) -> None:
        self._rate = asked.sample_rate_hertz
        self._partials = asked.partial_results
        self._times = asked.enable_word_time_offsets
        self._decoder = PcmDecoder(self._rate)
        self._ears = engine.open()
        self._finals: list[Heard] = []
        """What is final and has not been told."""
        self._partial = ""
        self._silent = 0.0
        """Seconds of audio since there was something to tell."""

    def accept(self, content: bytes) -> pb.SpeechRecognitionChunk | None:
        """Take audio, and return the one answer to it, if there is any."""
        self._listen(self._ears.hear(self._decoder.decode(content), partials=True))
        self._silent += len(content) / SAMPLE_BYTES / self._rate
        if self._finals or self._partial:
            self._silent = 0.0
        if self._finals:
            return self._final([self._finals.pop(0)])
        if self._silent >= SILENCE_SECONDS:
            self._silent = 0.0
            return self._final([])
        if not self._partials:
            return None
        return pb.SpeechRecognitionChunk(alternatives=[pb.SpeechRecognitionAlternative(text=self._partial)])

    def finish(self) -> pb.SpeechRecognitionChunk:
        """Return all that has not been told."""
        self._listen(self._ears.hear(self._decoder.finish(), partials=False))
        self._listen(self._ears.finish())
        return self._final(self._finals)

    def close(self) -> None:
        """Free what it holds."""
        self._ears.close()
        self._decoder.close()

    def _listen(self, heard: Sequence[Heard]) -> None:
        for one in heard:
            self._partial = "" if one.final else one.text
            if one.final and one.text:
                self._finals.append(one)

    def _final(self, heard: Sequence[Heard]) -> pb.SpeechRecognitionChunk:
        alternative = pb.SpeechRecognitionAlternative(text=" ".join(one.text for one in heard), confidence=1.0)
        for word in [word for one in heard for word in one.words if self._times]:
            _add(alternative, word)
        return pb.SpeechRecognitionChunk(alternatives=[alternative], final=True)


def _add(alternative: pb.SpeechRecognitionAlternative, word: Word) -> None:
    info = alternative.words.add(word=word.text, confidence=1.0)
    info.start_time.FromMilliseconds(int(word.start * 1000))
    info.end_time.FromMilliseconds(int(word.end * 1000))


class VoskServer:
    """A server of `VoskService` at a free port of this machine: an async context manager. `target` is its address."""

    def __init__(self, engine: Engine, at_once: int | None = None) -> None:
        self.service = VoskService(engine, at_once)
        self.target = ""

    async def __aenter__(self) -> Self:
        self._server = grpc.aio.server()
        self._server.add_generic_rpc_handlers((self.service.handler(),))
        self.target = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._server.stop(None)
