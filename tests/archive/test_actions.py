"""What is kept can be listed, searched, followed, written out and named, by the commands as a person types them."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import srt

from captions.cli import main
from captions.events import Entry, Final, Mark, Titled
from captions.settings import data_folder
from captions.transcript.journal import begin_journal, read_journal

START = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)


def final(minute: float, text: str) -> Final:
    return Final("main", 60 * minute, 60 * minute + 3, START + timedelta(minutes=minute), text, True)


def keep(*entries: Entry, after: float = 0.0) -> Path:
    """Keep a session that began so many hours after START."""
    journal = begin_journal(data_folder() / "sessions", {}, START + timedelta(hours=after))
    journal.write(*entries)
    journal.close()
    return journal.path


@pytest.fixture(autouse=True)
def two_sessions(own_environment: Path) -> tuple[Path, Path]:
    planning = keep(Titled(0.0, START, "Planning"), final(0, "so much for the budget"))
    talk = (final(0, "good morning"), final(10, "the budget is done"), Mark("main", 601.0, START), final(20, "bye"))
    return planning, keep(*talk, after=1)


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(words) == 0
    return capsys.readouterr().out


def test_sessions_are_listed_with_their_titles_the_newest_first(capsys: pytest.CaptureFixture[str]) -> None:
    newest, oldest = printed(capsys, "sessions").splitlines()
    assert "3 captions" in newest
    assert oldest.endswith("1 caption  Planning")
    newest_fields, oldest_fields = json.loads(printed(capsys, "sessions", "--json"))
    assert oldest_fields["title"] == "Planning"
    assert newest_fields["started"] == (START + timedelta(hours=1)).isoformat()
    assert newest_fields["cut_off"] is False


def test_words_are_found_in_all_sessions(capsys: pytest.CaptureFixture[str]) -> None:
    first, second = printed(capsys, "search", "the", "budget").splitlines()
    assert first.endswith("so much for the budget")
    assert second.endswith("the budget is done")
    assert printed(capsys, "search", "Budget") == ""  # capitals count
    with pytest.raises(SystemExit):
        main(["search"])


def test_a_session_is_exported_as_its_file_is_called_or_as_is_asked_for(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["export", "-o", str(tmp_path / "talk.srt")]) == 0
    told = capsys.readouterr()
    assert told.out == ""
    assert "talk.srt" in told.err
    cues = list(srt.parse((tmp_path / "talk.srt").read_text(encoding="utf-8")))
    assert [cue.content for cue in cues] == ["good morning", "★ the budget is done", "bye"]
    assert json.loads(printed(capsys, "export", "planning", "--format", "json"))["session"]["title"] == "Planning"
    assert "so much for the budget" in printed(capsys, "export", "planning")


@pytest.mark.parametrize(
    ("range", "texts"),
    [
        (["--since", "mark"], ["the budget is done", "bye"]),
        (["--since", "20"], ["bye"]),
        (["--since", "-5"], ["bye"]),
        (["--until", "mark"], ["good morning"]),
    ],
)
def test_a_part_of_a_session_is_exported(
    capsys: pytest.CaptureFixture[str], range: list[str], texts: list[str]
) -> None:
    entries = json.loads(printed(capsys, "export", "--format", "json", *range))["entries"]
    assert [entry["text"] for entry in entries if entry["type"] == "final"] == texts


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["export", "--format", "doc"], "There is no format 'doc'"),
        (["export", "-o", "talk.doc"], "not known by its suffix"),
        (["export", "nowhere"], "There is no session 'nowhere'"),
        (["export", "planning", "--since", "mark"], "There is no mark in this session"),
        (["export", "--since", "soon"], "'soon': No time"),
        (["search", " "], "nothing to search for"),
        (["title", "New", "nowhere"], "There is no session 'nowhere'"),
    ],
)
def test_what_cannot_be_done_is_told_in_a_sentence(
    capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    assert main(words) in (2, 7)
    told = capsys.readouterr()
    assert sentence in told.err
    assert told.out == ""


def test_a_title_is_given_after_the_end(capsys: pytest.CaptureFixture[str], two_sessions: tuple[Path, Path]) -> None:
    assert main(["title", "Budget — бюджет"]) == 0
    assert printed(capsys, "sessions").splitlines()[0].endswith("Budget — бюджет")
    assert list(read_journal(two_sessions[1]))[-1].wall.tzinfo is not None


def test_a_session_is_followed_from_its_beginning_to_its_end() -> None:
    journal = begin_journal(data_folder() / "sessions", {}, START + timedelta(hours=2))
    journal.write(final(0, "before"))
    command = [sys.executable, "-m", "captions", "follow", "--format"]
    with (
        subprocess.Popen([*command, "text"], stdout=subprocess.PIPE, text=True) as reader,
        subprocess.Popen([*command, "ndjson"], stdout=subprocess.PIPE, text=True) as program,
    ):
        assert reader.stdout is not None
        assert program.stdout is not None
        assert reader.stdout.readline().endswith("before\n")
        assert json.loads(program.stdout.readline())["type"] == "session"
        assert json.loads(program.stdout.readline())["text"] == "before"
        journal.write(final(1, "while it goes on"))
        assert reader.stdout.readline().endswith("while it goes on\n")
        assert json.loads(program.stdout.readline())["text"] == "while it goes on"
        journal.close()
        assert reader.wait(10) == program.wait(10) == 0
