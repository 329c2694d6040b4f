"""Every way in which a stream can end badly, in every phase."""

import asyncio
import gc
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import psutil
import pytest

from captions.errors import ExitCode, StreamError
from captions.recognition.recognizer import RecognitionStream
from captions.recognition.remote import RemoteRecognizer
from tests.recognition.streams import (
    BLOCK,
    ENGLISH,
    V2,
    Service,
    all_of,
    finals_of,
    hypotheses_of,
    noise,
    opened,
    recognizer_at,
    stream_to,
    texts_of,
    until,
    with_each_service,
)
from tests.scripted_server import Script, ScriptedServer, ServedStream, final, partial
from tests.tcp_proxy import TcpProxy

CODES = [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK]
IDS = {"x-request-id": "request-1", "x-server-trace-id": "trace-1"}
PHASES = ["at the settings", "before the first result", "between results", "after the half-close"]


@asynccontextmanager
async def linked_to(script: Script, service: Service = V2) -> AsyncIterator[tuple[TcpProxy, RemoteRecognizer]]:
    """Give a link that can be broken, and a recogniser at the other end of it."""
    async with (
        service.server(script) as server,
        TcpProxy(server.target) as link,
        recognizer_at(link.target, service) as far,
    ):
        yield link, far


@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
@with_each_service
async def test_each_code_in_each_phase_is_told_after_all_that_was_heard(
    service: Service, code: grpc.StatusCode, phase: str
) -> None:
    async def script(stream: ServedStream) -> None:
        if phase != "at the settings":
            await stream.config()
            await stream.audio(BLOCK)
        if phase in {"between results", "after the half-close"}:
            await stream.reply(final("heard"))
        if phase == "after the half-close":
            await stream.until_half_close()
            await stream.reply(final("last"))
        await stream.abort(code, f"no {phase}", IDS)

    heard: list[str] = []

    async def hold_a_stream(server: ScriptedServer) -> None:
        async with stream_to(server) as stream:
            if phase != "at the settings":
                await stream.send(noise(BLOCK))
            if phase == "after the half-close":
                await stream.half_close()
            async for hypothesis in hypotheses_of(stream):
                if hypothesis.final:
                    heard.append(hypothesis.text)

    async with service.server(script) as server:
        # An error at the settings comes while the stream is opened or with its hypotheses, as the network will have it.
        with pytest.raises(StreamError) as caught:
            await hold_a_stream(server)
    error = caught.value
    assert (error.code, error.details) == (code.name, f"no {phase}")
    assert (error.request_id, error.trace_id) == ("request-1", "trace-1")
    assert error.client_request_id == server.streams[0].metadata["x-client-request-id"]
    expected: dict[str, list[str]] = {"between results": ["heard"], "after the half-close": ["heard", "last"]}
    assert heard == expected.get(phase, [])


@with_each_service
async def test_after_an_error_audio_is_refused_with_it_and_the_half_close_is_harmless(service: Service) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(BLOCK)
        await stream.abort(grpc.StatusCode.OUT_OF_RANGE, "Exceeded maximum allowed stream duration")

    async with service.server(script) as server, stream_to(server) as stream:
        await stream.send(noise(BLOCK))
        with pytest.raises(StreamError, match="OUT_OF_RANGE: Exceeded"):
            await all_of(stream)
        with pytest.raises(StreamError, match="OUT_OF_RANGE: Exceeded"):
            await stream.send(noise(BLOCK))
        await stream.half_close()


@with_each_service
async def test_ids_are_kept_from_the_headers_as_well(service: Service) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.send_initial_metadata(IDS)
        await stream.abort(grpc.StatusCode.INTERNAL, "out of compute", {"x-server-trace-id": "later"})

    async with service.server(script) as server, stream_to(server) as stream:
        with pytest.raises(StreamError) as caught:
            await all_of(stream)
    assert (caught.value.request_id, caught.value.trace_id) == ("request-1", "later")


