"""Help says what the keys in force do, by group, and can be read on any screen."""

import pytest
from textual.binding import ActiveBinding, Binding
from textual.containers import VerticalScroll

from captions.dashboard.screens.help import HelpScreen, in_columns, keys_by_group
from tests.dashboard.conftest import Dashboard, until


def on_screen(dashboard: Dashboard) -> list[str]:
    return [strip.text.strip() for strip in dashboard.app.screen._compositor.render_strips()]


async def test_keys_are_those_in_force_and_stand_in_groups(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test() as pilot:
        await dashboard.engine(pilot)
        app.update_keymap({"microphone": "f6"})
        groups = keys_by_group(app.active_bindings.values(), app.get_key_display)
        assert ("f6", "Listen to the microphone") in groups["Listening"]
        program = {meaning: keys.split() for keys, meaning in groups["Program"]}
        assert sorted(program["Wait for the last words, then end"]) == ["^q", "q"]
        assert any(keys == "end" for keys, _ in groups["Reading back"])


async def test_every_binding_that_says_what_it_does_is_listed_once(dashboard: Dashboard) -> None:
    app = dashboard.app
    async with app.run_test() as pilot:
        await dashboard.engine(pilot)
        groups = keys_by_group(app.active_bindings.values(), app.get_key_display)
        listed = [key for keys in groups.values() for names, _ in keys for key in names.split()]
        told = [active.binding for active in app.active_bindings.values() if active.binding.id]
        assert sorted(listed) == sorted(
            app.get_key_display(Binding(binding.key, "")) for binding in told if binding.description
        )


def test_a_binding_of_no_group_is_the_programs(dashboard: Dashboard) -> None:
    binding = Binding("x", "do", "Do it", tooltip="Does it", id="unheard.of")
    assert keys_by_group([ActiveBinding(dashboard.app, binding, True, "")], lambda binding: binding.key) == {
        "Program": [("x", "Does it")]
    }


def test_columns_are_about_as_long_as_one_another_and_keep_the_order() -> None:
    groups = {name: [("k", "does")] * length for name, length in (("a", 6), ("b", 3), ("c", 4), ("d", 5))}
    left, right = in_columns(groups)
    assert [*left, *right] == ["a", "b", "c", "d"]
    assert list(left) == ["a", "b"]


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (120, 30), (200, 60)])
async def test_all_of_it_can_be_read(dashboard: Dashboard, size: tuple[int, int]) -> None:
    app = dashboard.app
    async with app.run_test(size=size) as pilot:
        await dashboard.engine(pilot)
        groups = keys_by_group(app.active_bindings.values(), app.get_key_display)
        await pilot.press("question_mark")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen) and app.screen.query_one(VerticalScroll).size)
        scroll = app.screen.query_one(VerticalScroll)
        seen = ""
        for _ in range(40):
            seen += " ".join(on_screen(dashboard))
            if scroll.scroll_y >= scroll.max_scroll_y:
                break
            await pilot.press("pagedown")
            await pilot.pause()
        words = {word for keys in groups.values() for names, meaning in keys for word in f"{names} {meaning}".split()}
        assert not {word for word in words if word not in seen}
        await pilot.press("escape")
        assert not isinstance(app.screen, HelpScreen)
