"""ndjson is what the README says it is: every type and every field that is written, and no other."""

import re
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path

import pytest

from captions import events
from captions.events import Delays, Final, InputChanged, Phase, SessionState, Severity, Spread, Word
from captions.transcript import records
from captions.transcript.data_formats import Ndjson
from captions.transcript.formats import About
from captions.transcript.journal import FORMAT_VERSION

README = Path(__file__).parent.parent / "README.md"
NEVER_TOLD = {"Level", "Progress", "Backlog"}
"""Events that are for a screen."""


def documented() -> dict[str, str]:
    """The rows of the README's table, by type."""
    chapter = README.read_text(encoding="utf-8").partition("\n### ndjson\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \|.*?\| (.*) \|$", chapter, re.MULTILINE)
    return {name: text for names, text in rows for name in re.findall(r"\w+", names)}


def names_of_fields(kind: str) -> set[str]:
    return set(re.findall(r"`(\w+)`", documented()[kind]))


def types() -> dict[str, type]:
    """Every event that is told, by the type of its record."""
    kinds = {str(kind.__name__): kind for kind in (*events.Event.__args__,)}
    return {records._NAMES[kind]: kind for name, kind in kinds.items() if name not in NEVER_TOLD}


def test_every_type_has_its_row_and_no_other() -> None:
    assert set(documented()) == {"session", *types()}


@pytest.mark.parametrize("kind", sorted(types()))
def test_every_field_is_documented_and_no_other(kind: str) -> None:
    written = {field.name for field in fields(types()[kind])} - {"since"}
    if types()[kind] is Delays:
        written |= {field.name for field in fields(Spread)}
    mentioned = names_of_fields(kind)
    assert written <= mentioned
    assert mentioned - written <= {"text", "start", "end"}  # of a word


def test_a_record_has_these_fields_in_truth() -> None:
    final = Final("main", 0.0, 1.0, datetime.now(UTC), "it", True, (Word("it", 0.0, 1.0),))
    written = records.record(final)
    assert set(written) == {"type"} | names_of_fields("final")
    assert set(written["words"][0]) == {"text", "start", "end"}
    state = records.record(SessionState(Phase.LISTENING, "SpeechKit", "", 1.0))
    assert set(state) == {"type"} | names_of_fields("state")


def test_the_record_of_the_session_has_the_version_and_the_fields_that_are_documented() -> None:
    line = Ndjson(About(datetime.now(UTC), labels={"main": ""})).begin()
    written = records.parse_line(line.encode())
    assert written is not None
    assert set(written) == {"type"} | (names_of_fields("session") - {"wall"})
    assert f"`version` {FORMAT_VERSION};" in documented()["session"]


def test_every_word_that_a_program_may_compare_is_documented() -> None:
    for phase in Phase:
        assert str(phase) in documented()["state"]
    for severity in Severity:
        assert str(severity) in documented()["notice"]
    assert InputChanged.__doc__ is not None
    for kind in ("microphone", "monitor", "pipe", "address", "file", "sample", "nothing"):
        assert kind in documented()["input"]
        assert kind in InputChanged.__doc__
