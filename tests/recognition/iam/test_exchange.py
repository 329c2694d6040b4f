"""A service account's key is exchanged for a token, whoever answers and however."""

import asyncio
import json
from datetime import timedelta

import pytest

from captions.errors import CredentialsError, ExitCode, SettingError, StreamError
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.iam import exchange as exchange_module
from captions.recognition.iam.exchange import IAM, Exchange
from captions.recognition.iam.key import ServiceAccountKey
from captions.recognition.iam.web_request import LONGEST_ANSWER, Unreachable
from tests.recognition.iam.keys import ACCOUNT, checked, key_json, pem
from tests.recognition.iam.stand_in import NOW, Said, StandIn, said, token

KEY = ServiceAccountKey.parse(key_json(), "the file")
SERVER_TIME = NOW.timestamp()


def at(cloud: StandIn, ca_file: str, clock: float = SERVER_TIME) -> Exchange:
    return Exchange(cloud.address, ca_file, clock=lambda: clock)


async def test_a_signed_request_brings_a_token_that_is_a_service_accounts(cloud: StandIn, ca_file: str) -> None:
    cloud.says(token("t1.one"))
    exchange = at(cloud, ca_file)
    got = await exchange.token(KEY)
    assert got.credentials == Credentials(Kind.IAM_TOKEN, "t1.one", service_account=True, renewed=True)
    assert got.lasts == pytest.approx(12 * 3600, abs=1)
    (request,) = cloud.requests
    assert (request.method, request.path) == ("POST", "/iam/v1/tokens")
    claims = checked(request.body["jwt"], f"https://{cloud.address}/iam/v1/tokens", SERVER_TIME)
    assert claims["iss"] == ACCOUNT


def test_the_request_is_for_the_services_own_address() -> None:
    assert Exchange(IAM).url == "https://iam.api.cloud.yandex.net/iam/v1/tokens"
    with pytest.raises(SettingError, match="no socket"):
        Exchange("unix:/run/iam")


@pytest.mark.parametrize("hours", [-30.0, -1.0, 1.0, 30.0, 24.0 * 400])
async def test_a_machine_whose_clock_is_wrong_gets_a_token_all_the_same(
    cloud: StandIn, ca_file: str, hours: float
) -> None:
    cloud.says(said({"code": 16, "message": "JWT is expired or not yet valid"}, 401), token("t1.one"))
    exchange = at(cloud, ca_file, SERVER_TIME + 3600 * hours)
    got = await exchange.token(KEY)
    assert got.lasts == pytest.approx(12 * 3600, abs=1)
    first, second = cloud.requests
    assert first.body["jwt"] != second.body["jwt"]
    checked(second.body["jwt"], exchange.url, SERVER_TIME)
    await exchange.token(KEY)  # what was learnt of the clock holds
    checked(cloud.requests[2].body["jwt"], exchange.url, SERVER_TIME)


async def test_with_a_good_clock_a_refusal_is_one(cloud: StandIn, ca_file: str) -> None:
    cloud.says(said({"code": 16, "message": "Key 'ajekey00000000000001' was not found", "details": []}, 401))
    with pytest.raises(CredentialsError, match="Key 'ajekey00000000000001' was not found") as caught:
        await at(cloud, ca_file).token(KEY)
    assert "was deleted: make another" in caught.value.hint
    assert caught.value.exit_code is ExitCode.CREDENTIALS
    assert len(cloud.requests) == 1


