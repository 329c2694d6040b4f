"""Saving changes what was changed in the settings file, and nothing else; when it fails the file is as it was."""

import os
import stat
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

import pytest

from captions.errors import SettingError
from captions.settings_file import save, settings_file, toml
from captions.settings_sources import load

MINE = """\
# my settings

language = "ru-RU"   # at work
block_ms = 200

# what I press
[keys]
pause = "p"   # as in music players
"""

SAVE_WITH_LITTLE_ROOM = """
import resource, signal, sys
from pathlib import Path
from captions.errors import SettingError
from captions.settings_file import save
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (20, 20))
try:
    save({"model": "general:rc"}, Path(sys.argv[1]))
except SettingError as error:
    print(error)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "settings.toml"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_comments_order_and_all_else_stay(file: Path) -> None:
    save({"language": "en-US", "tls": False, "sample_rate": 8_000}, file)
    text = file.read_text(encoding="utf-8")
    assert 'language = "en-US"   # at work\n' in text
    added = {"tls = false\n", "sample_rate = 8000\n"}
    kept = [line for line in text.splitlines(keepends=True) if line not in added]
    assert "".join(kept).replace("en-US", "ru-RU").split() == MINE.split()
    assert tomllib.loads(text) == {**tomllib.loads(MINE), "language": "en-US", "tls": False, "sample_rate": 8_000}
    assert load({}, {}, file).settings.sample_rate == 8_000


def test_what_was_edited_meanwhile_stays(file: Path) -> None:
    file.write_text(MINE.replace("200", "300"), encoding="utf-8")
    save({"language": "en-US"}, file)
    assert load({}, {}, file).settings.block_ms == 300


def test_a_file_that_is_not_there_is_made_private_with_its_folder(own_environment: Path) -> None:
    save({"language": "en-US"}, settings_file())
    assert stat.S_IMODE(settings_file().stat().st_mode) == 0o600
    assert load({}, {}).settings.language == "en-US"
    assert settings_file().is_relative_to(own_environment)


def test_permissions_stay_and_a_link_stays_a_link(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(file.name)
    save({"language": "en-US"}, link)
    assert link.is_symlink()
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert 'language = "en-US"' in file.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.toml", "settings.toml"]


@pytest.mark.parametrize("broken", ["tls = 'on", "a = 1\na = 2", "[keys\n"])
def test_a_file_that_is_not_valid_any_more_is_left_alone(file: Path, broken: str) -> None:
    file.write_text(broken, encoding="utf-8")
    with pytest.raises(SettingError, match="not valid TOML any more") as caught:
        save({"language": "en-US"}, file)
    assert str(caught.value).endswith("Nothing was saved.")
    assert file.read_text(encoding="utf-8") == broken


def test_a_file_that_is_read_only_is_left_alone() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "settings.toml")
        file.write_text(MINE, encoding="utf-8")
        file.chmod(0o444)
        Path(folder).chmod(0o777)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65_534)  # to root nothing is read-only
        try:
            with pytest.raises(SettingError, match=r"cannot be written: Permission denied\. Nothing was saved"):
                save({"language": "en-US"}, file)
        finally:
            os.seteuid(user)
        assert file.read_text(encoding="utf-8") == MINE
        assert list(Path(folder).iterdir()) == [file]


def test_a_disk_that_takes_no_more_leaves_the_file_whole(file: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAVE_WITH_LITTLE_ROOM, str(file)], capture_output=True, text=True, check=True
    )
    assert "cannot be written: File too large. Nothing was saved." in done.stdout
    assert file.read_text(encoding="utf-8") == MINE
    assert list(file.parent.iterdir()) == [file]


def test_a_place_where_no_file_can_be_is_told(file: Path) -> None:
    with pytest.raises(SettingError, match="cannot be written"):
        save({"language": "en-US"}, file / "settings.toml")


@pytest.mark.parametrize("value", ["a\x1b[2J", "\x9b31m", "\u202eabc", 'q"\\', "\x7f\n\t", "😀", "\U000e0001"])
def test_a_value_of_any_characters_is_saved_and_is_printed_without_those_that_terminals_obey(
    file: Path, value: str
) -> None:
    save({"endpoint": value}, file)
    assert tomllib.loads(file.read_text(encoding="utf-8"))["endpoint"] == value
    assert tomllib.loads(f"a = {toml(value)}") == {"a": value}
    assert toml(value).isprintable()


def test_half_a_character_is_printed_as_a_replacement_and_refused_by_the_file(file: Path) -> None:
    assert tomllib.loads(f"a = {toml(chr(0xDC80))}") == {"a": "\ufffd"}
    with pytest.raises(SettingError, match="cannot be written"):
        save({"endpoint": "\udc80"}, file)
    assert file.read_text(encoding="utf-8") == MINE
