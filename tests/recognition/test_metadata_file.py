"""What another server wants with every stream: from a file to the wire, and into no error."""

import socket
import traceback
from pathlib import Path

import grpc
import pytest

from captions.errors import CredentialsError, StreamError
from captions.recognition.authorization import Found
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.metadata_file import read_metadata
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from captions.recognition.speechkit_v3 import SPEECHKIT_V3
from captions.recognition.vosk import VOSK
from tests.recognition.streams import BLOCK, all_of, noise, opened, v2_at
from tests.scripted_server import ScriptedServer, ServedStream
from tests.tone_code import ToneEngine
from tests.vosk_server import VoskServer

SECRET = "s3cret-of-a-test"
KEY = Found(lambda: Credentials(Kind.API_KEY, "AQVN-key"))


def write(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "metadata"
    write(path, f"# of the gateway\n\nx-tenant: speech\r\n  x-gateway-key:  {SECRET}  \nx-colon: a:b\n")
    return path


async def listen(stream: ServedStream) -> None:
    await stream.config()
    await stream.until_half_close()


async def stream_once(recognizer: RemoteRecognizer) -> None:
    async with opened(recognizer) as stream:
        await stream.half_close()
        await all_of(stream)


# The file


def test_lines_are_names_and_values_without_the_spaces_around_them(file: Path) -> None:
    extra = read_metadata(str(file))
    assert extra.entries == (("x-tenant", "speech"), ("x-gateway-key", SECRET), ("x-colon", "a:b"))
    assert not extra.has_authorization
    assert SECRET not in repr(extra)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        (f"{SECRET}", "line 2 has no colon"),
        (f"X-Key: {SECRET}", "line 2 has a name with capital letters"),
        (f"{SECRET} {SECRET}: value", "line 2 begins with no name"),
        (f": {SECRET}", "line 2 begins with no name"),
        (f"grpc-timeout: {SECRET}", "line 2 has the name grpc-timeout, which is not free"),
        (f"user-agent: {SECRET}", "line 2 has the name user-agent"),
        (f"x-key-bin: {SECRET}", "line 2 has a name that ends with -bin"),
        (f"x-key: {SECRET}\x07", "line 2 has a value that cannot be sent"),
        (f"x-key: {SECRET}ж", "line 2 has a value that cannot be sent"),
        ("x-key:", "line 2 has a value that cannot be sent"),
    ],
    ids=range(10),
)
def test_what_grpc_does_not_take_is_told_by_its_line_and_without_the_value(
    line: str, fault: str, tmp_path: Path
) -> None:
    path = tmp_path / "metadata"
    path.write_text(f"x-good: 1\n{line}\n", encoding="utf-8")
    with pytest.raises(CredentialsError) as caught:
        read_metadata(str(path))
    assert fault in caught.value.message
    assert caught.value.hint
    assert SECRET not in everything_shown(caught.value)


def test_a_file_that_is_none_is_told(tmp_path: Path) -> None:
    with pytest.raises(CredentialsError, match="No such file"):
        read_metadata(str(tmp_path / "none"))
    (tmp_path / "bytes").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(CredentialsError, match="not a UTF-8 text"):
        read_metadata(str(tmp_path / "bytes"))


# On the wire


async def test_it_goes_with_every_stream_of_each_recogniser(file: Path) -> None:
    async with ScriptedServer(listen) as server:
        recognizer = v2_at(server.target, tls=False, metadata_file=str(file))
        await stream_once(recognizer)
        write(file, "x-tenant: another\n")
        await stream_once(recognizer)
        await recognizer.aclose()
        first, second = (stream.metadata for stream in server.streams)
    assert (first["x-tenant"], first["x-gateway-key"], first["x-colon"]) == ("speech", SECRET, "a:b")
    assert "authorization" not in first
    assert (second["x-tenant"], "x-gateway-key" in second) == ("another", False)
    async with VoskServer(ToneEngine()) as vosk:
        recognizer = RemoteRecognizer(VOSK, vosk.target, tls=False, metadata_file=str(file))
        await stream_once(recognizer)
        await recognizer.aclose()
        assert vosk.service.metadata[0]["x-tenant"] == "another"


