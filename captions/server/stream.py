"""One accepted stream, from its first audio to its end: the same for every protocol."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import grpc
import grpc.aio
from google.protobuf.message import Message

from captions.server import refusals
from captions.server.engines import Heard
from captions.server.incoming import Incoming
from captions.server.limits import Limits
from captions.server.listening import Listening
from captions.server.protocol import Answers, Audio, EndOfUtterance
from captions.server.refusals import Refusal
from captions.server.specification import Asked

BEHIND_SECONDS = 0.5
"""With more audio than this waiting, a client sends faster than it speaks: partials are then worth little."""
SIGN_OF_LIFE_SECONDS = 1.0
"""How long such a client stays without a partial at most, so that it sees that something happens."""

Context = grpc.aio.ServicerContext[Any, Any]


class Place(Protocol):
    """One of the streams that the machine keeps up with."""

    def free(self) -> None:
        """Let another stream have it. Idempotent."""
        ...


class Stream:
    """Answers a client that asked for something valid. Belongs to the event loop."""

    def __init__(
        self,
        context: Context,
        incoming: Incoming,
        listening: Listening,
        asked: Asked,
        answers: Answers,
        limits: Limits,
        place: Place,
    ) -> None:
        self._context = context
        self._incoming = incoming
        self._listening = listening
        self._asked = asked
        self._answers = answers
        self._limits = limits
        self._place = place
        self._over = False
        """Whether the one utterance of single_utterance has ended."""
        self._said_at = 0.0
        self._clock = asyncio.get_running_loop().time

    async def run(self) -> None:
        """Answer what `incoming` brings until the client or a limit ends the stream. Raises Refusal."""
        try:
            await self._write(self._answers.begin())
            await self._hear_all()
            self._place.free()  # what is left to do is one reading: a client's next stream need not wait for it
            if self._incoming.refusal is not None:
                raise self._incoming.refusal
            if not self._over:
                await self._say(await self._listening.finish())
        except Refusal as refusal:
            if not self._over and (self._limits.deliver_pending or refusal.code is grpc.StatusCode.UNAVAILABLE):
                await self._say(await self._listening.end_utterance())
            raise

    async def _hear_all(self) -> None:
        received = 0
        while (taken := await self._incoming.piece()) is not None:
            piece, waiting = taken
            if isinstance(piece, Audio):
                received += len(piece.content)
                if self._limits.audio_bytes and received > self._limits.audio_bytes:
                    raise refusals.too_many_bytes(self._limits.audio_bytes)
            if self._over:
                continue
            if isinstance(piece, EndOfUtterance):
                await self._end_utterance()
            else:
                heard = await self._listening.hear(piece, partials=self._wants_partials(waiting))
                await self._write(self._answers.took(self._listening.position))
                await self._say(heard)

    async def _end_utterance(self) -> None:
        heard = await self._listening.end_utterance()
        # The client waits for the end that it asked for, though nothing was said.
        await self._say(heard or [Heard("", final=True, end_of_utterance=True)])

    def _wants_partials(self, waiting: float) -> bool:
        if self._incoming.refusal is not None:  # the stream is about to end: its last final must not wait for them
            return False
        behind = waiting > BEHIND_SECONDS
        return self._asked.partial_results and (not behind or self._clock() - self._said_at > SIGN_OF_LIFE_SECONDS)

    async def _say(self, heard: Sequence[Heard]) -> None:
        for one in heard:
            if self._over or not (one.final or self._asked.partial_results):
                continue
            self._said_at = self._clock()
            if one.end_of_utterance and self._asked.single_utterance:
                self._over = True
                self._place.free()
                self._incoming.expect_only_the_end(self._limits.duration_seconds)
            await self._write(self._answers.heard(one, self._listening.position))

    async def _write(self, responses: Iterable[Message]) -> None:
        for response in responses:
            await self._context.write(response)
