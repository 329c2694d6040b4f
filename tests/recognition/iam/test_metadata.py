"""The token of a virtual machine's service account."""

import pytest

from captions.errors import CredentialsError, StreamError
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.iam import metadata
from captions.recognition.iam.metadata import VARIABLE, MetadataService
from captions.recognition.iam.web_request import Unreachable
from tests.recognition.iam.stand_in import Said, StandIn, said


def at(machine: StandIn) -> MetadataService:
    return MetadataService({VARIABLE: machine.address})


async def test_the_token_is_a_service_accounts_and_lasts_as_told(machine: StandIn) -> None:
    machine.says(said({"access_token": "t1.vm", "expires_in": 39_944, "token_type": "Bearer"}))
    got = await at(machine).fetch()
    assert got.credentials == Credentials(Kind.IAM_TOKEN, "t1.vm", service_account=True, renewed=True)
    assert got.lasts == 39_944
    (request,) = machine.requests
    assert request.path == "/computeMetadata/v1/instance/service-accounts/default/token"
    assert request.headers["Metadata-Flavor"] == "Google"


def test_it_is_at_the_link_local_address_unless_the_vendors_variable_says_otherwise() -> None:
    assert "169.254.169.254" in MetadataService({}).where
    assert "other.example" in MetadataService({VARIABLE: " other.example "}).where


async def test_no_proxy_is_asked(machine: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    machine.says(said({"access_token": "t1.vm", "expires_in": 60}))
    assert (await at(machine).fetch()).credentials.secret == "t1.vm"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Said(404), "has no service account"),
        (Said(403, b"disabled"), "gives no token .HTTP 403."),
        (said({"access_token": "ya29.another-clouds", "expires_in": 60}), "no token of this cloud"),
        (said({"access_token": "two words", "expires_in": 60}), "no token of this cloud"),
        (said({"token": "t1.vm"}), "no token of this cloud"),
        (said([1]), "no token of this cloud"),
        (Said(200, b"ami-id\ninstance-id"), "no token of this cloud"),
    ],
)
async def test_what_cannot_become_better_is_told(machine: StandIn, answer: Said, words: str) -> None:
    machine.says(answer)
    with pytest.raises(CredentialsError, match=words) as caught:
        await at(machine).fetch()
    assert "ya29.another" not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Said(500), "has a fault .HTTP 500."),
        (Said(429), "has a fault .HTTP 429."),
        (Said(302, headers={"Location": "http://example.org/"}), "has a fault .HTTP 302."),
        (said({"access_token": "t1.vm", "expires_in": 0}), "has run out already"),
        (Said(200, b"x" * 100_000), "more than can be meant"),
        (Said(raw=b"nonsense\r\n"), "does not speak HTTP"),
    ],
)
async def test_what_may_become_better_is_told_as_that(machine: StandIn, answer: Said, words: str) -> None:
    machine.says(answer)
    with pytest.raises(StreamError, match=words) as caught:
        await at(machine).fetch()
    assert caught.value.code == "UNAVAILABLE"
    assert len(machine.requests) == 1


@pytest.mark.parametrize("lasts", [None, "soon", True])
async def test_a_token_that_does_not_say_how_long_it_lasts_counts_for_an_hour(machine: StandIn, lasts: object) -> None:
    machine.says(said({"access_token": "t1.vm", "expires_in": lasts}))
    assert (await at(machine).fetch()).lasts == 3600
    machine.says(Said(200, b'{"access_token": "t1.vm", "expires_in": Infinity}'))
    assert (await at(machine).fetch()).lasts == 3600


async def test_on_another_machine_nobody_is_there(machine: StandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Unreachable, match="connection refused"):
        await MetadataService({VARIABLE: "127.0.0.1:1"}).fetch()
    monkeypatch.setattr(metadata, "ANSWER_SECONDS", 0.3)
    machine.says(Said(stalls=True))
    with pytest.raises(Unreachable, match=r"did not answer within 0\.3 s"):
        await at(machine).fetch()


@pytest.mark.parametrize("address", ["two words", "http://x/", "unix:/x", "host:99999"])
async def test_an_address_that_is_none_is_told(address: str) -> None:
    with pytest.raises(CredentialsError, match="YC_METADATA_ADDR cannot be"):
        await MetadataService({VARIABLE: address}).fetch()
