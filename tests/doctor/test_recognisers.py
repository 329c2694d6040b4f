"""The way to a recogniser, credentials that are never shown, and the recogniser on this machine."""

import asyncio
import contextlib
import datetime
import importlib.util
import os
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
import trustme

from captions.doctor.checks import Check, Finding, Result, Verdict, carry_out
from captions.doctor.endpoint import look_at_endpoint
from captions.doctor.machine import Imports
from captions.doctor.recognisers import Asked, look_at_credentials, look_at_local, look_at_service
from captions.settings import Settings
from tests.local_engine import require_local_engine
from tests.recognition.iam.keys import key_json
from tests.recognition.iam.memory_keyring import in_memory
from tests.recognition.iam.stand_in import Said, StandIn
from tests.recognition.iam.stand_in import said as answer
from tests.recognition.iam.yc_tool import asked as asked_for
from tests.recognition.iam.yc_tool import tool
from tests.scripted_server import ScriptedServer, ServedStream
from tests.server.whisper_files import write_model

SECRET = "AQVN-secret-of-a-test"
NO_SETTINGS = bytes([0, 0, 0, 4, 0, 0, 0, 0, 0])
"""A frame of HTTP/2."""


def asked(environment: dict[str, str] | None = None, **settings: object) -> Asked:
    return Asked(Settings(**settings), Imports(), environment or {})  # type: ignore[arg-type]


async def outcome(look: object) -> Finding:
    """What the check comes to, as it is carried out by the command."""
    result: Result = await carry_out(Check("name", "Group", "Title", look, 30.0))  # type: ignore[arg-type]
    assert SECRET not in repr(result)
    return result.finding


async def hear_all(stream: ServedStream) -> None:
    await stream.config()
    await stream.until_half_close()


# Credentials


async def test_without_credentials_this_machine_listens_and_nothing_is_needed() -> None:
    for look in (look_at_credentials, look_at_endpoint):
        assert (await outcome(look(asked()))).verdict is Verdict.NOT_CHECKED
    assert (await outcome(look_at_service(asked(), True))).verdict is Verdict.NOT_CHECKED


async def test_credentials_are_told_by_their_kind_and_place() -> None:
    finding = await outcome(look_at_credentials(asked({"API_KEY": SECRET})))
    assert (finding.verdict, finding.found) == (Verdict.GOOD, "API_KEY from the environment")
    finding = await outcome(look_at_credentials(asked({"IAM_TOKEN": SECRET, "FOLDER_ID": "b1g"})))
    assert finding.found == "IAM_TOKEN from the environment, with a folder"


async def test_a_credentials_file_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"API_KEY={SECRET}\n")
    file.chmod(0o644)
    finding = await outcome(look_at_credentials(asked(credentials_file=str(file))))
    assert (finding.verdict, finding.mend) == (Verdict.WARNING, f"chmod 600 {file}")
    file.chmod(0o600)
    assert (await outcome(look_at_credentials(asked(credentials_file=str(file))))).verdict is Verdict.GOOD


async def test_credentials_that_are_missing_or_broken_are_problems(tmp_path: Path) -> None:
    for settings in ({}, {"credentials": "none"}):
        nowhere = {"YC_METADATA_ADDR": "127.0.0.1:1", "PATH": str(tmp_path)}
        finding = await outcome(look_at_credentials(asked(nowhere, recognizer="speechkit-v2", **settings)))
        assert (finding.verdict, "API_KEY" in finding.mend) == (Verdict.PROBLEM, True)
    finding = await outcome(look_at_credentials(asked(credentials_file=str(tmp_path / "none"))))
    assert (finding.verdict, "cannot be read" in finding.found) == (Verdict.PROBLEM, True)
    finding = await outcome(look_at_credentials(asked({"API_KEY": "two words"})))
    assert (finding.verdict, "not usable" in finding.found) == (Verdict.PROBLEM, True)


async def test_a_service_accounts_key_is_told_without_being_exchanged(tmp_path: Path) -> None:
    file = tmp_path / "key.json"
    file.write_text(key_json())
    file.chmod(0o600)
    finding = await outcome(look_at_credentials(asked(credentials_file=str(file))))
    assert (finding.verdict, finding.found) == (Verdict.GOOD, f"a service account's key from the file {file}")
    assert finding.facts == {"kind": "KEY", "where": str(file), "folder": False}


