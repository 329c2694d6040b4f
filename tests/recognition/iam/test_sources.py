"""The order in which credentials are looked for, and what is left alone meanwhile."""

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from captions.errors import CredentialsError, StreamError
from captions.recognition.chosen import chosen
from captions.recognition.iam.metadata import VARIABLE
from captions.recognition.iam.renewed import Renewed
from captions.recognition.iam.sources import FirstOf, Told, find_authorization, find_source, tell
from captions.recognition.iam.written import KEY_FILE
from captions.settings import Settings
from tests.recognition.iam.keys import key_json
from tests.recognition.iam.memory_keyring import in_memory
from tests.recognition.iam.stand_in import Said, StandIn, said, token
from tests.recognition.iam.yc_tool import asked, tool

V2 = "speechkit-v2"
VM = said({"access_token": "t1.vm", "expires_in": 39_944})
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="the tool of these tests is a shell script")


def name_of(settings: Settings, environment: Mapping[str, str]) -> str:
    source = find_source(settings, environment)
    return "" if source is None else source.name


@pytest.fixture
def key(tmp_path: Path) -> str:
    (tmp_path / "key.json").write_text(key_json())
    return str(tmp_path / "key.json")


def test_without_a_name_only_what_was_given_to_this_program_counts(key: str) -> None:
    assert name_of(Settings(), {}) == ""
    assert name_of(Settings(), {"API_KEY": "k"}) == "environment"
    assert name_of(Settings(credentials_file=key), {"API_KEY": "k"}) == "credentials_file"
    assert name_of(Settings(), {KEY_FILE: key}) == ""  # it is for other programs, and must not bring the cloud
    assert name_of(Settings(credentials="environment"), {KEY_FILE: key}) == "environment"


def test_for_speechkit_by_name_more_counts(key: str) -> None:
    for recognizer in (V2, "speechkit-v3"):
        settings = Settings(recognizer=recognizer)
        assert name_of(settings, {}) == "auto"
        assert name_of(settings, {"IAM_TOKEN": "t1.x", KEY_FILE: key}) == "environment"
        assert name_of(settings, {KEY_FILE: key}) == "environment"


def test_other_servers_get_only_what_was_given_for_them(key: str) -> None:
    elsewhere = {"endpoint": "127.0.0.1:50051", "tls": False}
    assert name_of(Settings(recognizer=V2, **elsewhere), {KEY_FILE: key}) == ""  # type: ignore[arg-type]
    assert name_of(Settings(recognizer=V2, **elsewhere), {"API_KEY": "k"}) == "environment"  # type: ignore[arg-type]
    assert name_of(Settings(recognizer="vosk", **elsewhere), {"API_KEY": "k"}) == ""  # type: ignore[arg-type]
    with_file = Settings(recognizer="vosk", credentials_file=key, **elsewhere)  # type: ignore[arg-type]
    assert name_of(with_file, {}) == "credentials_file"


@pytest.mark.parametrize("name", ["keyring", "metadata", "yc", "environment"])
def test_what_is_named_is_taken_and_nothing_else(key: str, name: str) -> None:
    settings = Settings(credentials=name, credentials_file=key)
    assert name_of(settings, {"API_KEY": "k"}) == name
    assert name_of(Settings(credentials="none", credentials_file=key), {"API_KEY": "k"}) == ""
    assert chosen(settings, {"API_KEY": "k"}) == V2  # who names credentials means the service that takes them
    assert chosen(Settings(credentials="none"), {"API_KEY": "k"}) == "local"


def test_an_environment_that_was_named_and_has_nothing_is_told() -> None:
    with pytest.raises(CredentialsError, match="neither API_KEY nor IAM_TOKEN nor YC_SERVICE_ACCOUNT_KEY_FILE"):
        find_source(Settings(credentials="environment"), {})


