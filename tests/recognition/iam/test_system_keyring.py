"""Credentials in the system's keyring."""

import sys
import threading

import pytest
from keyring.errors import KeyringError, KeyringLocked, NoKeyringError

from captions.errors import CredentialsError
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.iam import system_keyring
from captions.recognition.iam.exchange import Exchange
from captions.recognition.iam.key import ServiceAccountKey
from captions.recognition.iam.system_keyring import Keyring, forget, keep, recall
from tests.recognition.iam.keys import key_json
from tests.recognition.iam.memory_keyring import MemoryKeyring, in_memory
from tests.recognition.iam.stand_in import StandIn, token


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    return in_memory(monkeypatch)


async def test_what_is_kept_is_recalled_until_it_is_forgotten(memory: MemoryKeyring) -> None:
    assert await recall() is None
    assert await forget() is False
    assert await keep("API_KEY=AQVN") == "memory of a test"
    assert await recall() == Credentials(Kind.API_KEY, "AQVN")
    assert await forget() is True
    assert await recall() is None
    with pytest.raises(CredentialsError, match="nothing of captions in the keyring"):
        await Keyring(Exchange()).fetch()


async def test_a_token_goes_with_the_folder_of_the_settings(memory: MemoryKeyring) -> None:
    await keep("IAM_TOKEN=t1.user")
    assert (await Keyring(Exchange(), "mine").fetch()).credentials == Credentials(Kind.IAM_TOKEN, "t1.user", "mine")


async def test_a_key_that_is_kept_is_exchanged(memory: MemoryKeyring, cloud: StandIn, ca_file: str) -> None:
    await keep(key_json())
    assert isinstance(await recall(), ServiceAccountKey)
    cloud.says(token("t1.one"))
    got = await Keyring(Exchange(cloud.address, ca_file)).fetch()
    assert got.credentials.secret == "t1.one"


@pytest.mark.parametrize(
    ("failure", "words"),
    [
        (NoKeyringError("no backend"), "has no keyring that runs"),
        (KeyringLocked("locked"), "is locked"),
        (KeyringError("AQVN-secret"), "does not do it .KeyringError."),
        (OSError("AQVN-secret"), "does not do it .OSError."),
    ],
)
async def test_a_keyring_that_fails_is_told_in_words(memory: MemoryKeyring, failure: Exception, words: str) -> None:
    memory.failure = failure
    with pytest.raises(CredentialsError, match=words) as caught:
        await keep("API_KEY=AQVN-secret")
    assert "AQVN" not in str(caught.value)


async def test_a_keyring_that_waits_for_its_owner_is_given_up(
    memory: MemoryKeyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(memory, "get_password", lambda *_: released.wait())
    monkeypatch.setattr(system_keyring, "SECONDS", 0.2)
    with pytest.raises(CredentialsError, match=r"did not answer within 0\.2 s"):
        await recall()
    released.set()


async def test_without_the_package_it_says_which_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(CredentialsError, match=r"captions\[keyring\]"):
        await recall()
