"""A transcript that is written while the session goes on can be read as a whole at any time."""

import errno
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pysubs2
import pytest
import srt
import webvtt

from captions.errors import SettingError, StorageError
from captions.events import Entry, Final, Mark, Titled
from captions.transcript.export import FORMATS, export
from captions.transcript.formats import About
from captions.transcript.live_file import LiveFile

STARTED = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)
ABOUT = About(STARTED, labels={"main": ""})
READ: dict[str, Callable[[str], object]] = {
    "srt": lambda text: list(srt.parse(text)),
    "vtt": webvtt.from_string,
    "json": json.loads,
    "ndjson": lambda text: [json.loads(line) for line in text.splitlines()],
}
"""How others read a format; raises what they raise when it is not whole."""


def final(number: int, text: str = "so this is what was said then") -> Final:
    start = 3.0 * number
    return Final("main", start, start + 2.5, STARTED + timedelta(seconds=start), f"{text} {number}", True)


@pytest.mark.parametrize("name", FORMATS)
def test_the_file_is_whole_after_each_caption_and_in_the_end_as_an_export_is(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"talk.{name}"
    live = LiveFile(path, ABOUT)
    entries: list[Entry] = []
    for number in range(20):
        entries.append(final(number))
        live.write(entries[-1])
        text = path.read_text(encoding="utf-8")
        READ.get(name, str)(text)
        assert text.count(f"{number}") >= 1
        assert text == "".join(export(name, ABOUT, entries))
    entries += [Mark("main", 4.0, STARTED), Titled(60.0, STARTED, "Budget")]
    live.write(*entries[-2:])
    ended = STARTED + timedelta(minutes=1)
    live.close(ended)
    about = About(STARTED, ended, "Budget", labels={"main": ""})
    assert path.read_text(encoding="utf-8") == "".join(export(name, about, entries))


def test_a_subtitle_file_can_be_loaded_while_it_is_written(tmp_path: Path) -> None:
    live = LiveFile(tmp_path / "talk.srt", ABOUT)
    for number in range(3):
        live.write(final(number))
    assert [event.plaintext for event in pysubs2.load(str(live.path))] == [final(number).text for number in range(3)]
    live.close(STARTED)


def test_a_disk_that_is_full_leaves_the_file_as_it_was_and_what_was_missed_comes_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live = LiveFile(tmp_path / "talk.json", ABOUT)
    live.write(final(0))
    before = live.path.read_text()
    real_write = os.write

    def nearly_full(descriptor: int, data: bytes) -> int:
        if len(data) > 20:
            real_write(descriptor, data[:20])
            raise OSError(errno.ENOSPC, "No space left on device")
        return real_write(descriptor, data)

    monkeypatch.setattr(os, "write", nearly_full)
    with pytest.raises(StorageError, match="No space left"):
        live.write(final(1))
    assert live.path.read_text() == before
    monkeypatch.setattr(os, "write", real_write)
    live.write(final(2))
    assert len(json.loads(live.path.read_text())["entries"]) == 3
    live.close(STARTED)


def test_a_suffix_without_a_format_and_a_folder_that_is_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="suffix"):
        LiveFile(tmp_path / "talk.doc", ABOUT)
    with pytest.raises(StorageError, match="cannot be written"):
        LiveFile(tmp_path / "gone" / "talk.srt", ABOUT)