@POSIX
def test_to_choose_a_recogniser_nobody_is_asked_and_no_tool_is_run(
    machine: StandIn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keyring = in_memory(monkeypatch)
    environment = {**tool(tmp_path, "t1.user"), VARIABLE: machine.address}
    for settings in (Settings(), Settings(recognizer=V2), *(Settings(credentials=n) for n in ("yc", "keyring"))):
        chosen(settings, environment)
        find_authorization(settings, environment)
    assert (machine.requests, asked(tmp_path), keyring.asked) == ([], [], 0)


@POSIX
async def test_the_virtual_machine_goes_before_the_tool(machine: StandIn, tmp_path: Path) -> None:
    machine.says(VM)
    environment = {**tool(tmp_path, "t1.user"), VARIABLE: machine.address}
    authorization = find_authorization(Settings(recognizer=V2), environment)
    assert authorization is not None
    credentials = await authorization.current()
    assert credentials is not None
    assert (credentials.secret, credentials.service_account) == ("t1.vm", True)
    assert not asked(tmp_path)


@POSIX
@pytest.mark.parametrize("answer", [None, Said(404), said({"access_token": "ya29.google", "expires_in": 9})])
async def test_without_a_virtual_machine_of_the_cloud_the_tool_is_asked(
    machine: StandIn, tmp_path: Path, answer: Said | None
) -> None:
    machine.says(answer or Said(404))
    environment = tool(tmp_path, "t1.user", folder_id="b1g")
    environment = {**environment, VARIABLE: machine.address if answer else "127.0.0.1:1"}
    source = find_source(Settings(recognizer=V2), environment)
    assert isinstance(source, FirstOf)
    assert (await source.fetch()).credentials.secret == "t1.user"
    assert source.found is not None
    assert source.found.name == "yc"
    before = len(machine.requests)
    await source.fetch()
    assert len(machine.requests) == before  # who gave the first gives the next


async def test_with_nothing_anywhere_it_says_what_to_do(tmp_path: Path) -> None:
    environment = {"PATH": str(tmp_path), VARIABLE: "127.0.0.1:1"}
    source = find_source(Settings(recognizer=V2), environment)
    assert source is not None
    with pytest.raises(CredentialsError, match=r"needs credentials, and there are none\. Set API_KEY"):
        await source.fetch()


async def test_a_virtual_machine_whose_service_has_a_fault_is_one_all_the_same(
    machine: StandIn, tmp_path: Path
) -> None:
    machine.says(Said(503))
    source = find_source(Settings(recognizer=V2), {"PATH": str(tmp_path), VARIABLE: machine.address})
    assert source is not None
    with pytest.raises(StreamError, match="has a fault"):
        await source.fetch()


async def test_a_file_is_read_again_when_what_it_held_was_refused(tmp_path: Path, cloud: StandIn, ca_file: str) -> None:
    file = tmp_path / "credentials"
    file.write_text("API_KEY=AQVN-old")
    settings = Settings(credentials_file=str(file), iam_endpoint=cloud.address, ca_file=ca_file)
    authorization = find_authorization(settings, {})
    assert isinstance(authorization, Renewed)
    assert (await authorization.current()).secret == "AQVN-old"
    cloud.says(token("t1.one"))
    file.write_text(key_json())
    assert await authorization.renew()
    assert (await authorization.current()).secret == "t1.one"


def test_what_there_is_is_told_without_asking_anybody(key: str, tmp_path: Path) -> None:
    def told(settings: Settings, environment: Mapping[str, str] | None = None) -> Told:
        source = find_source(settings, environment or {})
        assert source is not None
        return tell(source)

    assert told(Settings(), {"API_KEY": "secret", "FOLDER_ID": "b1g"}).text == "API_KEY from the environment"
    with_folder = told(Settings(folder_id="b1g"), {"IAM_TOKEN": "secret"})
    assert (with_folder.text, with_folder.folder) == ("IAM_TOKEN from the environment, with a folder", True)
    of_file = told(Settings(credentials_file=key))
    assert (of_file.text, of_file.folder) == (f"a service account's key from the file {key}", False)
    named = told(Settings(credentials="environment"), {KEY_FILE: key})
    assert (named.text, named.file) == (
        "a service account's key from the environment (YC_SERVICE_ACCOUNT_KEY_FILE)",
        key,
    )
    assert (told(Settings(credentials="yc")).kind, told(Settings(credentials="yc")).folder) == ("", None)
    assert told(Settings(credentials="metadata")).folder is False
    assert "secret" not in repr(with_folder)
