"""The transcript is written from the dashboard: in any format, all or a part, and over nothing unasked."""

from collections.abc import Callable
from pathlib import Path

import pytest
from textual.pilot import Pilot

from captions.dashboard.screens.export import ExportScreen, file_name
from captions.events import Titled
from captions.transcript.formats import About
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import START, FakeEngine, final


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the dashboard was started."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


async def open_export(dashboard: Dashboard, pilot: Pilot[None], captions: int = 3) -> tuple[FakeEngine, ExportScreen]:
    engine = await dashboard.engine(pilot)
    engine.say(Titled(0.0, START, "Monday: plans"), *(final(f"caption {n}", 60.0 * n) for n in range(captions)))
    await until(pilot, lambda: len(dashboard.app.captions.entries) == captions)
    await pilot.press("e")
    await until(
        pilot, lambda: isinstance(dashboard.app.screen, ExportScreen) and dashboard.app.screen.formats.has_focus
    )
    screen = dashboard.app.screen
    assert isinstance(screen, ExportScreen)
    return engine, screen


def said(dashboard: Dashboard) -> str:
    screen = dashboard.app.screen
    return str(screen.note.render()) if isinstance(screen, ExportScreen) else ""


def listed(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def closed(dashboard: Dashboard) -> Callable[[], bool]:
    return lambda: not isinstance(dashboard.app.screen, ExportScreen)


async def test_enter_writes_all_of_it_under_the_sessions_title(dashboard: Dashboard, folder: Path) -> None:
    async with dashboard.app.run_test() as pilot:
        await open_export(dashboard, pilot)
        await pilot.press("enter")
        await until(pilot, closed(dashboard))
        text = (folder / "Monday- plans.txt").read_text(encoding="utf-8")
        assert all(f"caption {n}" in text for n in range(3))
        assert any("Monday- plans.txt" in toast.message for toast in dashboard.app._notifications)


async def test_the_format_and_the_suffix_of_the_file_are_one(dashboard: Dashboard, folder: Path) -> None:
    async with dashboard.app.run_test() as pilot:
        _, screen = await open_export(dashboard, pilot)
        await pilot.press("right", "right")
        await until(pilot, lambda: screen.file.value == "Monday- plans.srt")
        screen.file.value = "talk.VTT"
        await until(pilot, lambda: screen.formats.chosen == "vtt")
        await pilot.press("enter")
        await until(pilot, closed(dashboard))
        assert (folder / "talk.VTT").read_text(encoding="utf-8").startswith("WEBVTT")


async def test_a_part_is_written_from_a_mark_or_a_time_on(dashboard: Dashboard, folder: Path) -> None:
    async with dashboard.app.run_test() as pilot:
        engine, _ = await open_export(dashboard, pilot, captions=6)
        engine.mark("1", 120.5)
        await pilot.press("down", *"mark", "down", *"-1", "enter")
        await until(pilot, closed(dashboard))
        text = (folder / "Monday- plans.txt").read_text(encoding="utf-8")
        assert [n for n in range(6) if f"caption {n}" in text] == [2, 3]


async def test_captions_that_come_meanwhile_and_those_cleared_from_the_screen_are_in_it(
    dashboard: Dashboard, folder: Path
) -> None:
    async with dashboard.app.run_test() as pilot:
        engine = await dashboard.engine(pilot)
        engine.say(final("before"))
        await until(pilot, lambda: dashboard.app.captions.entries)
        await pilot.press("c", "e")
        await until(pilot, lambda: isinstance(dashboard.app.screen, ExportScreen))
        engine.say(final("after", 3.0))
        await until(pilot, lambda: dashboard.app.captions.entries)
        await pilot.press("down", "down", "down", "ctrl+u", *"a.md", "enter")
        await until(pilot, closed(dashboard))
        text = (folder / "a.md").read_text(encoding="utf-8")
        assert "before" in text
        assert "after" in text


async def test_a_file_that_is_there_is_overwritten_only_when_asked_twice(dashboard: Dashboard, folder: Path) -> None:
    there = folder / "Monday- plans.txt"
    there.write_text("mine")
    async with dashboard.app.run_test() as pilot:
        _, screen = await open_export(dashboard, pilot)
        await pilot.press("enter")
        await until(pilot, lambda: "is there already" in said(dashboard))
        assert there.read_text() == "mine"
        await pilot.press("right", "left")  # another file was meant in between
        await until(pilot, lambda: screen.file.value == there.name and "already" not in said(dashboard))
        await pilot.press("enter")
        await until(pilot, lambda: "is there already" in said(dashboard))
        assert there.read_text() == "mine"
        await pilot.press("enter")
        await until(pilot, closed(dashboard))
        assert "caption 2" in there.read_text()


@pytest.mark.parametrize(
    ("since", "file", "sentence"),
    [
        ("teatime", "a.txt", "No time"),
        ("90", "a.txt", "The session is only"),
        ("mark", "a.txt", "There is no mark"),
        ("", "a.doc", "not known by its suffix"),
        ("", "folder.txt", "is a folder"),
        ("", "taken/a.txt", "cannot be written"),
        ("", "", "no name"),
    ],
)
async def test_what_is_wrong_is_said_and_nothing_is_written(
    dashboard: Dashboard, folder: Path, since: str, file: str, sentence: str
) -> None:
    (folder / "folder.txt").mkdir()
    (folder / "taken").touch()
    async with dashboard.app.run_test() as pilot:
        _, screen = await open_export(dashboard, pilot)
        screen.since.value, screen.file.value = since, file
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: sentence in said(dashboard))
        assert listed(folder) == ["folder.txt", "taken"]
        await pilot.press("escape")
        await until(pilot, closed(dashboard))


async def test_without_captions_there_is_nothing_to_ask(dashboard: Dashboard) -> None:
    async with dashboard.app.run_test() as pilot:
        await dashboard.engine(pilot)
        await pilot.press("e")
        await until(pilot, lambda: dashboard.app._notifications)
        assert not isinstance(dashboard.app.screen, ExportScreen)


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("../../etc/passwd", "etc-passwd"),
        ("~root", "root"),
        ("a\x1b[31mb\nc", "a[31mb c"),
        ("...", "2026-03-04 12.04.31"),
        ("", "2026-03-04 12.04.31"),
        ("😀" * 100, "😀" * 60),
    ],
)
def test_a_title_makes_a_name_that_any_file_can_have(title: str, name: str) -> None:
    assert file_name(About(START, title=title)) == name