async def test_a_virtual_machines_token_is_got_to_know_that_there_is_one(tmp_path: Path) -> None:
    with StandIn() as machine:
        environment = {"YC_METADATA_ADDR": machine.address, "PATH": str(tmp_path)}
        machine.says(answer({"access_token": SECRET, "expires_in": 60}))
        for settings in ({"recognizer": "speechkit-v2"}, {"credentials": "metadata"}):
            finding = await outcome(look_at_credentials(asked(environment, **settings)))
            assert (finding.verdict, machine.address in finding.found) == (Verdict.GOOD, True)
        machine.says(Said(404))
        finding = await outcome(look_at_credentials(asked(environment, credentials="metadata")))
        assert (finding.verdict, "has no service account" in finding.found) == (Verdict.PROBLEM, True)


async def test_a_tool_and_a_keyring_are_left_alone_but_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finding = await outcome(look_at_credentials(asked({"PATH": str(tmp_path)}, credentials="yc")))
    assert (finding.verdict, finding.found) == (Verdict.PROBLEM, "yc is not on the PATH")
    finding = await outcome(look_at_credentials(asked(dict(tool(tmp_path, SECRET)), credentials="yc")))
    assert (finding.verdict, asked_for(tmp_path)) == (Verdict.NOT_CHECKED, [])
    keyring = in_memory(monkeypatch)
    finding = await outcome(look_at_credentials(asked(credentials="keyring")))
    assert (finding.verdict, keyring.asked) == (Verdict.NOT_CHECKED, 0)
    find_spec = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "keyring" else find_spec(name))
    finding = await outcome(look_at_credentials(asked(credentials="keyring")))
    assert (finding.verdict, finding.mend) == (Verdict.PROBLEM, "pip install 'captions[keyring]'")


async def test_a_vosk_server_needs_none() -> None:
    vosk = asked({"API_KEY": SECRET}, recognizer="vosk", endpoint="127.0.0.1:5001")
    finding = await outcome(look_at_credentials(vosk))
    assert (finding.verdict, finding.found) == (Verdict.GOOD, "None are needed: a Vosk server asks for none")
    nowhere = asked(recognizer="vosk")
    assert "no address of its own" in (await outcome(look_at_endpoint(nowhere))).found
    assert "no address of its own" in (await outcome(look_at_service(nowhere, True))).found


async def test_authorization_in_a_metadata_file_is_told_without_its_value(tmp_path: Path) -> None:
    file = tmp_path / "metadata"
    file.write_text(f"authorization: Basic {SECRET}\n")
    file.chmod(0o600)
    server = asked({"API_KEY": SECRET}, endpoint="127.0.0.1:1", metadata_file=str(file))
    finding = await outcome(look_at_credentials(server))
    assert (finding.verdict, finding.found) == (Verdict.GOOD, f"authorization from the metadata file {file}")
    file.chmod(0o644)
    assert (await outcome(look_at_credentials(server))).mend == f"chmod 600 {file}"
    file.write_text(f"{SECRET}\n")
    finding = await outcome(look_at_credentials(server))
    assert (finding.verdict, "line 1 has no colon" in finding.found) == (Verdict.PROBLEM, True)


# The endpoint


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA(organization_name="Authority of a test")


@pytest.fixture
def ca_file(authority: trustme.CA, tmp_path: Path) -> str:
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


