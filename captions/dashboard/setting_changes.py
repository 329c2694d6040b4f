"""What becomes of a value that a person chose: put in force in its turn, or explained at its field."""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from captions.dashboard.settings_sidebar import label_of
from captions.dashboard.themes import THEMES
from captions.errors import CaptionsError, ModelMissing
from captions.settings import ROWS, Group

if TYPE_CHECKING:
    from captions.dashboard.app import CaptionsApp


class SettingChanges:
    """One for the app. Changes take turns, because the session may have to look at files before it can change."""

    def __init__(self, app: "CaptionsApp") -> None:
        self._app = app
        self._turn = asyncio.Lock()
        self._wanted: dict[str, object] = {}
        """The newest change of each setting."""

    async def done(self) -> None:
        """Wait until all that was chosen so far is in force or refused."""
        async with self._turn:
            pass

    async def change(self, name: str, value: object) -> None:
        """Put a value in force once those are that were chosen before it, unless a newer one waits by then."""
        app = self._app
        self._wanted[name] = wanted = object()
        async with self._turn:
            if self._wanted[name] is not wanted:
                return
            try:
                if name == "recognizer" or not await self._mends_refused(name, value):
                    await self._put_in_force({name: value})
            except ModelMissing as error:
                app.sidebar.explain(name, str(error))
                app.models.ask(error.model, error.message, lambda: app.change_setting(name, value))
                return
            except CaptionsError as error:
                self._refuse(name, error)
                return
            app.show_recognizer()
        if name == "recognizer" or ROWS[name].group is Group.CONNECTION:
            app.start_again()

    async def _mends_refused(self, name: str, value: object) -> bool:
        """Whether a recogniser that was refused can be with this value, such as its address; then both are in force."""
        if (recognizer := self._app.sidebar.refused) is None:
            return False
        try:
            await self._put_in_force({name: value, "recognizer": recognizer})
        except CaptionsError:
            return False
        return True

    async def _put_in_force(self, values: Mapping[str, object]) -> None:
        """Have the session go on with these values, and show and keep them. Raises CaptionsError."""
        app = self._app
        settings = app.settings
        for name, value in values.items():
            settings = settings.changed(name, value, label_of(ROWS[name]))
        if app.engine is not None:
            await app.engine.change_settings(settings)
        for name in values:
            # Another input may have been chosen meanwhile: it waits for nobody.
            app.take(name, app.settings.changed(name, getattr(settings, name)))
            app.sidebar.fields[name].load(getattr(settings, name))

    def change_display(self, name: str, value: object) -> None:
        """Put a value in force at once that concerns the screen only."""
        app = self._app
        try:
            settings = app.settings.changed(name, value, label_of(ROWS[name]))
        except CaptionsError as error:
            self._refuse(name, error)
            return
        app.take(name, settings)
        app.sidebar.fields[name].load(getattr(settings, name))
        if name == "theme":
            app.theme = THEMES[settings.theme].name
        elif name == "low_bandwidth":
            app.draw_less_or_more()
            app.refresh()

    def _refuse(self, name: str, error: CaptionsError) -> None:
        self._app.sidebar.explain(name, str(error))
        if not self._app.sidebar.display:
            self._app.tell(str(error), "error")
