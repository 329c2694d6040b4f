"""Whoever is chosen to listen, and however often that changes while somebody talks: no word is lost, doubled or late.

Servers of every service stand side by side, as they do for somebody who tries them in the sidebar; among them one that
refuses, and an address at which there is nobody.
"""

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc.aio

from captions.events import Notice, StreamEnded
from captions.recognition.dialect import Dialect
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from captions.recognition.speechkit_v3 import SPEECHKIT_V3
from tests.recognition.hurry import hurried
from tests.recognition.meeting import EVERY_CASE, UNLIMITED, WORDS_AT_A_TIME, Meeting
from tests.recognition.tongues import SERVICES, UNTIMED

SPEED = 400.0
Place = tuple[str, Dialect, str]
"""What a recogniser is called, how it is spoken to, and where it is."""


@asynccontextmanager
async def places() -> AsyncIterator[list[Place]]:
    """Give a server of each service, one that knows no key, and a port that is closed."""
    async with contextlib.AsyncExitStack() as servers:
        made: list[Place] = []
        for service in SERVICES:
            handler = service.tongue.handler(service.engine(), UNLIMITED)
            made.append((service.name, service.tongue.dialect, await _served(servers, handler)))
        made.append(("refuses", SPEECHKIT_V3, await _served(servers, _Refuses())))
        closed = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
        port = closed.sockets[0].getsockname()[1]
        closed.close()
        await closed.wait_closed()
        made.append(("nobody", SPEECHKIT_V2, f"127.0.0.1:{port}"))
        yield made


async def _served(servers: contextlib.AsyncExitStack, handler: grpc.GenericRpcHandler) -> str:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((handler,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    servers.push_async_callback(server.stop, None)
    return f"127.0.0.1:{port}"


class _Refuses(grpc.GenericRpcHandler):
    """Ends every stream as the service does for a key that it does not know."""

    def service(self, handler_call_details: Any) -> Any:
        async def refuse(requests: object, context: Any) -> None:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "The token is invalid")

        return grpc.stream_stream_rpc_method_handler(refuse)


class Chooser:
    """Somebody who lets others listen, one after another, as the engine does it."""

    def __init__(self, meeting: Meeting) -> None:
        self._meeting = meeting
        self._retiring: set[asyncio.Task[None]] = set()

    def choose(self, place: Place) -> None:
        """Let another listen from now on; the one before hears its last words."""
        name, dialect, target = place
        meeting, previous = self._meeting, self._meeting.recognizer
        meeting.recognizer = RemoteRecognizer(dialect, target, tls=False, name=name)
        meeting.session.use_listening(meeting.listening())
        self._retiring.add(asyncio.create_task(self._retire(previous)))

    async def _retire(self, recognizer: RemoteRecognizer) -> None:
        await self._meeting.session.let_go(recognizer)
        await recognizer.aclose()

    async def last(self) -> None:
        """Wait until all that were replaced are let go."""
        await asyncio.gather(*self._retiring)


async def changes(meeting: Meeting, count: int) -> None:
    """Change who listens every few seconds, now and then twice at once, and end with one that hears."""
    async with places() as everybody, meeting:
        chooser, heard_by = Chooser(meeting), everybody[: len(SERVICES)]
        for number in range(count):
            await asyncio.sleep(meeting.chance.choice((0.0, 0.3, 1.5, 4.0, 7.0)))
            # Half of the changes are to one that hears, so that the talk is not only waited for.
            chooser.choose(meeting.chance.choice(everybody if number % 2 else heard_by))
        for place in heard_by:
            chooser.choose(place)
            await meeting.said(len(meeting.talk.words) + 3 * WORDS_AT_A_TIME)
        await meeting.end()
        await chooser.last()
    meeting.account().check()
    heard = {event.recognizer for event in meeting.of(StreamEnded) if isinstance(event, StreamEnded)}
    assert heard >= {name for name, *_ in heard_by}
    told = [event.message for event in meeting.of(Notice) if isinstance(event, Notice)]
    changes_told = [message for message in told if message.endswith(" listens now.")]
    assert all(one != another for one, another in pairwise(changes_told))
    assert changes_told[-len(heard_by) :] == [f"{name} listens now." for name, *_ in heard_by]
    assert not {"refuses listens now.", "nobody listens now."} & set(changes_told)


@pytest.mark.parametrize("seed", range(20 if EVERY_CASE else 3))
def test_who_listens_changes_every_few_seconds(seed: int) -> None:
    hurried(changes(Meeting(seed=seed, engine=UNTIMED.engine(), through_link=False), 40), SPEED)