@pytest.mark.parametrize(
    ("code", "details", "words", "exit_code"),
    [
        ("UNAUTHENTICATED", "You have to specify folder ID for user account", "set FOLDER_ID", ExitCode.CREDENTIALS),
        (
            "INVALID_ARGUMENT",
            "Specified folder ID 'a' does not match with service account folder ID 'b'",
            "leave FOLDER_ID and the setting folder_id unset",
            ExitCode.REFUSED,
        ),
        ("UNAUTHENTICATED", "The token is invalid", "Set API_KEY or IAM_TOKEN", ExitCode.CREDENTIALS),
        ("PERMISSION_DENIED", "Permission denied", "ai.speechkit-stt.user", ExitCode.CREDENTIALS),
        ("INVALID_ARGUMENT", "audio should be less than 10MB", "10 MB", ExitCode.REFUSED),
        ("INVALID_ARGUMENT", "unsupported language", "language", ExitCode.REFUSED),
        ("OUT_OF_RANGE", "Exceeded maximum allowed stream duration", "5 minutes", ExitCode.REFUSED),
        ("RESOURCE_EXHAUSTED", "too many requests", "quota", ExitCode.REFUSED),
        ("FAILED_PRECONDITION", "too many requests", "quota", ExitCode.REFUSED),
        ("INTERNAL", "out of compute", "fault of the service", ExitCode.REFUSED),
        ("UNIMPLEMENTED", "Received http2 header with status: 404", "check the endpoint", ExitCode.REFUSED),
        ("UNAVAILABLE", "Socket closed", "check the network", ExitCode.UNREACHABLE),
        ("UNAVAILABLE", "overloaded", "another attempt", ExitCode.UNREACHABLE),
    ],
)
@with_each_service
async def test_known_errors_come_with_what_to_do(
    service: Service, code: str, details: str, words: str, exit_code: ExitCode
) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode[code], details)

    async with service.server(script) as server, stream_to(server) as stream:
        with pytest.raises(StreamError) as caught:
            await all_of(stream)
    assert words in caught.value.hint
    assert str(caught.value).startswith(f"{code}: {details}. ")
    assert caught.value.exit_code is exit_code


@with_each_service
async def test_a_server_that_ends_the_stream_early_with_ok_ends_the_hypotheses_and_refuses_audio(
    service: Service,
) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(BLOCK)
        await stream.reply(final("enough"))

    async with service.server(script) as server, stream_to(server) as stream:
        await stream.send(noise(BLOCK))
        assert await finals_of(stream) == ["enough"]
        with pytest.raises(StreamError, match="ended"):
            await stream.send(noise(BLOCK))
        await stream.half_close()


@with_each_service
async def test_a_server_that_goes_away_in_mid_stream_is_unavailable_after_all_that_was_heard(service: Service) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(partial("he"))
        await stream.stall()

    async with linked_to(script, service) as (link, recognizer), opened(recognizer) as stream:
        heard = hypotheses_of(stream)
        assert (await anext(heard)).text == "he"
        link.reset()
        with pytest.raises(StreamError) as caught:
            await anext(heard)
        assert caught.value.code == "UNAVAILABLE"
        with pytest.raises(StreamError, match="UNAVAILABLE"):
            await stream.send(noise(BLOCK))


