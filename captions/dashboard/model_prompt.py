"""What becomes of a model that is wanted: the question, the download with or without its screen, and what follows."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from captions.events import ModelEnded, ModelProgress, ModelWanted

if TYPE_CHECKING:
    from captions.dashboard.app import CaptionsApp
    from captions.dashboard.screens.model import ModelScreen


class ModelPrompt:
    """One for the app. `downloading` is whether a model is on its way."""

    def __init__(self, app: "CaptionsApp") -> None:
        self._app = app
        self._screen: ModelScreen | None = None
        self._then: Callable[[], object] | None = None
        self.downloading = False

    @property
    def slow(self) -> bool:
        """Whether less is to be drawn."""
        return self._app.settings.low_bandwidth

    def ask(self, model: str, message: str, then: Callable[[], object] | None = None) -> None:
        """Ask for a download, or show the one that goes on; `then` is called once the model has come."""
        from captions.dashboard.screens.model import ModelScreen

        self._then = then or self._then
        if self._screen is None:
            self._screen = ModelScreen(self, model, message)
            self._app.push_screen(self._screen, self._hidden)

    def _hidden(self, _: None) -> None:
        self._screen = None
        if not self.downloading:
            self._then = None

    def download(self, model: str) -> None:
        """Begin the download, to which the person has agreed."""
        if engine := self._app.session_or_tell():
            self.downloading = True
            engine.add_model(model)

    def cancel(self) -> None:
        """End the download."""
        if engine := self._app.session_or_tell():
            engine.cancel_model()

    def told(self, event: ModelWanted | ModelProgress | ModelEnded) -> None:
        """Act on what the engine says of models."""
        match event:
            case ModelWanted():
                self.ask(event.model, event.message)
            case ModelProgress():
                if self._screen is not None:
                    self._screen.show_progress(event)
            case ModelEnded():
                self._ended(event)

    def _ended(self, event: ModelEnded) -> None:
        self.downloading, then = False, self._then
        if event.message:
            if self._screen is not None:
                self._screen.show_end(event)
            else:
                self._app.tell(f"{event.message} {event.hint}".rstrip(), "error")
            return
        self._then = None
        if self._screen is not None:
            self._screen.dismiss()
        self._app.tell(f"The model {event.model} is here.")
        if then is not None:
            then()
