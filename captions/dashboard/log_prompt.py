"""The row under the captions: asks for words or a time, or says what is searched, filtered or selected."""

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.widgets import Input, Static


class LogPrompt(Horizontal):
    """Hidden until there is something to ask or to say."""

    def __init__(self) -> None:
        super().__init__(id="log-prompt")
        self.asking = ""
        """What is asked for: search, filter or time; empty when nothing is."""
        self.label = Static("", id="log-prompt-label", markup=False)
        self.input = Input(compact=True, id="log-prompt-input", select_on_focus=False)
        self.note = Static("", id="log-prompt-note", markup=False)

    def compose(self) -> ComposeResult:
        """What is asked, what is typed, and what there is to say about it."""
        yield self.label
        yield self.input
        yield self.note

    def ask(self, asking: str, label: str, placeholder: str = "") -> None:
        """Ask for something. What is typed comes as messages of `input`."""
        self.asking = asking
        self.label.update(label)
        self._show_placeholder(placeholder)
        with self.prevent(Input.Changed):
            self.input.value = ""
        self.label.display = self.input.display = self.display = True
        self.say("")
        self.screen.set_focus(self.input)  # at once: the next key may be there already

    def refuse(self, sentence: str) -> None:
        """Say what is wrong with what was typed, where it stood, until something else is."""
        with self.prevent(Input.Changed):
            self.input.value = ""
        self._show_placeholder(sentence, wrong=True)

    def stop_asking(self) -> None:
        """Ask no more."""
        self.asking = ""
        self.label.display = self.input.display = False
        self.say("")

    def say(self, text: str) -> None:
        """Show a text beside what is typed, or alone in the row; without either there is no row."""
        self.note.update(text)
        self.display = bool(text or self.asking)

    def _show_placeholder(self, text: str, wrong: bool = False) -> None:
        self.input.placeholder = text
        self.input.set_class(wrong, "-wrong")
