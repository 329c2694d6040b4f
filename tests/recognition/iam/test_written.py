"""Credentials as a person writes them down, and how they stay secret."""

from pathlib import Path

import pytest

from captions.errors import CredentialsError
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.iam.key import ServiceAccountKey
from captions.recognition.iam.written import KEY_FILE, LONGEST_FILE, in_environment, in_file
from tests.recognition.iam.keys import KEY_ID, key_json, pem


@pytest.fixture
def credentials_file(tmp_path: Path) -> Path:
    return tmp_path / "speechkit.env"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"FOLDER_ID": "folder"}, None),
        ({"IAM_TOKEN": ""}, None),
        ({"IAM_TOKEN": "t1.abc"}, Credentials(Kind.IAM_TOKEN, "t1.abc")),
        ({"API_KEY": "AQVN"}, Credentials(Kind.API_KEY, "AQVN")),
        ({"IAM_TOKEN": "t1.abc\n", "FOLDER_ID": " folder\n"}, Credentials(Kind.IAM_TOKEN, "t1.abc", "folder")),
        ({"IAM_TOKEN": "t1.abc", "API_KEY": "AQVN"}, Credentials(Kind.API_KEY, "AQVN")),
        ({"IAM_TOKEN": "t1.abc", "API_KEY": " "}, Credentials(Kind.IAM_TOKEN, "t1.abc")),
    ],
)
def test_the_environment_is_read_as_the_services_examples_name_it(
    environment: dict[str, str], expected: Credentials | None
) -> None:
    assert in_environment(environment) == expected


def test_a_folder_from_the_settings_goes_before_the_environments() -> None:
    found = in_environment({"IAM_TOKEN": "t1.k", "FOLDER_ID": "theirs"}, "mine")
    assert found == Credentials(Kind.IAM_TOKEN, "t1.k", "mine")


def test_a_service_accounts_credentials_have_no_folder() -> None:
    found = in_environment({"API_KEY": "k", "FOLDER_ID": "theirs"}, "mine")
    assert isinstance(found, Credentials)
    assert (found.service_account, found.folder_id) == (True, "")
    assert Credentials(Kind.IAM_TOKEN, "t1.k", "mine", service_account=True).folder_id == ""


def test_a_key_is_named_in_the_environment_or_stands_there(credentials_file: Path) -> None:
    credentials_file.write_text(key_json())
    for value in (str(credentials_file), key_json()):
        key = in_environment({KEY_FILE: value})
        assert isinstance(key, ServiceAccountKey)
        assert key.id == KEY_ID
        assert in_environment({KEY_FILE: value}, key_file=False) is None
        assert in_environment({KEY_FILE: value, "API_KEY": "k"}) == Credentials(Kind.API_KEY, "k")


def test_a_file_that_is_named_as_a_keys_must_be_one(credentials_file: Path) -> None:
    credentials_file.write_text("API_KEY=AQVN-secret")
    with pytest.raises(CredentialsError, match="is no service account's key") as caught:
        in_environment({KEY_FILE: str(credentials_file)})
    assert "AQVN" not in str(caught.value)
    with pytest.raises(CredentialsError, match="No such file"):
        in_environment({KEY_FILE: "/nowhere/key.json"})


def test_a_file_may_be_a_service_accounts_key(credentials_file: Path) -> None:
    credentials_file.write_text("\ufeff\n" + key_json(), encoding="utf-8")
    key = in_file(str(credentials_file))
    assert isinstance(key, ServiceAccountKey)
    assert key.private_key.startswith("-----BEGIN PRIVATE KEY-----")
    assert pem().splitlines()[3] not in repr(key)


def test_of_a_file_that_can_be_none_no_more_is_read_than_credentials_have(credentials_file: Path) -> None:
    credentials_file.write_bytes(b"#" * 10 * LONGEST_FILE)
    with pytest.raises(CredentialsError, match="holds neither"):
        in_file(str(credentials_file))
    with pytest.raises(CredentialsError, match="cannot be read"):
        in_file("\0")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("IAM_TOKEN=t1.abc\nFOLDER_ID=folder\n", Credentials(Kind.IAM_TOKEN, "t1.abc", "folder")),
        ("export API_KEY='AQVN'\r\n", Credentials(Kind.API_KEY, "AQVN")),
        ('\ufeff# mine\n\n  API_KEY = "AQVN=="  \n', Credentials(Kind.API_KEY, "AQVN==")),
        ("OTHER=1\nIAM_TOKEN=t1.old\nIAM_TOKEN=t1.new", Credentials(Kind.IAM_TOKEN, "t1.new")),
    ],
)
def test_a_file_is_read_as_a_shell_would(credentials_file: Path, content: str, expected: Credentials) -> None:
    credentials_file.write_text(content, encoding="utf-8")
    assert in_file(str(credentials_file)) == expected


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "No such file"),
        (b"", "neither IAM_TOKEN= nor API_KEY="),
        (b"t1.alone", "neither IAM_TOKEN= nor API_KEY="),
        (b"FOLDER_ID=folder", "neither IAM_TOKEN= nor API_KEY="),
        (b"\xff\xfe\x00", "not a UTF-8 text"),
    ],
)
def test_a_file_without_credentials_is_told(credentials_file: Path, content: bytes | None, words: str) -> None:
    if content is not None:
        credentials_file.write_bytes(content)
    with pytest.raises(CredentialsError, match=words) as caught:
        in_file(str(credentials_file))
    assert "t1.alone" not in str(caught.value)


@pytest.mark.parametrize("secret", ["se cret", "se\ncret", "sécret", "se\x00cret", "секрет", ""])
def test_a_secret_that_cannot_be_one_is_refused_without_being_shown(secret: str) -> None:
    with pytest.raises(CredentialsError, match="not usable") as caught:
        Credentials(Kind.API_KEY, secret)
    assert not secret or secret not in str(caught.value) + repr(caught.value)


def test_the_secret_is_in_no_text_of_the_credentials() -> None:
    credentials = Credentials(Kind.IAM_TOKEN, "t1.abc", "folder")
    assert "t1.abc" not in f"{credentials} {credentials!r}"
    assert credentials.authorization == "Bearer t1.abc"
