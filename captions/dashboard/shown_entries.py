"""The entries of a transcript that are shown, all or those that a search found, and the rows that they take."""

from captions.dashboard.entry_text import entry_text
from captions.dashboard.row_layout import RowLayout
from captions.transcript.search import Search
from captions.transcript.transcript import Transcript


class ShownEntries:
    """Items (positions in what is shown) and entries (positions in the transcript), for rows of `width` cells.

    `only` hides all but what it found. It must be done when it is given, and is followed as it finds more.
    """

    def __init__(self, transcript: Transcript, width: int, only: Search | None = None) -> None:
        self.only = only
        self._transcript = transcript
        self.layout = RowLayout(self._item_text, width, len(transcript) if only is None else len(only.matches))

    def __len__(self) -> int:
        return self.layout.count

    def take_new(self) -> None:
        """Lay out what has been added to the transcript, or found in it, since."""
        while len(self) < (len(self._transcript) if self.only is None else len(self.only.matches)):
            self.layout.append()

    def entry_at(self, item: int) -> int:
        """Return the entry of an item; past the last item, the entry that will be next."""
        if item >= len(self):
            return len(self._transcript)
        return item if self.only is None else self.only.matches[item]

    def item_of(self, entry: int) -> int:
        """Return the item of an entry, or of the next one that isn't hidden."""
        return entry if self.only is None else self.only.rank(entry)

    def text(self, entry: int) -> str:
        """Return what is read of an entry."""
        return self._transcript.texts[entry] or entry_text(self._transcript.entries[entry])

    def _item_text(self, item: int) -> str:
        return self.text(item if self.only is None else self.only.matches[item])
