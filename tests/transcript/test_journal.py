"""Every final is on disk, whole, in order and for the user's eyes only, whatever happens."""

import errno
import json
import os
import signal
import stat
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest

from captions.errors import StorageError
from captions.events import Entry, Final, Gap, InputChanged, Notice, Paused, Resumed, Severity, Word
from captions.settings import Settings
from captions.transcript.journal import begin_journal, read_journal

NOW = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=UTC)


def final(text: str, start: float = 0.0) -> Final:
    return Final("main", start, start + 1, NOW, text, True)


EVERY_KIND: list[Entry] = [
    InputChanged("main", 0.0, NOW, "file", "talk [1].mp3"),
    Final("main", 0.5, 1.25, NOW, "привет 😀 [b]", False, (Word("привет", 0.5, 1.0),), "ru-RU"),
    Paused(1.25, NOW),
    Resumed(1.25, NOW),
    Gap("main", 1.25, 3.0, NOW, "nobody was listening"),
    Notice(3.0, NOW, Severity.WARNING, "something", "do this"),
]


def test_what_is_written_is_read_back_the_same(tmp_path: Path) -> None:
    journal = begin_journal(tmp_path, {})
    journal.write(*EVERY_KIND)
    journal.close()
    assert list(read_journal(journal.path)) == EVERY_KIND


def test_the_first_record_says_what_the_file_is_and_the_last_that_it_is_whole(tmp_path: Path) -> None:
    journal = begin_journal(tmp_path, asdict(Settings()), NOW)
    journal.close()
    first, last = (json.loads(line) for line in journal.path.read_bytes().splitlines())
    assert (first["type"], first["version"], first["started"]) == ("session", 1, NOW.isoformat())
    assert first["settings"]["language"] == "system"
    assert last["type"] == "end"


def test_only_the_user_can_read_it(tmp_path: Path) -> None:
    journal = begin_journal(tmp_path / "sessions", {})
    journal.close()
    assert stat.S_IMODE(journal.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(journal.path.parent.stat().st_mode) == 0o700


def test_two_sessions_begun_in_the_same_second_have_two_files(tmp_path: Path) -> None:
    first, second = begin_journal(tmp_path, {}, NOW), begin_journal(tmp_path, {}, NOW)
    assert first.path != second.path
    first.close()
    second.close()


def test_a_last_line_that_was_cut_off_is_left_out(tmp_path: Path) -> None:
    journal = begin_journal(tmp_path, {})
    journal.write(final("one"), final("two"))
    journal.close()
    lines = journal.path.read_bytes().splitlines(keepends=True)
    journal.path.write_bytes(b"".join(lines[:2]) + lines[2][:20])
    assert [entry.text for entry in read_journal(journal.path) if isinstance(entry, Final)] == ["one"]


def test_a_full_disk_is_told_and_nothing_is_lost_once_there_is_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = begin_journal(tmp_path, {})
    journal.write(final("before"))
    real_write = os.write

    def nearly_full(descriptor: int, data: bytes) -> int:
        return real_write(descriptor, data[:10])

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    for broken in (nearly_full, full):
        monkeypatch.setattr(os, "write", broken)
        with pytest.raises(StorageError, match="No space left"):
            journal.write(final("during"))
    assert journal.behind == 2
    monkeypatch.setattr(os, "write", real_write)
    journal.write(final("after"))
    journal.close()
    texts = [entry.text for entry in read_journal(journal.path) if isinstance(entry, Final)]
    assert texts == ["before", "during", "during", "after"]
    assert all(json.loads(line) for line in journal.path.read_bytes().splitlines())


def test_a_folder_whose_place_a_file_has_taken_is_told(tmp_path: Path) -> None:
    (tmp_path / "sessions").write_text("")
    with pytest.raises(StorageError, match="No journal can be kept"):
        begin_journal(tmp_path / "sessions", {})


def test_kill_9_loses_no_final_that_was_told(tmp_path: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from datetime import UTC, datetime
from captions.events import Final
from captions.transcript.journal import begin_journal
journal = begin_journal(Path({str(tmp_path)!r}), {{}})
for number in range(100_000):
    journal.write(Final("main", number, number + 1, datetime.now(UTC), str(number), True))
    print(number, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    told += process.stdout.readlines()
    process.wait()
    told = [line for line in told if line.endswith("\n")]
    (path,) = tmp_path.glob("*.jsonl")
    kept = [entry.text for entry in read_journal(path) if isinstance(entry, Final)]
    assert kept[: len(told)] == [line.strip() for line in told]
    assert len(told) >= 200
