"""Whatever events of SpeechKit v3 are late, doubled or missing, every word is told once, in the order of the audio."""

from hypothesis import given, settings
from hypothesis import strategies as st

from captions.events import Word
from captions.recognition.held_finals import HeldFinals, Said
from captions.recognition.recognizer import Hypothesis

SECOND = 1_000


def said(names: list[str], start: int, end: int, *, words: bool, cursor: bool) -> Said:
    """Words that share the time from `start` to `end`, in milliseconds."""
    step = (end - start) / max(1, len(names))
    places = [
        Word(name, (start + number * step) / SECOND, (start + (number + 0.9) * step) / SECOND)
        for number, name in enumerate(names)
    ]
    return Said(" ".join(names), tuple(places) if words else (), "", end if cursor else None)


class Listener:
    """Does with results what a session does: finals are kept, and at the end what is on the screen."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.screen = ""
        self.covered = 0.0

    def take(self, results: list[Hypothesis]) -> None:
        for result in results:
            if result.final:
                self.told += result.text.casefold().split()
                self.screen = ""
            else:
                self.screen = result.text
            self.covered = max(self.covered, result.covered or 0.0)

    def end(self) -> list[str]:
        return self.told + self.screen.casefold().split()


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_every_word_is_told_once_and_in_order(data: st.DataObject) -> None:
    def flag() -> bool:
        return data.draw(st.booleans())

    refines, partials, times, cursors, numbered = flag(), flag(), flag(), flag(), flag()
    finals = HeldFinals(refines=refines, partials=partials, may_be_emptied=False)
    listener = Listener()
    spoken: list[str] = []
    late: list[tuple[str, int]] = []
    now = 0

    def pass_time(milliseconds: int) -> None:
        nonlocal now
        now += milliseconds
        finals.received(now)
        if flag():
            listener.take(finals.waited_for())

    for index in range(data.draw(st.integers(1, 6))):
        names = [f"w{index}x{number}" for number in range(data.draw(st.integers(1, 3)))]
        start, end = now, now + SECOND
        cursor = start if cursors else None
        for count in range(1, len(names) + 1):
            partial = said(names[:count], start, start + count * SECOND // len(names), words=times, cursor=False)
            listener.take(finals.partial(Said(partial.text, partial.words, "", cursor)))
        pass_time(SECOND)
        spoken += names
        number = index if numbered else 0
        text = data.draw(st.sampled_from(["whole", "empty", "none"]))
        if text != "none":
            heard = said(names if text == "whole" else [], start, end, words=times, cursor=cursors)
            listener.take(finals.final(heard, number))
            refinements = data.draw(st.integers(0, 2))
            for _ in range(refinements if flag() else 0):
                listener.take(finals.refined(" ".join(names).upper(), "", number))
            if not refinements:
                late.append((" ".join(names).upper(), number))
        if text == "none" or flag():
            listener.take(finals.utterance_ended(end if flag() or text == "none" else 0))
        pass_time(data.draw(st.sampled_from([0, 300, 1_000, 3_000])))
        if late and flag():
            refined, of = late.pop(0)
            listener.take(finals.refined(refined, "", of))
        if partials:
            shown = (listener.told + listener.screen.casefold().split())[: len(spoken)]
            assert shown == spoken, "a word has left the screen"
    listener.take(finals.ended())
    assert listener.end() == spoken