async def test_a_wrong_clock_does_not_make_it_ask_for_ever(cloud: StandIn, ca_file: str) -> None:
    cloud.says(said({"code": 16, "message": "no"}, 401))
    with pytest.raises(CredentialsError, match=r"\(HTTP 401\): no"):
        await at(cloud, ca_file, SERVER_TIME - 7200).token(KEY)
    assert len(cloud.requests) == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Said(500), "has a fault (HTTP 500)"),
        (Said(503, b"busy"), "has a fault (HTTP 503)"),
        (Said(429), "has a fault (HTTP 429)"),
        (Said(302, headers={"Location": "/elsewhere"}), "redirection, which is not followed (HTTP 302)"),
        (Said(307, headers={"Location": "https://example.org/"}), "redirection"),
        (Said(200, b"<html>log in here</html>"), "what is no token"),
        (Said(200, b"[" * 60_000), "what is no token"),
        (said({"iamToken": 7}), "what is no token"),
        (said({"iamToken": "two words"}), "what is no token"),
        (said(["t1.one"]), "what is no token"),
        (Said(200, b"x" * (LONGEST_ANSWER + 1)), "more than can be meant"),
        (Said(200, b"x", headers={"Content-Length": "100000000000"}), "what is no token"),
        (Said(raw=b"SSH-2.0-OpenSSH\r\n"), "does not speak HTTP"),
        (Said(raw=b""), "hung up without an answer"),
        (token("t1.old", hours=-1.0), "has run out already"),
    ],
)
async def test_who_answers_so_may_answer_better_later(cloud: StandIn, ca_file: str, answer: Said, words: str) -> None:
    cloud.says(answer)
    with pytest.raises(StreamError, match=words.replace("(", r"\(").replace(")", r"\)")) as caught:
        await at(cloud, ca_file).token(KEY)
    assert (caught.value.code, caught.value.exit_code) == ("UNAVAILABLE", ExitCode.UNREACHABLE)
    assert len(cloud.requests) == 1  # a redirection is not followed, least of all with the signed request


async def test_who_says_nothing_is_given_up(cloud: StandIn, ca_file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange_module, "ANSWER_SECONDS", 0.3)
    cloud.says(Said(stalls=True))
    with pytest.raises(Unreachable, match=r"did not answer within 0\.3 s"):
        await at(cloud, ca_file).token(KEY)


async def test_who_never_comes_to_an_end_is_given_up_and_hung_up_on(
    cloud: StandIn, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange_module, "ANSWER_SECONDS", 0.5)
    cloud.says(Said(drips=True))
    with pytest.raises(Unreachable, match=r"did not answer within 0\.5 s"):
        await at(cloud, ca_file).token(KEY)
    assert await asyncio.to_thread(cloud.gone.wait, 10)


