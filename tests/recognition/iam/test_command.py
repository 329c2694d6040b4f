"""`captions credentials`: what it shows, keeps and forgets, and that it never shows a secret."""

import io
import os
import pty
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from keyring.errors import NoKeyringError

from captions.cli import main
from captions.errors import CredentialsError
from captions.recognition.iam.command import as_kept
from captions.settings_file import settings_file
from tests.recognition.iam.keys import KEY_ID, key_json, pem
from tests.recognition.iam.memory_keyring import MemoryKeyring, in_memory
from tests.recognition.iam.stand_in import Said, StandIn, said, token

SECRET = "AQVN-secret-of-a-test"
Output = pytest.CaptureFixture[str]


@pytest.fixture
def memory(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    return in_memory(monkeypatch)


def type_in(monkeypatch: pytest.MonkeyPatch, content: str | bytes) -> None:
    """Give a command its standard input, which is no terminal."""
    data = content if isinstance(content, bytes) else content.encode()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))


def rows(text: str) -> dict[str, str]:
    return {line[:9].strip(): line[9:].strip() for line in text.splitlines()}


def saved() -> object:
    path = settings_file()
    return tomllib.loads(path.read_text()).get("credentials") if path.exists() else None


def test_an_api_key_is_shown_by_its_kind_only(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_KEY", SECRET)
    assert main(["credentials"]) == 0
    shown = capsys.readouterr().out
    assert rows(shown) == {
        "From": "the environment",
        "Kind": "an API key, which is a service account's",
        "Runs out": "only if an end was set for it",
        "Folder": "none is sent: a service account has its own",
    }
    assert SECRET not in shown


def test_a_token_is_shown_with_its_folder(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IAM_TOKEN", SECRET)
    assert main(["credentials"]) == 0
    assert "a user account needs one (FOLDER_ID)" in rows(capsys.readouterr().out)["Folder"]
    monkeypatch.setenv("FOLDER_ID", "b1gfolder")
    assert main(["credentials", "--fetch"]) == 0
    assert rows(capsys.readouterr().out)["Folder"] == "b1gfolder is sent"


def test_a_key_is_shown_and_a_token_got_only_when_that_is_asked(
    capsys: Output, tmp_path: Path, cloud: StandIn, ca_file: str
) -> None:
    file = tmp_path / "key.json"
    file.write_text(key_json())
    cloud.says(token("t1.secret", hours=12.0))
    words = ["credentials", "--credentials-file", str(file), "--iam-endpoint", cloud.address, "--ca-file", ca_file]
    assert main(words) == 0
    shown = rows(capsys.readouterr().out)
    assert shown["From"] == f"the file {file}"
    assert shown["Kind"] == "a service account's key, by which IAM tokens are got"
    assert not cloud.requests
    assert main([*words, "--fetch"]) == 0
    shown = rows(capsys.readouterr().out)
    assert shown["Kind"] == "an IAM token, which is a service account's"
    assert shown["Runs out"].startswith("in 12 h 0 min, at ")
    assert "t1.secret" not in repr(shown)
    cloud.says(said({"message": f"Key '{KEY_ID}' was not found"}, 401))
    assert main([*words, "--fetch"]) == 5
    assert "The key was deleted" in capsys.readouterr().err
    cloud.says(Said(503))
    assert main([*words, "--fetch"]) == 6


def test_without_any_this_machine_listens_unless_speechkit_is_named(capsys: Output) -> None:
    assert main(["credentials"]) == 0
    assert "none are needed" in capsys.readouterr().out
    assert main(["credentials", "--endpoint", "127.0.0.1:1", "--no-tls"]) == 0
    assert "other servers may do without" in capsys.readouterr().out
    assert main(["credentials", "--recognizer", "speechkit-v2", "--credentials", "none"]) == 5
    assert "needs credentials" in capsys.readouterr().err


def test_where_somebody_would_be_asked_that_is_told_and_nobody_is(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, machine: StandIn, memory: MemoryKeyring
) -> None:
    monkeypatch.setenv("YC_METADATA_ADDR", machine.address)
    monkeypatch.setenv("PATH", os.defpath)
    machine.says(said({"access_token": "t1.secret", "expires_in": 5_400}))
    words = ["credentials", "--recognizer", "speechkit-v3"]
    assert main(words) == 0
    assert rows(capsys.readouterr().out)["From"].endswith(", or the tool yc")
    assert main(["credentials", "--credentials", "keyring"]) == 0
    assert rows(capsys.readouterr().out)["From"] == "the keyring"
    assert (machine.requests, memory.asked) == ([], 0)
    assert main([*words, "--fetch"]) == 0
    shown = rows(capsys.readouterr().out)
    assert shown["From"] == f"the virtual machine's metadata service at {machine.address}"
    assert shown["Runs out"].startswith("in 1 h 30 min, at ")


# Keeping


def test_a_key_is_kept_from_standard_input_and_used_from_then_on(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, memory: MemoryKeyring
) -> None:
    settings_file().parent.mkdir(parents=True)
    settings_file().write_text('# mine\nlanguage = "ru-RU"\n')
    type_in(monkeypatch, f"{SECRET}\n")
    assert main(["credentials", "keep"]) == 0
    said = capsys.readouterr().out
    assert "Kept in the keyring (memory of a test)" in said
    assert str(settings_file()) in said
    assert list(memory.kept.values()) == [f"API_KEY={SECRET}"]
    assert settings_file().read_text().startswith('# mine\nlanguage = "ru-RU"\n')
    assert saved() == "keyring"
    assert SECRET not in said + settings_file().read_text()
    assert main(["credentials", "--fetch"]) == 0
    shown = capsys.readouterr().out
    assert rows(shown)["Kind"] == "an API key, which is a service account's"
    assert SECRET not in shown


def test_what_is_forgotten_is_gone_and_the_setting_with_it(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, memory: MemoryKeyring
) -> None:
    type_in(monkeypatch, SECRET)
    assert main(["credentials", "keep"]) == 0
    assert main(["credentials", "forget"]) == 0
    assert (memory.kept, saved()) == ({}, "auto")
    capsys.readouterr()
    assert main(["credentials", "forget"]) == 0
    assert capsys.readouterr().out == "There was nothing of captions in the keyring.\n"


def test_a_token_is_kept_with_a_warning(capsys: Output, monkeypatch: pytest.MonkeyPatch, memory: MemoryKeyring) -> None:
    type_in(monkeypatch, "t1.token")
    assert main(["credentials", "keep"]) == 0
    assert "12 hours at most" in capsys.readouterr().out
    assert list(memory.kept.values()) == ["IAM_TOKEN=t1.token"]


def test_another_settings_file_gets_the_setting(
    monkeypatch: pytest.MonkeyPatch, memory: MemoryKeyring, tmp_path: Path
) -> None:
    (tmp_path / "mine.toml").write_text("")
    type_in(monkeypatch, SECRET)
    assert main(["credentials", "keep", "--settings", str(tmp_path / "mine.toml")]) == 0
    assert 'credentials = "keyring"' in (tmp_path / "mine.toml").read_text()
    assert saved() is None


def test_an_environment_that_overrules_it_is_told(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, memory: MemoryKeyring
) -> None:
    monkeypatch.setenv("CAPTIONS_CREDENTIALS", "environment")
    type_in(monkeypatch, SECRET)
    assert main(["credentials", "keep"]) == 0
    assert "overrules it by CAPTIONS_CREDENTIALS" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", " \n", "two words", b"\xff\xfe\x00", "{", '{"id": "SECRET"}', "IAM_TOKEN="])
def test_what_cannot_be_kept_is_told_and_not_shown(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, memory: MemoryKeyring, content: str | bytes
) -> None:
    type_in(monkeypatch, content)
    assert main(["credentials", "keep"]) == 5
    said = capsys.readouterr()
    assert said.err.count("\n") == 1
    assert "SECRET" not in said.err + said.out
    assert (memory.kept, saved()) == ({}, None)


def test_a_keyring_that_fails_changes_no_setting(
    capsys: Output, monkeypatch: pytest.MonkeyPatch, memory: MemoryKeyring
) -> None:
    memory.failure = NoKeyringError()
    type_in(monkeypatch, SECRET)
    assert main(["credentials", "keep"]) == 5
    assert "has no keyring that runs" in capsys.readouterr().err
    assert saved() is None


def test_without_the_package_nobody_is_asked_for_a_secret(capsys: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    type_in(monkeypatch, SECRET)
    assert main(["credentials", "keep"]) == 5
    assert "captions[keyring]" in capsys.readouterr().err
    assert sys.stdin.read() == SECRET


def test_a_key_is_kept_with_what_is_needed_of_it_only() -> None:
    kept = as_kept(f"\ufeff{key_json()}\n")
    assert "PUBLIC" not in kept
    assert "PLEASE" not in kept
    assert as_kept(kept) == kept
    assert as_kept(" export API_KEY='AQVN=='\nFOLDER_ID=b1g") == "API_KEY=AQVN=="
    assert as_kept("IAM_TOKEN=t1.x\nFOLDER_ID=b1g") == "IAM_TOKEN=t1.x\nFOLDER_ID=b1g"
    assert as_kept("AQVN==") == "API_KEY=AQVN=="
    with pytest.raises(CredentialsError, match="cannot be used") as caught:
        as_kept(key_json(private_key=pem()[:200]))
    assert pem()[60:100] not in str(caught.value)


@pytest.mark.skipif(sys.platform == "win32", reason="there is no pseudoterminal")
@pytest.mark.parametrize(("typed", "code"), [(f"{SECRET}\n", 0), ('{\n  "id": 1\n}\n', 5), ("\x04", 5)])
def test_what_is_typed_at_a_terminal_is_not_seen(typed: str, code: int) -> None:
    program = (
        "import keyring.core, sys\n"
        "from tests.recognition.iam.memory_keyring import MemoryKeyring\n"
        "keyring.core._keyring_backend = MemoryKeyring()\n"
        "from captions.cli import main\n"
        "sys.exit(main(['credentials', 'keep']))\n"
    )
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    seen = b""
    try:
        while b"not shown" not in seen:
            seen += os.read(ours, 4096)
        os.write(ours, typed.encode())
        while part := _read(ours):
            seen += part
        assert process.wait(30) == code
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert SECRET.encode() not in seen
    if code == 5 and "{" in typed:
        assert b"captions credentials keep < key.json" in seen


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # the other end is closed
        return b""


def test_fetching_is_for_showing_only(capsys: Output) -> None:
    assert main(["credentials", "forget", "--fetch"]) == 2
    assert "--fetch is for showing" in capsys.readouterr().err
