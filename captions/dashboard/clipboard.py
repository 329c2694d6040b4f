"""Copying to the clipboard of the person's terminal, through SSH as well (the control sequence OSC 52).

Nothing answers: whether a terminal took it can't be known. Terminals drop or cut off what is too long for them, so
the person is told how much it was.
"""

from collections.abc import Iterable

from textual.app import App

MOST_BYTES = 500_000
"""No more is copied. In the sequence it is a third more, and a mebibyte is what tmux takes and our own writer holds."""
SURE_BYTES = 74_994
"""So much fits in 100,000 bytes with the sequence around it: the limit that hterm set and most terminals exceed."""


def copy(app: App[object], captions: Iterable[str]) -> str:
    """Copy captions, one a line, and return a sentence for the person: how many, or why not."""
    lines, size = [], 0
    for caption in captions:
        lines.append(caption)
        size += len(caption.encode()) + 1
        if size > MOST_BYTES:
            return (
                f"Not copied: that is over {MOST_BYTES // 1000} kB, more than terminals take at once. "
                "Select a part of it."
            )
    if not lines:
        return "There is nothing to copy."
    app.copy_to_clipboard("\n".join(lines))
    what = "a caption" if len(lines) == 1 else f"{len(lines):,} captions"
    doubt = ". Some terminals take less: look at what you paste" if size > SURE_BYTES else ""
    return f"Copied {what}, {max(1, round(size / 1000))} kB{doubt}."
