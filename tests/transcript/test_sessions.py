"""Which sessions there are: told from their files alone, also from those that a crash left behind."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from captions.errors import StorageError
from captions.events import Final, Titled
from captions.transcript.journal import begin_journal, read_journal, reopen_journal
from captions.transcript.sessions import find_session, stored_sessions

NOW = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


def final(text: str) -> Final:
    return Final("main", 0.0, 1.0, NOW, text, True)


def store(folder: Path, minutes: int, *texts: str, title: str = "") -> Path:
    """Keep a session that began so many minutes after NOW."""
    journal = begin_journal(folder, {}, NOW + timedelta(minutes=minutes))
    if title:
        journal.write(Titled(0.0, NOW, title))
    journal.write(*map(final, texts))
    journal.close()
    return journal.path


def test_sessions_are_listed_from_the_oldest_with_title_and_number_of_captions(tmp_path: Path) -> None:
    store(tmp_path, 5, "one", '{"type":"final" is no caption of its own', title="Budget — бюджет")
    store(tmp_path, 0, "one")
    (tmp_path / "notes.jsonl").write_text("no journal\n")
    first, second = stored_sessions(tmp_path)
    assert (first.captions, first.title, first.started) == (1, "", NOW)
    assert (second.captions, second.title) == (2, "Budget — бюджет")
    assert second.ended is not None
    assert not second.running


def test_the_newest_title_holds_and_can_be_given_after_the_end(tmp_path: Path) -> None:
    path = store(tmp_path, 0, "one", title="first")
    (session,) = stored_sessions(tmp_path)
    journal = reopen_journal(path)
    journal.write(Titled(0.0, NOW, "second"))
    journal.close()
    (renamed,) = stored_sessions(tmp_path)
    assert renamed.title == "second"
    assert renamed.ended == session.ended


def test_a_session_is_meant_by_path_name_title_or_as_the_newest(tmp_path: Path) -> None:
    older = store(tmp_path, 0, "one", title="Planning")
    newer = store(tmp_path, 60, "one", title="Planning again")
    assert find_session(tmp_path).path == newer
    assert find_session(tmp_path, "planning").path == newer
    assert find_session(tmp_path, older.stem).path == older
    assert find_session(tmp_path, str(older)).path == older
    with pytest.raises(StorageError, match="no session 'budget'"):
        find_session(tmp_path, "budget")
    with pytest.raises(StorageError, match="no session in"):
        find_session(tmp_path / "empty")


def test_a_session_that_is_being_written_is_told_from_one_that_was_killed(tmp_path: Path) -> None:
    program = f"""
import sys, time
from pathlib import Path
from datetime import UTC, datetime
from captions.events import Final
from captions.transcript.journal import begin_journal
journal = begin_journal(Path({str(tmp_path)!r}), {{}})
journal.write(Final("main", 0, 1, datetime.now(UTC), "said", True))
print("written", flush=True)
sys.stdin.read()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    (running,) = stored_sessions(tmp_path)
    assert running.running
    assert not running.cut_off
    with pytest.raises(StorageError, match="still being recorded"):
        reopen_journal(running.path)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    (killed,) = stored_sessions(tmp_path)
    assert killed.cut_off


@pytest.mark.parametrize("torn", [b'{"type":"final","te', b"\xd0", b"x" * 200_000])
def test_a_line_that_was_cut_off_is_mended_when_the_file_is_opened_again(tmp_path: Path, torn: bytes) -> None:
    path = store(tmp_path, 0, "whole")
    path.write_bytes(path.read_bytes().replace(path.read_bytes().splitlines(keepends=True)[-1], torn))
    (session,) = stored_sessions(tmp_path)
    assert session.captions == 1
    assert session.cut_off
    journal = reopen_journal(path)
    journal.write(final("added"))
    journal.close()
    assert [entry.text for entry in read_journal(path) if isinstance(entry, Final)] == ["whole", "added"]
    (mended,) = stored_sessions(tmp_path)
    assert not mended.cut_off


def test_a_journal_that_cannot_be_opened_is_told(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        reopen_journal(tmp_path / "gone.jsonl")
