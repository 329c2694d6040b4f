"""Where streams go: TLS and its authorities, plaintext and secrets, and addresses where nobody answers."""

import asyncio
import re
import socket
import traceback
from pathlib import Path

import grpc
import pytest
import trustme

from captions.errors import CaptionsError, CredentialsError, StreamError
from captions.recognition.authorization import Found
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.remote import RemoteRecognizer
from tests.recognition.streams import (
    BLOCK,
    ENGLISH,
    Service,
    all_of,
    finals_of,
    noise,
    opened,
    v2_at,
    with_each_service,
)
from tests.scripted_server import ServedStream, final
from tests.tcp_proxy import TcpProxy

SECRET = "t1.9euelZqUmY2Xj-Secret_Secret"
ALLOWED = Found(lambda: Credentials(Kind.IAM_TOKEN, SECRET))


async def greet(stream: ServedStream) -> None:
    await stream.config()
    await stream.until_half_close()
    await stream.reply(final("hello"))


async def greeting(recognizer: RemoteRecognizer) -> list[str]:
    """Hold one stream, close the recogniser, and return what was heard."""
    try:
        async with opened(recognizer) as stream:
            await stream.half_close()
            return await finals_of(stream)
    finally:
        await recognizer.aclose()


async def failure(recognizer: RemoteRecognizer) -> StreamError:
    """Return the error with which a stream cannot even be opened."""
    with pytest.raises(StreamError) as caught:
        await greeting(recognizer)
    return caught.value


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def certified(authority: trustme.CA, *names: str) -> grpc.ServerCredentials:
    certificate = authority.issue_cert(*names)
    chain = b"".join(part.bytes() for part in certificate.cert_chain_pems)
    return grpc.ssl_server_credentials([(certificate.private_key_pem.bytes(), chain)])


@with_each_service
async def test_tls_with_an_authority_of_ones_own_carries_the_token(
    service: Service, authority: trustme.CA, ca_file: str
) -> None:
    credentials = certified(authority, "localhost")
    async with service.server(
        greet, listen="localhost:0", credentials=credentials, authorization=f"Bearer {SECRET}"
    ) as server:
        assert await greeting(service.at(server.target, ca_file=ca_file, authorization=ALLOWED)) == ["hello"]


@with_each_service
async def test_a_certificate_of_an_unknown_authority_is_refused_with_a_way_out(
    service: Service, authority: trustme.CA
) -> None:
    async with service.server(greet, credentials=certified(authority, "127.0.0.1")) as server:
        error = await failure(service.at(server.target, authorization=ALLOWED))
        assert error.code == "UNAVAILABLE"
        assert "not trusted" in error.hint
        assert "ca_file" in error.hint
        assert server.streams == []


@with_each_service
async def test_a_certificate_of_another_authority_than_the_given_one_is_refused(
    service: Service, authority: trustme.CA, ca_file: str
) -> None:
    async with service.server(greet, credentials=certified(trustme.CA(), "127.0.0.1")) as server:
        error = await failure(service.at(server.target, ca_file=ca_file, authorization=ALLOWED))
        assert "not issued by the authority in ca_file" in error.hint
        assert server.streams == []


@with_each_service
async def test_a_certificate_for_another_name_is_refused(service: Service, authority: trustme.CA, ca_file: str) -> None:
    async with service.server(greet, credentials=certified(authority, "example.org")) as server:
        error = await failure(service.at(server.target, ca_file=ca_file, authorization=ALLOWED))
        assert "for another name than 127.0.0.1" in error.hint
        assert server.streams == []


@with_each_service
async def test_tls_to_a_plaintext_server_says_so(service: Service, ca_file: str) -> None:
    async with service.server(greet) as server:
        assert "does not speak TLS" in (await failure(service.at(server.target, ca_file=ca_file))).hint


@with_each_service
async def test_plaintext_to_a_tls_server_says_so(service: Service, authority: trustme.CA) -> None:
    async with service.server(greet, credentials=certified(authority, "127.0.0.1")) as server:
        assert "turn on the setting tls" in (await failure(service.at(server.target, tls=False))).hint


@pytest.mark.parametrize(
    ("content", "words"), [(None, "No such file"), (b"not a certificate", "no PEM certificate"), (b"\xff", "no PEM")]
)
async def test_a_ca_file_that_is_none_is_told_before_connecting(
    content: bytes | None, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CredentialsError, match=words):
        await greeting(v2_at("127.0.0.1:1", ca_file=str(path)))


