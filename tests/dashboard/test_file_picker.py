"""The file picker completes what is typed, and shows any name safely."""

from pathlib import Path

import pytest
from textual.pilot import Pilot
from textual.widgets import Input, OptionList, Static

from captions.dashboard.screens.file_picker import FilePicker, Found, completed, narrowed
from tests.dashboard.conftest import Dashboard, until
from tests.dashboard.fake_engine import FakeEngine


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "talks").mkdir()
    (tmp_path / "talks" / "lecture one.ogg").touch()
    (tmp_path / "meeting-monday.wav").touch()
    (tmp_path / "meeting-friday.wav").touch()
    (tmp_path / ".hidden.wav").touch()
    return tmp_path


async def open_picker(dashboard: Dashboard, pilot: Pilot[None], folder: Path) -> FakeEngine:
    engine = await dashboard.engine(pilot)
    dashboard.app.choices.folder = folder
    await pilot.press("o")
    await until(pilot, lambda: isinstance(dashboard.app.screen, FilePicker))
    return engine


def listed(dashboard: Dashboard) -> list[str]:
    files = dashboard.app.screen.query_one("#files", OptionList)
    return [str(files.get_option_at_index(index).prompt) for index in range(files.option_count)]


async def test_what_is_typed_narrows_the_list_and_tab_completes_it(dashboard: Dashboard, folder: Path) -> None:
    async with dashboard.app.run_test() as pilot:
        engine = await open_picker(dashboard, pilot, folder)
        await until(pilot, lambda: listed(dashboard) == ["talks/", "meeting-friday.wav", "meeting-monday.wav"])
        path = dashboard.app.screen.query_one(Input)
        await pilot.press("m")
        await until(pilot, lambda: len(listed(dashboard)) == 2)
        await pilot.press("tab")
        assert path.value == f"{folder}/meeting-"
        await pilot.press("f")
        await until(pilot, lambda: len(listed(dashboard)) == 1)
        await pilot.press("tab")
        assert path.value == f"{folder}/meeting-friday.wav"
        await pilot.press("enter")
        await until(pilot, lambda: engine.asked)
        assert engine.asked == [("use_input", f"{folder}/meeting-friday.wav")]


async def test_folders_are_entered_from_the_list_and_remembered(dashboard: Dashboard, folder: Path) -> None:
    async with dashboard.app.run_test() as pilot:
        engine = await open_picker(dashboard, pilot, folder)
        await until(pilot, lambda: listed(dashboard))
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: listed(dashboard) == ["lecture one.ogg"])
        await pilot.press("down", "down", "enter")
        await until(pilot, lambda: engine.asked)
        assert engine.asked == [("use_input", str(folder / "talks" / "lecture one.ogg"))]
        await pilot.press("o")
        await until(pilot, lambda: isinstance(dashboard.app.screen, FilePicker))
        assert dashboard.app.screen.query_one(Input).value == f"{folder}/talks/"


async def test_a_tilde_is_the_home_folder(
    dashboard: Dashboard, folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    async with dashboard.app.run_test() as pilot:
        engine = await open_picker(dashboard, pilot, Path("/"))
        path = dashboard.app.screen.query_one(Input)
        path.value = "~/talks/"
        await until(pilot, lambda: listed(dashboard) == ["lecture one.ogg"])
        await pilot.press("enter")
        path.value = "~/meeting-monday.wav"
        await pilot.press("enter")
        await until(pilot, lambda: engine.asked)
        assert engine.asked == [("use_input", str(folder / "meeting-monday.wav"))]


async def test_a_path_that_is_not_there_and_a_folder_that_cannot_be_read_are_told(
    dashboard: Dashboard, folder: Path
) -> None:
    async with dashboard.app.run_test() as pilot:
        engine = await open_picker(dashboard, pilot, folder)
        path, note = dashboard.app.screen.query_one(Input), dashboard.app.screen.query_one("#picker-note", Static)
        path.value = f"{folder}/nothing.wav"
        await until(pilot, lambda: "Nothing here begins" in str(note.render()))
        await pilot.press("enter")
        await until(pilot, lambda: "There is no file" in str(note.render()))
        path.value = f"{folder}/no-folder/"
        await until(pilot, lambda: "cannot be read: No such file" in str(note.render()))
        await pilot.press("escape")
        assert not engine.asked


async def test_a_hostile_name_is_shown_without_what_a_terminal_obeys_and_opened_all_the_same(
    dashboard: Dashboard, tmp_path: Path
) -> None:
    name = "[red]\x1b[2Jx\udc80.wav"
    (tmp_path / name).touch()
    async with dashboard.app.run_test() as pilot:
        engine = await open_picker(dashboard, pilot, tmp_path)
        await until(pilot, lambda: listed(dashboard) == ["[red][2Jx\ufffd.wav"])
        await pilot.press("tab", "enter")
        await until(pilot, lambda: engine.asked)
        assert engine.asked == [("use_input", str(tmp_path / name))]


def test_hidden_files_are_listed_after_a_dot_and_case_is_left_out_of_account() -> None:
    entries = [Found("Talk.wav", "Talk.wav", False), Found(".x", ".x", False), Found("talks", "talks", True)]
    assert [entry.name for entry in narrowed(entries, "")] == ["Talk.wav", "talks"]
    assert [entry.name for entry in narrowed(entries, ".")] == [".x"]
    assert [entry.name for entry in narrowed(entries, "TALK")] == ["Talk.wav", "talks"]
    assert completed(narrowed(entries, "talks"), "talks") == "talks/"
    assert completed(narrowed(entries, "ta"), "ta") == "ta"
    assert completed([], "ta") == "ta"
