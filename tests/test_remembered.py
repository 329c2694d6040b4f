"""What the dashboard keeps between runs: only what lasts, apart for links, and never at the cost of a start."""

import stat
from pathlib import Path

import pytest

from captions.remembered import Remembered, memorable, memory_file, recall, remember
from captions.settings import ROWS

SSH = {"SSH_CONNECTION": "203.0.113.7 50022 198.51.100.1 22"}


def test_it_is_kept_in_the_platforms_state_folder_for_the_user_only(own_environment: Path) -> None:
    remember({"theme": "light"}, Path("/music"))
    assert memory_file() == own_environment / "state" / "captions" / "remembered.json"
    assert stat.S_IMODE(memory_file().stat().st_mode) == 0o600
    assert recall({}) == Remembered({"theme": "light"}, Path("/music"))


def test_what_is_remembered_adds_up() -> None:
    remember({"theme": "light", "input": "microphone:USB"})
    remember({"theme": "dark"}, Path("/music"))
    remember({})
    assert recall({}) == Remembered({"theme": "dark", "input": "microphone:USB"}, Path("/music"))


def test_nothing_is_written_when_there_is_nothing_to_remember() -> None:
    remember({})
    assert not memory_file().exists()
    assert recall({}) == Remembered()


def test_four_settings_are_remembered_and_of_inputs_microphones_only() -> None:
    assert [row.name for row in ROWS.values() if row.remembered] == ["input", "stability", "theme", "low_bandwidth"]
    assert memorable("input", "microphone:USB")
    assert not memorable("input", "sample")
    assert not memorable("input", "/tmp/talk.mp3")
    assert not memorable("language", "ru-RU")


def test_a_file_does_not_begin_to_play_whatever_stands_in_the_memory() -> None:
    remember({"input": "/tmp/talk.mp3", "theme": "light"})
    assert recall({}).settings == {"theme": "light"}


def test_the_default_microphone_is_remembered_as_a_choice_that_also_works_without_one() -> None:
    remember({"input": "microphone"})
    assert recall({}).settings == {"input": "auto"}


def test_how_much_a_link_bears_is_remembered_for_links_and_for_the_machine_apart() -> None:
    remember({"low_bandwidth": True, "theme": "light"}, environment=SSH)
    assert recall(SSH).settings == {"low_bandwidth": True, "theme": "light"}
    assert recall({}).settings == {"theme": "light"}
    remember({"low_bandwidth": False}, environment={})
    assert recall(SSH).settings["low_bandwidth"] is True


@pytest.mark.parametrize(
    "damage", [b"", b"{", b"[]", b"\xff\xfe", b"[" * 100_000, b'{"theme": 3, "stability": "wild", "folder": []}']
)
def test_a_damaged_memory_is_ignored_and_replaced(damage: bytes) -> None:
    memory_file().parent.mkdir(parents=True)
    memory_file().write_bytes(damage)
    assert recall({}) == Remembered()
    remember({"theme": "light", "stability": "raw"})
    assert recall({}).settings == {"theme": "light", "stability": "raw"}


def test_a_memory_that_cannot_be_read_or_written_harms_nothing(caplog: pytest.LogCaptureFixture) -> None:
    memory_file().mkdir(parents=True)
    assert recall({}) == Remembered()
    remember({"theme": "light"})
    assert "Nothing can be remembered" in caplog.text
