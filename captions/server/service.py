"""Speech recognition over grpc.aio, answered by engines on this machine, in every protocol of SpeechKit at once."""

import asyncio
import hmac
import logging
import time
import uuid
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Self

import grpc
import grpc.aio

from captions.server import refusals, speechkit_v2, speechkit_v3
from captions.server.engines import Engine
from captions.server.incoming import Incoming
from captions.server.limits import Limits
from captions.server.listening import Listening
from captions.server.protocol import Call, SpeechProtocol
from captions.server.refusals import Refusal
from captions.server.specification import Asked
from captions.server.stream import Context, Stream

LOG = logging.getLogger(__name__)
PROTOCOLS: tuple[SpeechProtocol, ...] = (speechkit_v2, speechkit_v3)
SERVICES = tuple(protocol.SERVICE for protocol in PROTOCOLS)
SCHEMES = ("bearer", "api-key")


class SttService:
    """The services of all protocols, over the same engines, limits and places.

    `token` is asked for where it is not empty. Belongs to one event loop.
    """

    def __init__(self, engines: Sequence[Engine], limits: Limits, token: str = "") -> None:
        self._engines = tuple(engines)
        self._limits = limits
        self._token = token.encode()
        self._opens: deque[float] = deque(maxlen=limits.opens_per_second or 1)
        self._taken: set[_Place] = set()
        self._closing = asyncio.Event()

    def handler(self) -> grpc.GenericRpcHandler:
        """Return what `grpc.aio.Server.add_generic_rpc_handlers` takes."""
        return _Methods({f"/{one.SERVICE}/{one.METHOD}": self._method(one) for one in PROTOCOLS})

    def close(self) -> None:
        """Have every open stream finish what it heard, and end. New ones are refused."""
        self._closing.set()

    def _method(self, protocol: SpeechProtocol) -> "grpc.RpcMethodHandler[Any, Any]":
        async def recognize(_: object, context: Context) -> None:
            await self._recognize(protocol, context)

        return _stream_stream(recognize, protocol)

    async def _recognize(self, protocol: SpeechProtocol, context: Context) -> None:
        metadata = {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
        call = Call(metadata, str(uuid.uuid4()), asyncio.get_running_loop().time)
        ids = ("x-request-id", call.id), ("x-server-trace-id", uuid.uuid4().hex)
        await context.send_initial_metadata(ids)
        incoming = Incoming(context, self._limits.idle_seconds, self._limits.idle_status, self._closing)
        try:
            self._check_token(metadata)
            self._count_open()
            request = await incoming.first()
            asked = protocol.check(request, self._engines, call, needs_folder=self._limits.needs_folder)
            if asked.unhonoured:
                context.set_trailing_metadata((("x-ignored-settings", ",".join(asked.unhonoured)),))
            await self._serve(protocol, context, incoming, asked, call)
        except Refusal as refusal:
            if refusal.code is not grpc.StatusCode.OK:
                # The ids go with the error again: a client that is still sending when it comes may miss the headers.
                await context.abort(refusal.code, refusal.details, (*ids, *context.trailing_metadata()))
        except Exception:
            if context.done():  # the client went away; there is nobody to tell
                return
            LOG.exception("a stream failed")
            fault = refusals.fault()
            await context.abort(fault.code, fault.details, ids)
        finally:
            incoming.stop()

    async def _serve(
        self, protocol: SpeechProtocol, context: Context, incoming: Incoming, asked: Asked, call: Call
    ) -> None:
        most = asked.engine.capacity()
        if self._limits.max_streams:
            most = min(most, self._limits.max_streams)
        if len(self._taken) >= most:
            raise refusals.no_capacity(most)
        with _Place(self._taken) as place:
            listening = Listening(asked, self._limits.duration_seconds)
            try:
                incoming.start(lambda request: protocol.message(request, asked), asked.encoding.bytes_per_second)
                answers = protocol.answers(asked, call)
                await Stream(context, incoming, listening, asked, answers, self._limits, place).run()
            finally:
                listening.close()

    def _check_token(self, metadata: dict[str, str]) -> None:
        if not self._token:
            return
        scheme, _, given = metadata.get("authorization", "").partition(" ")
        if not hmac.compare_digest(given.strip().encode(), self._token) or scheme.lower() not in SCHEMES:
            raise refusals.token()

    def _count_open(self) -> None:
        most = self._limits.opens_per_second
        if not most:
            return
        now = time.monotonic()
        if len(self._opens) == most and now - self._opens[0] < 1.0:
            raise refusals.too_many_opens(most)
        self._opens.append(now)


class _Methods(grpc.GenericRpcHandler):
    """Finds the handler of a method by its full name."""

    def __init__(self, handlers: "dict[str, grpc.RpcMethodHandler[Any, Any]]") -> None:
        self._handlers = handlers

    def service(self, details: grpc.HandlerCallDetails) -> "grpc.RpcMethodHandler[Any, Any] | None":
        """See grpc.GenericRpcHandler."""
        return self._handlers.get(details.method)


class _Place:
    """One of the streams that the machine keeps up with; free again once no more audio is to be recognised."""

    def __init__(self, taken: "set[_Place]") -> None:
        self._taken = taken

    def __enter__(self) -> Self:
        self._taken.add(self)
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def free(self) -> None:
        """Let another stream have it. Idempotent."""
        self._taken.discard(self)


def _stream_stream(
    behaviour: Callable[[object, Context], Awaitable[None]], protocol: SpeechProtocol
) -> "grpc.RpcMethodHandler[Any, Any]":
    return grpc.stream_stream_rpc_method_handler(
        behaviour,
        request_deserializer=protocol.REQUEST.FromString,
        response_serializer=protocol.RESPONSE.SerializeToString,
    )
