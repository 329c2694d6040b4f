"""What goes wrong between a session and its recogniser, at a moment of a test's choosing.

`Disturbed` stands in front of the local server's service, inside the same gRPC server. It sees each stream pass through
its stages, tells a fault that waits for one of them, and can make what the service says late, paired or empty.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

import grpc.aio
import numpy as np

from captions.proto import stt_service_v2_pb2 as pb
from tests.tone_code import LOUD

QUIET_TAIL = 320
"""Samples at the end of a message that tell whether it ends within a word."""
PAIR_SECONDS = 0.5
"""How long a result waits for another to go with it."""


class Stage(StrEnum):
    """How far a stream has come, as the server sees it."""

    OPENED = "opened"
    SETTINGS = "settings read"
    AUDIO = "first audio read"
    IN_WORD = "audio ends within a word"
    PARTIAL = "partial sent"
    FINAL = "final sent, more audio to come"
    REPLAYING = "a second of audio read by the stream after a break"
    HALF_CLOSED = "half-close read"
    LAST_WORDS = "final sent after the half-close"


@dataclass(frozen=True, slots=True)
class Status:
    """A status with which a stream is ended."""

    code: grpc.StatusCode
    details: str = "injected"


Action = Callable[[], Awaitable[None]]


@dataclass(eq=False, slots=True)
class Fault:
    """What happens when the next stream reaches `stage`: the stream ends with a status, or something is done.

    It waits for that from `after` seconds after the fault before it was over.
    """

    stage: Stage
    what: Status | Action
    after: float = 1.0
    struck: asyncio.Event = field(default_factory=asyncio.Event)
    over: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(frozen=True, slots=True)
class Manners:
    """How results are told: up to `late` seconds after the service says them, two in a response, empty ones between."""

    late: float = 0.0
    paired: bool = False
    empty: bool = False


class Disturbed(grpc.aio.ServerInterceptor):
    """Stands in front of a service."""

    def __init__(self, manners: Manners, chance: Random) -> None:
        self.manners = manners
        self.chance = chance
        self.fault: Fault | None = None
        """What waits to happen next."""
        self.opened = 0
        """Streams so far."""
        self.struck_at = 0
        """How many streams there were when the last fault struck."""
        self._doing: set[asyncio.Task[None]] = set()

    async def intercept_service(
        self, continuation: Callable[[Any], Awaitable[Any]], details: grpc.HandlerCallDetails
    ) -> Any:
        handler = await continuation(details)
        if handler is None:
            return None

        async def serve(requests: Any, context: Any) -> None:
            self.opened += 1
            await _Passage(self, context).serve(handler.stream_stream, requests)

        return grpc.stream_stream_rpc_method_handler(serve, handler.request_deserializer, handler.response_serializer)

    def strike(self, stage: Stage) -> Status | None:
        """Let the fault happen that waits for this stage; returns the status that ends the stream."""
        fault = self.fault
        if fault is None or fault.stage is not stage:
            return None
        self.fault = None
        self.struck_at = self.opened
        fault.struck.set()
        if isinstance(fault.what, Status):
            fault.over.set()
            return fault.what
        task = asyncio.ensure_future(self._do(fault, fault.what))
        self._doing.add(task)
        task.add_done_callback(self._doing.discard)
        return None

    async def _do(self, fault: Fault, action: Action) -> None:
        try:
            await action()
        finally:
            fault.over.set()


class _Passage:
    """One stream's context as the service sees it."""

    def __init__(self, disturbed: Disturbed, context: Any) -> None:
        self._disturbed = disturbed
        self._number = disturbed.opened
        self._manners = disturbed.manners
        self._context = context
        self._ended: asyncio.Future[Status] = asyncio.get_running_loop().create_future()
        self._bytes = 0
        self._bytes_a_second = 8_000
        self._raw = False
        self._half_closed = False
        self._over = asyncio.Event()
        self._writing = asyncio.Lock()
        self._unsaid: deque[tuple[float, pb.StreamingRecognitionResponse]] = deque()
        self._more = asyncio.Event()
        self._due = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    async def serve(self, behaviour: Callable[[Any, Any], Awaitable[None]], requests: Any) -> None:
        """Let the service serve until it is done or a fault ends the stream."""
        if self._reached(Stage.OPENED):
            await self._end()
            return
        saying = asyncio.ensure_future(self._say_in_time())
        serving = asyncio.ensure_future(behaviour(requests, self))
        try:
            await self._ended_or(serving)
            if not self._ended.done():
                await serving
                self._unsaid.append((0.0, pb.StreamingRecognitionResponse()))
                self._more.set()
                await self._ended_or(saying)
            if self._ended.done():
                async with self._writing:
                    await self._end()
        finally:
            self._over.set()
            saying.cancel()
            serving.cancel()
            await asyncio.gather(saying, serving, return_exceptions=True)

    async def _ended_or(self, task: "asyncio.Future[None]") -> None:
        ways: set[asyncio.Future[Any]] = {task, self._ended}
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)

    async def _end(self) -> None:
        status = self._ended.result()
        if status.code is not grpc.StatusCode.OK:
            await self._context.abort(status.code, status.details)

    async def read(self) -> Any:
        request = await self._context.read()
        if request is grpc.aio.EOF:
            self._half_closed = True
            await self._stop_if(self._reached(Stage.HALF_CLOSED))
        elif request.WhichOneof("streaming_request") == "config":
            specification = request.config.specification
            if specification.audio_encoding == pb.RecognitionSpec.LINEAR16_PCM:
                self._bytes_a_second, self._raw = 2 * specification.sample_rate_hertz, True
            await self._stop_if(self._reached(Stage.SETTINGS))
        else:
            await self._stop_if(self._audio(request.audio_content))
        return request

    async def write(self, response: pb.StreamingRecognitionResponse) -> None:
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now + self._disturbed.chance.uniform(0.0, self._manners.late))
        self._unsaid.append((self._due, response))
        self._more.set()

    def _audio(self, content: bytes) -> bool:
        first = not self._bytes
        self._bytes += len(content)
        if first and self._reached(Stage.AUDIO):
            return True
        replaying = self._number > self._disturbed.struck_at and self._bytes >= self._bytes_a_second
        if replaying and self._reached(Stage.REPLAYING):
            return True
        if not self._raw:
            return False
        tail = np.abs(np.frombuffer(content[-2 * QUIET_TAIL :], "<i2").astype(np.int32))
        return bool((tail > LOUD).any()) and self._reached(Stage.IN_WORD)

    async def _say_in_time(self) -> None:
        """Pass on what the service says, in its order, when it is due; an empty response at time 0 is its end."""
        held: list[pb.SpeechRecognitionChunk] = []
        while True:
            while not self._unsaid:
                self._more.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._more.wait(), PAIR_SECONDS if held else None)
                if held and not self._unsaid:
                    chunks, held = held, []
                    await self._pass_on(chunks)
            due, response = self._unsaid.popleft()
            ends = due == 0.0
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            held += response.chunks
            if held and (ends or not self._manners.paired or len(held) > 1):
                chunks, held = held, []
                await self._pass_on(chunks)
            if ends:
                return

    async def _pass_on(self, chunks: list[pb.SpeechRecognitionChunk]) -> None:
        async with self._writing:
            if self._ended.done():
                return
            if self._manners.empty:
                await self._context.write(pb.StreamingRecognitionResponse())
            await self._context.write(pb.StreamingRecognitionResponse(chunks=chunks))
        if not any(chunk.final for chunk in chunks):
            stage = Stage.PARTIAL
        else:
            stage = Stage.LAST_WORDS if self._half_closed else Stage.FINAL
        await self._stop_if(self._reached(stage))

    def _reached(self, stage: Stage) -> bool:
        status = self._disturbed.strike(stage)
        if status is not None and not self._ended.done():
            self._ended.set_result(status)
        return status is not None

    async def _stop_if(self, ended: bool) -> None:
        """Let the service do nothing more in a stream that a fault has ended."""
        if ended:
            await self._over.wait()
