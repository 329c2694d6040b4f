"""Where credentials are found, and how they stay secret."""

from pathlib import Path

import pytest

from captions.errors import CredentialsError
from captions.recognition.credentials import Credentials, Kind, find_credentials


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
    assert find_credentials(environment) == expected


def test_a_folder_from_the_settings_goes_before_the_environments() -> None:
    found = find_credentials({"API_KEY": "k", "FOLDER_ID": "theirs"}, folder_id="mine")
    assert found == Credentials(Kind.API_KEY, "k", "mine")


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
    assert find_credentials({}, str(credentials_file)) == expected


def test_with_a_file_the_environment_does_not_count(credentials_file: Path) -> None:
    credentials_file.write_text("IAM_TOKEN=t1.file")
    found = find_credentials({"API_KEY": "AQVN", "FOLDER_ID": "theirs"}, str(credentials_file))
    assert found == Credentials(Kind.IAM_TOKEN, "t1.file")


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
        find_credentials({"API_KEY": "AQVN"}, str(credentials_file))
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