@contextlib.asynccontextmanager
async def tls_server(issued: trustme.LeafCert, *protocols: str) -> AsyncIterator[int]:
    """A server that does nothing but shake hands and begin to speak."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    issued.configure_cert(context)
    if protocols:
        context.set_alpn_protocols(list(protocols))

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(NO_SETTINGS)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_a_good_endpoint_is_told_with_its_certificate(authority: trustme.CA, ca_file: str) -> None:
    async with tls_server(authority.issue_cert("localhost"), "h2") as port:
        finding = await outcome(look_at_endpoint(asked(endpoint=f"localhost:{port}", ca_file=ca_file)))
    assert finding.verdict is Verdict.GOOD, finding
    assert f"localhost:{port} answers in " in finding.found
    assert "its certificate is by Authority of a test, until 3000-01-01" in finding.found
    assert finding.facts["issuer"] == "Authority of a test"


async def test_a_certificate_that_ends_soon_is_a_warning(authority: trustme.CA, ca_file: str) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=5, hours=1)
    async with tls_server(authority.issue_cert("localhost", not_after=soon), "h2") as port:
        finding = await outcome(look_at_endpoint(asked(endpoint=f"localhost:{port}", ca_file=ca_file)))
    assert (finding.verdict, finding.mend[:18]) == (Verdict.WARNING, "It ends in 5 days:")


async def test_what_is_wrong_with_a_certificate_is_told(authority: trustme.CA, ca_file: str) -> None:
    past = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    cases = [
        (authority.issue_cert("localhost"), ["h2"], "", "name its authority's PEM file"),
        (authority.issue_cert("other.example"), ["h2"], ca_file, "for another name than localhost"),
        (authority.issue_cert("localhost", not_after=past), ["h2"], ca_file, "or has run out"),
        (authority.issue_cert("localhost"), ["http/1.1"], ca_file, "does not speak gRPC"),
    ]
    for issued, protocols, trusted, said in cases:
        async with tls_server(issued, *protocols) as port:
            finding = await outcome(look_at_endpoint(asked(endpoint=f"localhost:{port}", ca_file=trusted)))
        assert finding.verdict is Verdict.PROBLEM
        assert said in finding.mend, finding


def client(certificate: trustme.LeafCert, folder: Path) -> dict[str, Any]:
    """Write a certificate and its key, and return the settings that name them."""
    certificate.cert_chain_pems[0].write_to_path(folder / "client.pem")
    certificate.private_key_pem.write_to_path(folder / "client.key")
    return {"client_certificate": str(folder / "client.pem"), "client_key": str(folder / "client.key")}


async def test_a_server_that_asks_for_a_certificate_is_shown_ours(
    authority: trustme.CA, ca_file: str, tmp_path: Path
) -> None:
    own = authority.issue_cert("localhost")
    pair = [(own.private_key_pem.bytes(), own.cert_chain_pems[0].bytes())]
    asking = grpc.ssl_server_credentials(pair, authority.cert_pem.bytes(), require_client_auth=True)
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=3, hours=1)
    cases = [
        (None, Verdict.PROBLEM, "it may ask for a client certificate"),
        (trustme.CA().issue_cert("captions"), Verdict.PROBLEM, "may not accept the client certificate"),
        (authority.issue_cert("captions"), Verdict.GOOD, ""),
        (authority.issue_cert("captions", not_after=soon), Verdict.WARNING, "Yours ends in 3 days"),
    ]
    async with ScriptedServer(hear_all, listen="localhost:0", credentials=asking) as server:
        for certificate, verdict, said in cases:
            ours: dict[str, Any] = {} if certificate is None else client(certificate, tmp_path)
            finding = await outcome(look_at_endpoint(asked(endpoint=server.target, ca_file=ca_file, **ours)))
            assert finding.verdict is verdict, finding
            assert said in finding.mend
            assert ("it takes yours, until" in finding.found) == (verdict is not Verdict.PROBLEM)
        del ours["client_key"]
        finding = await outcome(look_at_endpoint(asked(endpoint=server.target, ca_file=ca_file, **ours)))
        assert (finding.verdict, "Give client_key too" in finding.mend) == (Verdict.PROBLEM, True)


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_authorities_that_cannot_be_used_are_told(content: str | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    finding = await outcome(look_at_endpoint(asked(endpoint="localhost:1", ca_file=str(tmp_path / "ca.pem"))))
    assert (finding.verdict, "ca.pem cannot be used" in finding.found) == (Verdict.PROBLEM, True)


async def test_what_keeps_from_connecting_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    cases = [
        (f"127.0.0.1:{port}", "Nobody listens at"),
        ("no-such-host.invalid:443", "The name no-such-host.invalid was not found"),
        ("unix:/nowhere/socket", "Nobody listens there"),
    ]
    for endpoint, said in cases:
        finding = await outcome(look_at_endpoint(asked(endpoint=endpoint)))
        assert finding.verdict is Verdict.PROBLEM
        assert said in finding.mend, finding


async def test_a_server_without_encryption_is_told_as_that() -> None:
    async with ScriptedServer(hear_all) as server:
        plain = await outcome(look_at_endpoint(asked(endpoint=server.target, tls=False)))
        encrypted = await outcome(look_at_endpoint(asked(endpoint=server.target)))
    assert (plain.verdict, plain.found.endswith("without encryption")) == (Verdict.GOOD, True)
    assert (encrypted.verdict, "does not speak TLS" in encrypted.mend) == (Verdict.PROBLEM, True)


async def test_a_proxy_is_gone_through_as_grpc_does() -> None:
    asked_for: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked_for.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        writer.close()

    proxy = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with proxy:
        address = f"127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
        environment = {"https_proxy": f"http://somebody:{SECRET}@{address}"}
        finding = await outcome(look_at_endpoint(asked(environment, endpoint="recogniser.invalid:443")))
        assert (finding.verdict, "403" in finding.found) == (Verdict.PROBLEM, True)
        assert asked_for[0].startswith(b"CONNECT recogniser.invalid:443 HTTP/1.")
        assert b"Proxy-Authorization: Basic " in asked_for[0]
        environment["no_proxy"] = "recogniser.invalid"
        finding = await outcome(look_at_endpoint(asked(environment, endpoint="recogniser.invalid:443")))
        assert "was not found" in finding.mend
        assert len(asked_for) == 1


# The service


async def test_no_stream_is_opened_unless_it_is_asked_for() -> None:
    async with ScriptedServer(hear_all) as server:
        finding = await outcome(look_at_service(asked(endpoint=server.target, tls=False), False))
        assert (finding.verdict, "--connect" in finding.found) == (Verdict.NOT_CHECKED, True)
        assert not server.streams


async def test_one_stream_of_less_than_a_unit_shows_that_credentials_are_accepted() -> None:
    async with ScriptedServer(hear_all, authorization=f"Api-Key {SECRET}") as server:
        with_key = asked({"API_KEY": SECRET}, endpoint=server.target, tls=False)
        finding = await outcome(look_at_service(with_key, True))
        assert finding.verdict is Verdict.GOOD, finding
        (stream,) = server.streams
        assert 0 < len(stream.received) / 2 / 16_000 < 1
        await stream.ended.wait()


async def test_a_refusal_is_told_in_the_services_words() -> None:
    async with ScriptedServer(hear_all, authorization="Api-Key another") as server:
        with_key = asked({"API_KEY": SECRET}, endpoint=server.target, tls=False)
        finding = await outcome(look_at_service(with_key, True))
    assert finding.verdict is Verdict.PROBLEM
    assert "UNAUTHENTICATED: The token is invalid" in finding.found
    assert "ai.speechkit-stt.user" in finding.mend
    assert finding.facts["code"] == "UNAUTHENTICATED"


async def test_a_service_that_says_nothing_is_given_up() -> None:
    async def stall(stream: ServedStream) -> None:
        await stream.stall()

    async with ScriptedServer(stall) as server:
        look = look_at_service(asked(endpoint=server.target, tls=False), True)
        result = await carry_out(Check("service", "Recognition", "Service", look, 3.0))
    assert (result.finding.verdict, result.finding.found) == (Verdict.PROBLEM, "There was no answer within 3 s.")


async def test_a_refused_language_is_a_problem() -> None:
    async def refuse(stream: ServedStream) -> None:
        await stream.config()
        await stream.abort(grpc.StatusCode.INVALID_ARGUMENT, "unsupported language")

    async with ScriptedServer(refuse) as server:
        finding = await outcome(look_at_service(asked(endpoint=server.target, tls=False, language="xx-XX"), True))
    assert (finding.verdict, "unsupported language" in finding.found) == (Verdict.PROBLEM, True)


# This machine


async def test_the_recogniser_on_this_machine_is_started_and_hears_something() -> None:
    require_local_engine()
    finding = await outcome(look_at_local(asked()))
    assert finding.verdict is Verdict.GOOD, finding
    assert finding.facts["audio_seconds"] == 4.0
    assert float(str(finding.facts["recognition_seconds"])) < 4.0


async def test_it_says_which_engine_hears_what_and_where_the_model_is_or_how_to_have_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    require_local_engine()
    pytest.importorskip("faster_whisper", reason="needs the engine whisper, of the extra whisper")
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    folder = write_model(tmp_path / "model")

    without = await outcome(look_at_local(asked()))
    assert "captions models add base" in without.lines[0]
    assert without.facts["engines"] == ["moonshine", "whisper"]
    assert without.facts["whisper_model"] == ""
    found = await outcome(look_at_local(asked(whisper_model=str(folder))))
    assert str(folder) in found.lines[0]
    assert found.facts["whisper_model"] == str(folder)


async def test_one_that_is_not_installed_is_a_problem_only_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        "importlib.util.find_spec", lambda name, *rest: None if name == "moonshine_voice" else find_spec(name, *rest)
    )
    finding = await outcome(look_at_local(asked()))
    assert finding.verdict is Verdict.PROBLEM
    finding = await outcome(look_at_local(asked({"API_KEY": SECRET})))
    assert (finding.verdict, finding.found) == (Verdict.NOT_CHECKED, "It is not installed, and not needed")


async def test_a_check_that_needs_a_broken_library_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "grpc.py").write_text("raise ImportError('no symbol')")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join((str(tmp_path), os.environ.get("PYTHONPATH", ""))))
    for look in (look_at_local(asked()), look_at_service(asked(endpoint="127.0.0.1:1"), True)):
        finding = await outcome(look)
        assert (finding.verdict, finding.found) == (Verdict.NOT_CHECKED, "This needs grpc, which cannot be imported.")