async def test_a_proxy_of_the_environment_is_gone_through_and_its_refusal_told(monkeypatch: pytest.MonkeyPatch) -> None:
    asked_for: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked_for.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy:
        monkeypatch.setenv("https_proxy", f"http://me:hidden@127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        with pytest.raises(StreamError, match="403 Forbidden") as caught:
            await Exchange("iam.invalid").token(KEY)
    assert asked_for[0].startswith(b"CONNECT iam.invalid:443 ")
    assert "hidden" not in str(caught.value)


async def test_nobody_there_is_told(ca_file: str) -> None:
    with pytest.raises(Unreachable, match="connection refused"):
        await Exchange("127.0.0.1:1", ca_file).token(KEY)
    with pytest.raises(Unreachable, match="name was not found"):
        await Exchange("iam.invalid").token(KEY)


async def test_who_is_not_certified_gets_nothing(cloud: StandIn) -> None:
    cloud.says(token("t1.one"))
    with pytest.raises(StreamError, match="is not trusted") as caught:
        await Exchange(cloud.address).token(KEY)
    assert "clock" in caught.value.hint
    assert not cloud.requests


async def test_plaintext_is_not_spoken(machine: StandIn, ca_file: str) -> None:
    with pytest.raises(StreamError, match="does not speak TLS"):
        await Exchange(machine.address, ca_file).token(KEY)
    assert not machine.requests


async def test_what_a_server_echoes_of_the_secret_is_not_shown(cloud: StandIn, ca_file: str) -> None:
    cloud.says(Said(400, echoes=True))
    with pytest.raises(CredentialsError, match=r"\*\*\*") as caught:
        await at(cloud, ca_file).token(KEY)
    request = cloud.requests[0].body["jwt"]
    for part in (request, *request.split(".")):
        assert part not in str(caught.value)
    for content in (pem(), pem().splitlines()[3], request.split(".")[2][:50]):
        cloud.says(said({"message": f"your key is {content}"}, 400))
        with pytest.raises(CredentialsError) as caught:
            await at(cloud, ca_file).token(KEY)
        assert content.splitlines()[0] not in str(caught.value)
        assert pem().splitlines()[3] not in str(caught.value)


async def test_a_servers_words_are_plain_and_short(cloud: StandIn, ca_file: str) -> None:
    cloud.says(said({"message": "\x1b[2Jno \u202e" + "word " * 1_000}, 403))
    with pytest.raises(CredentialsError) as caught:
        await at(cloud, ca_file).token(KEY)
    assert len(caught.value.message) < 500
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("end", ["soon", "", 5, None])
async def test_a_token_that_does_not_say_when_it_runs_out_counts_for_an_hour(
    cloud: StandIn, ca_file: str, end: object
) -> None:
    cloud.says(said({"iamToken": "t1.one", "expiresAt": end}))
    assert (await at(cloud, ca_file).token(KEY)).lasts == 3600


@pytest.mark.parametrize(("hours_wrong", "lasts"), [(0.0, 12.0), (-40.0, 1.0), (40.0, 1.0)])
async def test_without_the_servers_time_a_clock_that_cannot_be_right_is_not_believed(
    cloud: StandIn, ca_file: str, hours_wrong: float, lasts: float
) -> None:
    cloud.says(token("t1.one", now=None))
    got = await at(cloud, ca_file, SERVER_TIME + 3600 * hours_wrong).token(KEY)
    assert got.lasts == pytest.approx(3600 * lasts, abs=1)


async def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    cloud: StandIn, ca_file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    cloud.says(token("t1.one"))
    assert (await at(cloud, ca_file).token(KEY)).credentials.secret == "t1.one"
    with pytest.raises(Unreachable, match="connection refused"):
        await Exchange("iam.invalid").token(KEY)


# The key


@pytest.mark.parametrize("warning", [False, True])
def test_a_key_is_read_as_the_tool_writes_it(warning: bool) -> None:
    key = ServiceAccountKey.parse(key_json(warning), "the file")
    checked(key.signed("there", SERVER_TIME), "there", SERVER_TIME)
    assert "PRIVATE" not in repr(key)
    assert pem().splitlines()[3] not in f"{key}"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "begins as JSON"),
        (key_json(id=None), "has no id"),
        (key_json(private_key=""), "has no private_key"),
        (key_json(service_account_id=5), "has no service_account_id"),
        (key_json(private_key="MIIEvSecret"), "is not PEM"),
        (json.dumps({"type": "service_account", "private_key": "SECRET"}), "has no id and no service_account_id"),
    ],
    ids=["cut off", "no id", "no key", "no account", "no PEM", "another cloud's"],  # keys are not for a test's output
)
def test_what_is_no_key_is_told_without_being_shown(text: str, words: str) -> None:
    with pytest.raises(CredentialsError, match=words) as caught:
        ServiceAccountKey.parse(text, "The file /x")
    assert "Secret" not in str(caught.value)
    assert "SECRET" not in str(caught.value)
    assert "yc iam key create" in caught.value.hint


def test_a_damaged_key_is_told_without_being_shown() -> None:
    from cryptography.hazmat.primitives.asymmetric import ed25519

    lines = pem().splitlines()
    damaged = "\n".join([lines[0], *lines[3:]])
    for private in (damaged, pem(ed25519.Ed25519PrivateKey.generate())):
        key = ServiceAccountKey.parse(key_json(private_key=private), "the file")
        with pytest.raises(CredentialsError, match="cannot be used") as caught:
            key.signed("there", SERVER_TIME)
        assert lines[3] not in str(caught.value)
        assert caught.value.__cause__ is None


def test_a_token_lasts_by_the_clock_of_who_gave_it() -> None:
    from captions.recognition.iam.token import life

    assert life("2026-03-04T13:00:00Z", NOW, lambda: 0.0) == 3600
    assert life("2026-03-04T13:00:00", NOW + timedelta(hours=2), lambda: 0.0) == -3600
