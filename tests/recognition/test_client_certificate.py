"""A server that wants to know its clients by their certificates."""

import datetime
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
import trustme

from captions.certificates import read_pair, valid_until
from captions.errors import CredentialsError, ExitCode, StreamError
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.speechkit_v3 import SPEECHKIT_V3
from captions.recognition.vosk import VOSK
from captions.server.limits import Limits
from captions.server.service import SttService
from tests.recognition.streams import all_of, opened, texts_of, v2_at
from tests.scripted_server import ScriptedServer, ServedStream, final
from tests.tone_code import ToneEngine
from tests.vosk_server import VoskService

NOW = datetime.datetime.now(datetime.UTC)


@dataclass(frozen=True)
class Files:
    """Names of PEM files."""

    folder: Path
    ca: str

    def issued(self, certificate: trustme.LeafCert, name: str = "client") -> dict[str, str]:
        """Write a certificate and its key, and return the settings that name them."""
        paths = self.folder / f"{name}.pem", self.folder / f"{name}.key"
        paths[0].write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
        certificate.private_key_pem.write_to_path(paths[1])
        return {"client_certificate": str(paths[0]), "client_key": str(paths[1])}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> Files:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return Files(tmp_path, str(tmp_path / "ca.pem"))


def asking(authority: trustme.CA) -> grpc.ServerCredentials:
    """A server's side: it takes clients of its own authority only."""
    own = authority.issue_cert("127.0.0.1")
    chain = b"".join(part.bytes() for part in own.cert_chain_pems)
    pair = [(own.private_key_pem.bytes(), chain)]
    return grpc.ssl_server_credentials(pair, authority.cert_pem.bytes(), require_client_auth=True)


async def greet(stream: ServedStream) -> None:
    await stream.config()
    await stream.until_half_close()
    await stream.reply(final("hello"))


@pytest.fixture
async def server(authority: trustme.CA) -> AsyncIterator[ScriptedServer]:
    async with ScriptedServer(greet, credentials=asking(authority)) as server:
        yield server


async def greeting(recognizer: RemoteRecognizer) -> list[str]:
    try:
        async with opened(recognizer) as stream:
            await stream.half_close()
            return await texts_of(stream)
    finally:
        await recognizer.aclose()


async def test_a_client_with_a_certificate_of_its_authority_is_heard(
    authority: trustme.CA, files: Files, server: ScriptedServer
) -> None:
    ours = files.issued(authority.issue_cert("captions"))
    assert await greeting(v2_at(server.target, ca_file=files.ca, **ours)) == ["hello"]


async def test_without_a_certificate_it_is_told_that_one_may_be_asked_for(files: Files, server: ScriptedServer) -> None:
    with pytest.raises(StreamError) as caught:
        await greeting(v2_at(server.target, ca_file=files.ca))
    assert caught.value.code == "UNAVAILABLE"
    assert "it may ask for a client certificate" in caught.value.hint
    assert "client_certificate and client_key" in caught.value.hint
    assert server.streams == []


async def test_one_of_another_authority_is_refused_and_that_is_told(files: Files, server: ScriptedServer) -> None:
    ours = files.issued(trustme.CA().issue_cert("captions"))
    with pytest.raises(StreamError) as caught:
        await greeting(v2_at(server.target, ca_file=files.ca, **ours))
    assert "may not accept the client certificate" in caught.value.hint
    assert server.streams == []


async def test_one_that_has_run_out_is_told_before_connecting(authority: trustme.CA, files: Files) -> None:
    past = NOW - datetime.timedelta(days=1)
    ours = files.issued(authority.issue_cert("captions", not_before=past - datetime.timedelta(9), not_after=past))
    with pytest.raises(CredentialsError, match=rf"client.pem ran out on {past:%Y-%m-%d}\..*another one") as caught:
        await greeting(v2_at("127.0.0.1:1", ca_file=files.ca, **ours))
    assert caught.value.exit_code is ExitCode.CREDENTIALS


async def test_what_cannot_be_used_together_is_told_before_connecting(authority: trustme.CA, files: Files) -> None:
    ours = files.issued(authority.issue_cert("captions"))
    other = files.issued(authority.issue_cert("captions"), "other")
    locked = files.folder / "locked.key"
    locked.write_text("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n")
    cases = [
        ({**ours, "client_key": other["client_key"]}, "cannot be used together.*belong to each other"),
        ({**ours, "client_key": str(locked)}, "cannot be used together.*no password"),
        ({**ours, "client_key": ours["client_certificate"]}, "cannot be used together"),
        ({**ours, "client_key": str(files.folder / "none")}, "The key .*none cannot be read"),
        ({"client_key": ours["client_key"]}, "go together. Give client_certificate too"),
        ({"client_certificate": ours["client_certificate"]}, "go together. Give client_key too"),
    ]
    for names, said in cases:
        with pytest.raises(CredentialsError, match=said):
            await greeting(v2_at("127.0.0.1:1", ca_file=files.ca, **names))


@pytest.fixture
async def every_service(authority: trustme.CA) -> AsyncIterator[str]:
    """A server of v2, v3 and vosk at one address, which takes clients of its authority only."""
    server = grpc.aio.server()
    engine = ToneEngine()
    server.add_generic_rpc_handlers((SttService([engine], Limits()).handler(), VoskService(engine).handler()))
    port = server.add_secure_port("127.0.0.1:0", asking(authority))
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


@pytest.mark.parametrize("dialect", [SPEECHKIT_V3, VOSK], ids=lambda dialect: str(dialect.kind))
async def test_other_recognisers_show_it_too(
    authority: trustme.CA, files: Files, every_service: str, dialect: object
) -> None:
    ours = files.issued(authority.issue_cert("captions"))
    recognizer = RemoteRecognizer(dialect, every_service, ca_file=files.ca, **ours)  # type: ignore[arg-type]
    async with opened(recognizer) as stream:
        await stream.half_close()
        assert not [hypothesis for hypothesis in await all_of(stream) if hypothesis.text]
    await recognizer.aclose()


# The pair itself


def ends() -> Iterator[datetime.datetime]:
    """Moments on both sides of 2050, where the form of dates in certificates changes."""
    for year in (2026, 2049, 2050, 3000):
        yield datetime.datetime(year, 3, 4, 5, 6, 7, tzinfo=datetime.UTC)


@pytest.mark.parametrize("end", ends(), ids=str)
def test_the_end_of_a_certificate_is_read_whatever_form_it_has(authority: trustme.CA, end: datetime.datetime) -> None:
    issued = authority.issue_cert("captions", not_before=datetime.datetime(2020, 1, 1), not_after=end)
    chain = b"".join(part.bytes() for part in issued.cert_chain_pems)
    assert valid_until(b"text before\n" + chain) == end
    assert valid_until(b"no certificate") is None


def test_the_key_is_in_no_repr(authority: trustme.CA, files: Files) -> None:
    ours = files.issued(authority.issue_cert("captions"))
    pair = read_pair(ours["client_certificate"], ours["client_key"], ("a", "b"))
    assert pair is not None
    assert b"PRIVATE KEY" in pair.key
    assert "PRIVATE KEY" not in repr(pair)
    assert read_pair("", "", ("a", "b")) is None