async def test_an_authorization_in_it_takes_the_place_of_credentials(file: Path) -> None:
    write(file, f"authorization: Basic {SECRET}\n")
    async with ScriptedServer(listen, authorization=f"Basic {SECRET}") as server:
        recognizer = v2_at(server.target, tls=False, metadata_file=str(file), authorization=KEY)
        await stream_once(recognizer)
        assert await recognizer.renew(), "the file may hold another by now"
        await recognizer.aclose()


async def test_beside_credentials_it_takes_nothing_away(file: Path) -> None:
    async with ScriptedServer(listen, authorization="Api-Key AQVN-key") as server:
        recognizer = v2_at(server.target, tls=False, metadata_file=str(file), authorization=KEY)
        await stream_once(recognizer)
        await recognizer.aclose()
        assert server.streams[0].metadata["x-gateway-key"] == SECRET


@pytest.mark.parametrize("dialect", [SPEECHKIT_V2, SPEECHKIT_V3, VOSK], ids=lambda dialect: dialect.kind)
async def test_it_is_not_sent_in_plaintext_to_another_machine(file: Path, dialect: object) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        recognizer = RemoteRecognizer(
            dialect,  # type: ignore[arg-type]
            f"192.0.2.1:{nobody.getsockname()[1]}",
            tls=False,
            metadata_file=str(file),
        )
        with pytest.raises(CredentialsError, match=r"metadata was not sent.*would not be encrypted.*metadata_file"):
            await recognizer.prepare()
        await recognizer.aclose()


# Into no error


def everything_shown(error: BaseException) -> str:
    """All that a log, a screen or a crash report with variables could show of an error."""
    report = traceback.TracebackException.from_exception(error, capture_locals=True)
    # What this test itself holds is no part of it.
    report.stack = traceback.StackSummary.from_list([f for f in report.stack if f.filename != __file__])
    return "".join(report.format()) + repr(error) + str(error) + repr(vars(error))


@pytest.mark.parametrize(
    "line", [f"x-gateway-key: {SECRET}", f"authorization: Bearer {SECRET}"], ids=["a key", "a token"]
)
async def test_no_value_is_in_an_error_even_when_the_server_repeats_it(line: str, tmp_path: Path) -> None:
    async def repeat(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(BLOCK)
        await stream.abort(grpc.StatusCode.UNAUTHENTICATED, f"{line} and {SECRET} are not known")

    path = tmp_path / "metadata"
    path.write_text(f"{line}\n")
    errors: list[StreamError] = []
    async with ScriptedServer(repeat) as server:
        recognizer = v2_at(server.target, tls=False, metadata_file=str(path))
        async with opened(recognizer) as stream:
            await stream.send(noise(BLOCK))
            with pytest.raises(StreamError) as caught:
                await all_of(stream)
            errors.append(caught.value)
            assert SECRET not in repr(stream) + repr(recognizer) + repr(vars(recognizer))
        await recognizer.aclose()
    recognizer = v2_at("127.0.0.1:1", tls=False, metadata_file=str(path))
    with pytest.raises(StreamError) as caught:
        async with opened(recognizer):
            pass
    errors.append(caught.value)
    if "authorization" in line:
        assert "*** are not known" in errors[0].details
        assert "metadata file" in errors[0].hint
    for error in errors:
        assert SECRET not in everything_shown(error)


def test_short_values_are_left_out_as_words_only(tmp_path: Path) -> None:
    path = tmp_path / "metadata"
    path.write_text("x-shard: a1\n")
    extra = read_metadata(str(path))
    assert extra.without_secrets("shard a1 of data12 failed") == "shard *** of data12 failed"
