"""Asks whether a model is to be downloaded, and shows how far that has come."""

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from captions.dashboard.entry_text import safe
from captions.dashboard.keys import shown
from captions.events import ModelEnded, ModelProgress
from captions.progress_bar import DownloadBar

if TYPE_CHECKING:
    from captions.dashboard.model_prompt import ModelPrompt

WHAT_COMES = "It comes from the Hugging Face hub, once. Then no network is needed: what is said stays on this machine."
REDRAW_SECONDS, SLOW_SECONDS = 0.5, 2.0
"""How often the bar is drawn, and how often over a slow link."""


class Bar(Static):
    """A bar as wide as there is room; what is done and what is not differ by colour and by their thickness."""

    ALLOW_SELECT: ClassVar[bool] = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"model--done", "model--left"}
    share = 0.0

    def render(self) -> Text:
        """Return the bar."""
        width = self.content_size.width
        done = round(width * self.share)
        return Text.assemble(
            ("━" * done, self.get_component_rich_style("model--done")),
            ("─" * (width - done), self.get_component_rich_style("model--left")),
        )


class ModelScreen(ModalScreen[None]):
    """Ends when it is hidden, or when the model has come. The download goes on without it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "download", "Download", tooltip="Download the model", id="model.download"),
        Binding("escape", "dismiss", "Back", tooltip="Hide it; a download goes on", id="model.back"),
        Binding("x", "stop", "Cancel", tooltip="Cancel the download", id="model.cancel"),
    ]

    def __init__(self, prompt: "ModelPrompt", model: str, message: str) -> None:
        super().__init__()
        self._prompt = prompt
        self._model = model
        self._figures = DownloadBar()
        self._newest: ModelProgress | None = None
        self._message = message
        self.text = Static(classes="text", markup=False)
        self.bar = Bar(id="model-bar")
        self.figures = Static(id="model-figures", markup=False)
        self.note = Static(classes="note", markup=False)

    def compose(self) -> ComposeResult:
        """What is wanted and why, how far it has come, and what can be done."""
        with Vertical(id="model"):
            yield Label("Another language on this machine", classes="title")
            yield self.text
            yield self.bar
            yield self.figures
            yield self.note

    def on_mount(self) -> None:
        """Ask, or show what goes on already."""
        self.set_interval(SLOW_SECONDS if self._prompt.slow else REDRAW_SECONDS, self._draw)
        if self._prompt.downloading:
            self._show_download()
        else:
            self._ask(f"{self._message} {WHAT_COMES}")

    def _ask(self, text: str, again: str = "downloads it") -> None:
        self.remove_class("-downloading")
        self.text.update(safe(text))
        self._show_keys(("model.download", again), ("model.back", "not now"))

    def _show_download(self) -> None:
        self.add_class("-downloading")
        self.text.update(f"The model {self._model} is being downloaded; sound is kept or captioned meanwhile.")
        self.figures.update("")
        self._show_keys(("model.back", "hides it"), ("model.cancel", "cancels"))

    def _show_keys(self, *keys: tuple[str, str]) -> None:
        named = [(shown(self.app, binding), meaning) for binding, meaning in keys]
        self.note.update(" · ".join(f"{key} {meaning}" for key, meaning in named if key))

    def action_download(self) -> None:
        """Begin."""
        if not self._prompt.downloading:
            self._prompt.download(self._model)
            self._show_download()

    def action_stop(self) -> None:
        """Cancel it; what has come is kept."""
        if self._prompt.downloading:
            self._prompt.cancel()

    def show_progress(self, event: ModelProgress) -> None:
        """Show how far it has come, with the next drawing."""
        begins, self._newest = self._newest is None, event
        if begins:
            self._draw()

    def _draw(self) -> None:
        """Draw the newest, also when it is the one before: one that has stopped must be seen to have."""
        if (event := self._newest) is None:
            return
        self.bar.share = event.done / event.total if event.total else 0.0
        self.bar.refresh()
        self.figures.update(" · ".join(self._figures.words(event.done, event.total)))

    def show_end(self, event: ModelEnded) -> None:
        """Say why there is no model, and that it can be tried again."""
        self._figures, self._newest = DownloadBar(), None
        self._ask(f"{event.message} {event.hint}", "tries again")