async def test_a_token_is_not_sent_in_plaintext_to_another_machine() -> None:
    # An address of this machine that is not a loopback address stands for another machine: as far as anyone can tell
    # from the name, what is sent there leaves this one.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        outside = probe.getsockname()[0]
    connections = 0

    def count(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.close()

    listener = await asyncio.start_server(count, outside, 0)
    port = listener.sockets[0].getsockname()[1]
    recognizer = v2_at(f"{outside}:{port}", tls=False, authorization=ALLOWED)
    with pytest.raises(CredentialsError, match="would not be encrypted") as caught:
        await greeting(recognizer)
    assert SECRET not in str(caught.value)
    with pytest.raises(CredentialsError):
        await recognizer.prepare()
    assert connections == 0
    assert (await failure(v2_at(f"{outside}:{port}", tls=False))).code == "UNAVAILABLE"
    assert connections > 0, "without a token the same address is spoken to, so the count would have told"
    listener.close()
    await listener.wait_closed()


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "localhost:0", "[::1]:0", "unix:"])
@with_each_service
async def test_a_token_goes_in_plaintext_to_this_machine(service: Service, listen: str, tmp_path: Path) -> None:
    if listen == "[::1]:0":
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            pytest.skip("this machine has no IPv6")
    listen = f"unix:{tmp_path}/socket" if listen == "unix:" else listen
    async with service.server(greet, listen=listen, authorization=f"Bearer {SECRET}") as server:
        assert await greeting(service.at(server.target, tls=False, authorization=ALLOWED)) == ["hello"]


@with_each_service
async def test_a_unix_socket_is_plaintext_even_with_tls_set(service: Service, tmp_path: Path) -> None:
    async with service.server(greet, listen=f"unix:{tmp_path}/socket") as server:
        assert await greeting(service.at(server.target, tls=True, ca_file="/nowhere")) == ["hello"]


@with_each_service
async def test_a_proxy_from_the_environment_is_not_asked_for_this_machine(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with service.server(greet) as server, TcpProxy(server.target) as proxy:
        for variable in ("http_proxy", "https_proxy", "grpc_proxy"):
            monkeypatch.setenv(variable, f"http://{proxy.target}")
        assert await greeting(service.at(server.target, tls=False, authorization=ALLOWED)) == ["hello"]
        assert proxy.connections == 0


@with_each_service
async def test_nobody_listening_is_unreachable_at_once(service: Service) -> None:
    error = await failure(service.at("127.0.0.1:1", tls=False))
    assert error.code == "UNAVAILABLE"
    assert "Nobody listens at 127.0.0.1:1" in error.hint
    assert re.fullmatch(r"[0-9a-f-]{36}", error.client_request_id)


async def test_a_name_that_cannot_be_resolved_is_told_by_name() -> None:
    error = await failure(v2_at("no-such-host.invalid:443"))
    assert error.code == "UNAVAILABLE"
    assert "no-such-host.invalid was not found" in error.hint


async def test_a_missing_socket_file_is_unreachable_at_once(tmp_path: Path) -> None:
    assert "Nobody listens there" in (await failure(v2_at(f"unix:{tmp_path}/none"))).hint


async def test_a_host_that_does_not_answer_is_given_up_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        error = await failure(v2_at(f"127.0.0.1:{port}", tls=False, connect_seconds=0.3))
    assert (error.code, error.details) == ("UNAVAILABLE", f"cannot reach 127.0.0.1:{port} within 0.3 s")
    assert "network" in error.hint


@with_each_service
async def test_a_web_server_is_told_from_a_recogniser(service: Service) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    web = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = web.sockets[0].getsockname()[1]
    assert "does not speak gRPC" in (await failure(service.at(f"127.0.0.1:{port}", tls=False))).hint
    web.close()
    await web.wait_closed()


@with_each_service
async def test_a_grpc_server_without_the_service_is_told_from_a_recogniser(service: Service) -> None:
    server = grpc.aio.server()
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        with pytest.raises(StreamError, match=f"UNIMPLEMENTED.*no {service.dialect.service} recogniser"):
            await greeting(service.at(f"127.0.0.1:{port}", tls=False))
    finally:
        await server.stop(None)


def everything_shown(error: BaseException) -> str:
    """Return all that a log, a screen or a crash report with variables could show of an error."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    return "".join(report.format()) + repr(error) + str(error) + repr(vars(error))


@with_each_service
async def test_the_token_is_in_no_error_even_when_the_service_repeats_it(service: Service) -> None:
    async def repeat(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(BLOCK)
        await stream.abort(grpc.StatusCode.UNAUTHENTICATED, f"Token {SECRET} is not valid")

    errors: list[CaptionsError] = []
    async with service.server(repeat) as server:
        recognizer = service.at(server.target, tls=False, authorization=ALLOWED)
        async with opened(recognizer) as stream:
            await stream.send(noise(BLOCK))
            with pytest.raises(StreamError, match=r"Token \*\*\* is not valid") as caught:
                await all_of(stream)
            errors.append(caught.value)
            with pytest.raises(StreamError) as caught:
                await stream.send(noise(BLOCK))
            errors.append(caught.value)
            assert SECRET not in repr(stream) + repr(recognizer) + repr(vars(recognizer))
        await recognizer.aclose()
        with pytest.raises(StreamError) as caught:
            await service.at("127.0.0.1:1", tls=False, authorization=ALLOWED).open(ENGLISH)
        errors.append(caught.value)
    assert all(SECRET not in everything_shown(error) for error in errors)
