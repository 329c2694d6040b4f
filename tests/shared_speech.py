"""Recorded speech with reference texts, kept beside the project and never in it.

for recording in recordings("en_librispeech"): ...      # in a test: skips where the recordings are not
@needs_speech                                            # on a test that names its recording itself
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1].parent / "shared" / "speech"
"""Where the recordings are looked for: beside the repository."""

needs_speech = pytest.mark.skipif(
    not (FOLDER / "manifest.tsv").is_file(), reason="no recorded speech in ../shared/speech beside the project"
)


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded file and what is said in it."""

    name: str
    """As the manifest has it: "set/file"."""
    path: Path
    language: str
    """Two letters: en or ru."""
    seconds: float
    text: str

    @property
    def set(self) -> str:
        """The set that it belongs to, e.g. en_librispeech."""
        return self.name.partition("/")[0]


@cache
def manifest() -> tuple[Recording, ...]:
    """Return all recordings in the manifest's order; skips the test that asks where there are none."""
    if not (FOLDER / "manifest.tsv").is_file():
        pytest.skip("no recorded speech in ../shared/speech beside the project")
    with (FOLDER / "manifest.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(
            Recording(row["file"], FOLDER / row["file"], row["language"], float(row["seconds"]), row["text"])
            for row in rows
        )


def recordings(*sets: str) -> Iterator[Recording]:
    """Yield the recordings of the named sets; skips the test that asks where there are none."""
    known = {recording.set for recording in manifest()}
    for name in sets:
        if name not in known:
            raise ValueError(f"There is no set {name!r} of recordings: {', '.join(sorted(known))}.")
    yield from (recording for recording in manifest() if recording.set in sets)


def recording(name: str) -> Recording:
    """Return one recording by its name in the manifest; skips the test that asks where there are none."""
    by_name = {recording.name: recording for recording in manifest()}
    return by_name[name]
