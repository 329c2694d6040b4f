"""A session that is kept is read as one that goes on: in the same log, with marks, search, copying and export."""

from datetime import timedelta
from pathlib import Path

import pytest
from textual.pilot import Pilot

from captions.archive.actions import add_to
from captions.cli import main
from captions.dashboard.screens.export import ExportScreen
from captions.dashboard.show import ShowApp
from captions.events import Entry, Mark, Titled
from captions.settings import Settings
from captions.settings_sources import Loaded
from captions.transcript.journal import Journal, begin_journal, read_journal
from captions.transcript.sessions import read_session
from tests.dashboard.conftest import until
from tests.dashboard.fake_engine import START, final, microphone


def begun(folder: Path, *entries: Entry) -> Journal:
    journal = begin_journal(folder, {}, START)
    journal.write(*entries)
    return journal


def kept(folder: Path, *entries: Entry) -> Path:
    journal = begun(folder, *entries)
    journal.close()
    return journal.path


def app_for(path: Path) -> ShowApp:
    session = read_session(path)
    assert session is not None
    return ShowApp(Loaded(Settings()), session, add_to)


def header(app: ShowApp) -> str:
    return str(app.header.render())


def lines(app: ShowApp) -> str:
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


async def opened(app: ShowApp, pilot: Pilot[None]) -> None:
    await until(pilot, lambda: not app.reading, seconds=30.0)
    await pilot.pause()


async def test_it_is_in_the_log_with_its_title_and_time_above(tmp_path: Path) -> None:
    app = app_for(kept(tmp_path, microphone(), final("one"), final("two", 3.0), Titled(5.0, START, "Plans [b]")))
    async with app.run_test(size=(100, 20)) as pilot:
        await opened(app, pilot)
        assert header(app).startswith("Plans [b] · 2026-03-04 12:04 to ")
        assert header(app).endswith(" · 2 captions")
        assert "12:04:34  two" in lines(app)
        await pilot.press("slash", *"one", "enter")
        await until(pilot, lambda: app.captions.search is not None and app.captions.search.done)
        assert "'one' 1 of 1" in lines(app)
        await pilot.press("y")
        assert any("Copied a caption" in toast.message for toast in app._notifications)


async def test_a_mark_is_in_the_journal_before_it_is_shown_and_can_be_taken_away(tmp_path: Path) -> None:
    path = kept(tmp_path, final("one"), final("two", 3.0))
    app = app_for(path)
    async with app.run_test() as pilot:
        await opened(app, pilot)
        await pilot.press("b")
        await until(pilot, lambda: list(app.captions.transcript.marks) == [1])
        await pilot.press("b")
        await until(pilot, lambda: not app.captions.transcript.marks)
        await pilot.press("left_curly_bracket", "b")
        await until(pilot, lambda: list(app.captions.transcript.marks) == [0])
    assert [entry.removed for entry in read_journal(path) if isinstance(entry, Mark)] == [False, True, False]
    again = app_for(path)
    async with again.run_test() as pilot:
        await opened(again, pilot)
        assert list(again.captions.transcript.marks) == [0]


async def test_a_session_that_goes_on_is_followed_to_its_end_and_marked_only_where_it_is(tmp_path: Path) -> None:
    journal = begun(tmp_path, final("before"))
    app = app_for(journal.path)
    async with app.run_test() as pilot:
        await opened(app, pilot)
        assert header(app).endswith("1 caption · goes on")
        journal.write(final("during", 3.0), Titled(5.0, START, "Named now"))
        await until(pilot, lambda: len(app.captions.entries) == 2)
        assert header(app).startswith("Named now")
        await pilot.press("b")
        await until(pilot, lambda: any("still being recorded" in toast.message for toast in app._notifications))
        assert not app.captions.transcript.marks
        journal.close()
        await until(pilot, lambda: header(app).endswith("2 captions"))
        await pilot.press("b")
        await until(pilot, lambda: list(app.captions.transcript.marks) == [1])


async def test_it_is_exported_with_its_marks_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = app_for(kept(tmp_path / "sessions", final("one"), final("two", 3.0), Mark("1", 3.5, START)))
    async with app.run_test() as pilot:
        await opened(app, pilot)
        await pilot.press("e")
        await until(pilot, lambda: isinstance(app.screen, ExportScreen))
        await pilot.press("down", *"mark", "enter")
        await until(pilot, lambda: not isinstance(app.screen, ExportScreen))
    text = (tmp_path / "2026-03-04 12.04.31.txt").read_text(encoding="utf-8")
    assert "two" in text
    assert "one" not in text


async def test_100_000_captions_are_read_at_once_and_a_line_says_so(tmp_path: Path) -> None:
    said = [final(f"caption {n} of a long evening", 3.0 * n) for n in range(100_000)]
    app = app_for(kept(tmp_path, *said))
    async with app.run_test(size=(100, 20)) as pilot:
        assert "reading…" in header(app)
        await opened(app, pilot)
        assert header(app).endswith("100,000 captions")
        last = START + timedelta(seconds=3 * 99_999)
        assert f"{last:%H:%M:%S}  caption 99999" in lines(app)
        await pilot.press("home")
        await until(pilot, lambda: "12:04:31  caption 0 of" in lines(app))


def test_without_a_terminal_it_is_printed_as_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = kept(tmp_path, final("one"), final("two", 3.0))
    assert main(["show", str(path)]) == 0
    shown = capsys.readouterr().out
    assert main(["export", str(path)]) == 0
    assert shown == capsys.readouterr().out
    assert "two" in shown