@pytest.fixture
async def server_process(tmp_path: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """A scripted server in a process of its own, and its address."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.recognition.child_server",
        "--listen",
        f"unix:{tmp_path}/s",
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert process.stdout is not None
    assert (await process.stdout.readline()).startswith(b"listening on ")
    yield process, f"unix:{tmp_path}/s"
    if process.returncode is None:
        process.kill()
    await process.wait()


async def test_a_server_that_is_killed_is_unavailable(
    server_process: tuple[asyncio.subprocess.Process, str],
) -> None:
    process, target = server_process
    async with recognizer_at(target) as recognizer, opened(recognizer) as stream:
        await stream.send(noise(BLOCK))
        heard = hypotheses_of(stream)
        await anext(heard)
        os.kill(process.pid, signal.SIGKILL)
        with pytest.raises(StreamError) as caught:
            await anext(heard)
        assert caught.value.code == "UNAVAILABLE"
        assert "ended" in caught.value.hint


@with_each_service
async def test_after_a_failure_the_next_stream_gets_a_new_connection_at_once(service: Service) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.until_half_close()
        await stream.reply(final("back"))

    async with linked_to(script, service) as (link, recognizer):
        await link.refuse()
        for _ in range(3):
            with pytest.raises(StreamError, match="refused"):
                await recognizer.open(ENGLISH)
        await link.accept()
        async with opened(recognizer) as stream:
            await stream.half_close()
            assert await finals_of(stream) == ["back"]


@with_each_service
async def test_connections_that_failed_are_closed(service: Service) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.UNAVAILABLE, "overloaded")

    async with linked_to(script, service) as (link, recognizer):
        for number in range(1, 21):
            with pytest.raises(StreamError, match="overloaded"):
                async with opened(recognizer) as stream:
                    await all_of(stream)
            await link.only(0)
            assert link.connections == number


async def test_a_link_that_goes_silent_is_noticed_within_fifteen_seconds() -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.reply(partial("he"))
        await stream.stall()

    async with linked_to(script) as (link, recognizer), opened(recognizer) as stream:
        heard = hypotheses_of(stream)
        await anext(heard)
        link.black_hole()
        with pytest.raises(StreamError) as caught:
            await asyncio.wait_for(anext(heard), 15)
        assert caught.value.code == "UNAVAILABLE"


@with_each_service
async def test_a_server_that_stops_reading_ends_the_stream_within_its_limit(service: Service) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.stall()

    async def send_for_ever(stream: RecognitionStream) -> None:
        while True:
            await stream.send(noise(BLOCK * 100))

    async with service.server(script) as server:
        recognizer = service.at(server.target, tls=False, send_seconds=0.2)
        async with opened(recognizer) as stream:
            with pytest.raises(StreamError, match="has not read for") as sending:
                await send_for_ever(stream)
            assert sending.value.code == "DEADLINE_EXCEEDED"
            with pytest.raises(StreamError, match="has not read for"):
                await all_of(stream)
        await recognizer.aclose()


@with_each_service
async def test_a_stream_that_is_dropped_while_audio_waits_to_be_sent_lets_go_of_the_sender(service: Service) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.stall()

    sent = 0

    async def send_for_ever(stream: RecognitionStream) -> None:
        nonlocal sent
        while True:
            await stream.send(noise(BLOCK * 100))
            sent += 1

    async with service.server(script) as server, stream_to(server) as stream:
        sending = asyncio.create_task(send_for_ever(stream))
        before = -1
        while before != sent:
            before = sent
            await asyncio.wait({sending}, timeout=0.2)
        await stream.cancel()
        with pytest.raises(StreamError, match="CANCELLED"):
            await asyncio.wait_for(sending, 5)
        with pytest.raises(StreamError, match="CANCELLED"):
            await stream.send(noise(BLOCK))
        await stream.half_close()


@with_each_service
async def test_closing_the_recogniser_ends_its_streams(service: Service) -> None:
    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.stall()

    async with service.server(script) as server:
        recognizer = service.at(server.target, tls=False)
        async with opened(recognizer) as stream:
            await (await server.stream(0)).config_read.wait()
            waiting = asyncio.create_task(all_of(stream))
            await recognizer.aclose()
            await recognizer.aclose()
            await until(waiting)
            assert isinstance(waiting.exception(), StreamError)


async def test_an_answer_that_is_not_the_services_is_an_error_and_no_crash() -> None:
    async def answer(_: object, context: "grpc.aio.ServicerContext[bytes, bytes]") -> None:
        await context.write(b"\xff\xff not a message")

    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.stream_stream_rpc_method_handler(answer)
    service = grpc.method_handlers_generic_handler("yandex.cloud.ai.stt.v2.SttService", {"StreamingRecognize": handler})
    server.add_generic_rpc_handlers((service,))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        # It is told by whatever comes first, the opening or the results.
        with pytest.raises(StreamError, match="INTERNAL: what the recogniser answers is not"):
            async with recognizer_at(f"127.0.0.1:{port}") as recognizer, opened(recognizer) as stream:
                await all_of(stream)
    finally:
        await server.stop(None)


async def test_two_hundred_streams_leave_no_task_call_or_file_behind() -> None:
    async def end_cleanly(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(BLOCK)
        await stream.reply(partial("word"))
        await stream.until_half_close()
        await stream.reply(final("word"))

    async def fail(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "quota")

    async def hang(stream: ServedStream) -> None:
        await stream.config()
        await stream.stall()

    def held() -> tuple[int, int, int]:
        """Count tasks, calls and open files."""
        gc.collect()
        calls = sum(type(thing).__name__ == "StreamStreamCall" for thing in gc.get_objects())
        return len(asyncio.all_tasks()), calls, psutil.Process().num_fds()

    scripts = [end_cleanly, fail, hang] * 80
    async with ScriptedServer(*scripts) as server, recognizer_at(server.target) as recognizer:

        async def one(number: int) -> None:
            async with opened(recognizer) as stream:
                if number % 3 == 0:
                    await stream.send(noise(BLOCK))
                    await stream.half_close()
                    assert await texts_of(stream) == ["word", "word"]
                elif number % 3 == 1:
                    with pytest.raises(StreamError):
                        await all_of(stream)
                else:
                    await (await server.stream(number)).config_read.wait()
            await (await server.stream(number)).ended.wait()

        for number in range(30):
            await one(number)
        before = held()
        for number in range(30, 230):
            await one(number)
        # The server may be about to end a task or two, now as before.
        assert all(now <= was + 2 for now, was in zip(held(), before, strict=True))
