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

from tests.recognition.tongues import Says, Settings, Silence, Tongue
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

    def __init__(self, tongue: Tongue, manners: Manners, chance: Random) -> None:
        self.tongue = tongue
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
        self._tongue = disturbed.tongue
        self._number = disturbed.opened
        self._manners = disturbed.manners
        self._context = context
        self._ended: asyncio.Future[Status] = asyncio.get_running_loop().create_future()
        self._begun = False
        self._seconds = 0.0
        self._bytes_a_second = 8_000
        self._raw = False
        self._half_closed = False
        self._over = asyncio.Event()
        self._writing = asyncio.Lock()
        self._unsaid: deque[tuple[float, Any]] = deque()
        """What the service says, and when that is due; None at the end."""
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
                self._unsaid.append((0.0, None))
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
            return request
        match self._tongue.read(request):
            case Settings(bytes_a_second, raw):
                self._bytes_a_second, self._raw = bytes_a_second, raw
                await self._stop_if(self._reached(Stage.SETTINGS))
            case Silence(seconds):
                await self._stop_if(self._audio(b"", seconds))
            case bytes(content):
                await self._stop_if(self._audio(content, len(content) / self._bytes_a_second))
        return request

    async def write(self, response: Any) -> None:
        now = asyncio.get_running_loop().time()
        self._due = max(self._due, now + self._disturbed.chance.uniform(0.0, self._manners.late))
        self._unsaid.append((self._due, response))
        self._more.set()

    def _audio(self, content: bytes, seconds: float) -> bool:
        first, self._begun = not self._begun, True
        self._seconds += seconds
        if first and self._reached(Stage.AUDIO):
            return True
        replaying = self._number > self._disturbed.struck_at and self._seconds >= 1.0
        if replaying and self._reached(Stage.REPLAYING):
            return True
        if not self._raw:
            return False
        tail = np.abs(np.frombuffer(content[-2 * QUIET_TAIL :], "<i2").astype(np.int32))
        return bool((tail > LOUD).any()) and self._reached(Stage.IN_WORD)

    async def _say_in_time(self) -> None:
        """Pass on what the service says, in its order, when it is due."""
        held: list[Any] = []
        while True:
            while not self._unsaid:
                self._more.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._more.wait(), PAIR_SECONDS if held else None)
                if held and not self._unsaid:
                    responses, held = held, []
                    await self._pass_on(responses)
            due, response = self._unsaid.popleft()
            ends = response is None
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
            if not ends:
                held.append(response)
            if held and (ends or not self._manners.paired or len(held) > 1):
                responses, held = held, []
                await self._pass_on(responses)
            if ends:
                return

    async def _pass_on(self, responses: list[Any]) -> None:
        said = {self._tongue.says(response) for response in responses}
        async with self._writing:
            if self._ended.done():
                return
            if self._manners.empty:
                await self._context.write(self._tongue.nothing())
            for response in self._tongue.together(responses):
                await self._context.write(response)
        if Says.FINAL in said:
            await self._stop_if(self._reached(Stage.LAST_WORDS if self._half_closed else Stage.FINAL))
        elif Says.PARTIAL in said:
            await self._stop_if(self._reached(Stage.PARTIAL))

    def _reached(self, stage: Stage) -> bool:
        status = self._disturbed.strike(stage)
        if status is not None and not self._ended.done():
            self._ended.set_result(status)
        return status is not None

    async def _stop_if(self, ended: bool) -> None:
        """Let the service do nothing more in a stream that a fault has ended."""
        if ended:
            await self._over.wait()
