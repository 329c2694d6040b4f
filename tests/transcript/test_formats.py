"""A transcript is written in each format, whole or in part, with everything in it that the format can show."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
import srt
import webvtt
from hypothesis import given, settings
from markdown_it import MarkdownIt

from captions.events import Entry, Final, Mark
from captions.plain_text import plain
from captions.transcript import records
from captions.transcript.export import FORMATS, export
from captions.transcript.formats import About
from captions.transcript.journal import begin_journal, read_journal
from tests.transcript.any_session import BEGAN, captions, sessions, wall, without_spaces
from tests.transcript.two_voices import ABOUT, ENTRIES, at, said

GOLDEN = Path(__file__).parent / "golden"


def written(format: str, entries: Sequence[Entry], about: About = About(BEGAN), **options: float | bool) -> str:  # noqa: B008
    return "".join(export(format, about, entries, **options))  # type: ignore[arg-type]


# Golden


@pytest.mark.parametrize("format", FORMATS)
def test_a_session_is_written_as_it_was(format: str) -> None:
    assert written(format, ENTRIES, ABOUT) == (GOLDEN / f"session.{format}").read_text(encoding="utf-8")


@pytest.mark.parametrize("format", FORMATS)
def test_a_session_with_nothing_in_it_is_whole(format: str) -> None:
    assert written(format, [], ABOUT) == (GOLDEN / f"empty.{format}").read_text(encoding="utf-8")


def test_what_was_read_from_a_journal_is_written_the_same(tmp_path: Path) -> None:
    journal = begin_journal(tmp_path, {})
    journal.write(*ENTRIES)
    journal.close()
    for suffix in FORMATS:
        assert written(suffix, list(read_journal(journal.path)), ABOUT) == written(suffix, ENTRIES, ABOUT)


# Range, times, title


@pytest.mark.parametrize("format", FORMATS)
def test_a_range_has_what_was_said_in_it_whole_and_at_its_own_time(format: str) -> None:
    text = written(format, ENTRIES, replace(ABOUT, labels={}), since=11.0, until=30.0)
    assert "who pays" not in text
    assert "Is that all there" in text
    assert "продолжаем" in text
    assert "リリース" not in text
    if format == "srt":
        assert text.splitlines()[1].startswith("00:00:10,400 --> ")


@pytest.mark.parametrize("format", ["txt", "md"])
def test_a_document_can_do_without_times_of_day(format: str) -> None:
    text = written(format, ENTRIES, ABOUT, times=False)
    assert "00:59:30" not in text
    assert "Is that all there is" in text


def test_a_session_without_a_title_is_called_by_when_it_began() -> None:
    text = written("txt", [], replace(ABOUT, title=" \n"))
    assert text.startswith("Captions of 2026-11-24 00:59\n2026-11-24 00:59 to 01:11 (UTC+03:00)")


def test_a_session_that_goes_on_has_no_end_and_one_past_midnight_has_two_dates() -> None:
    assert "2026-11-24 00:59 (UTC+03:00)" in written("txt", [], replace(ABOUT, ended=None))
    assert "00:59 to 2026-11-25 00:59" in written("txt", [], replace(ABOUT, ended=at(0) + timedelta(days=1)))


def test_one_track_needs_no_name_and_several_have_their_own() -> None:
    one, other = said("main", 0, "I say this."), said("room", 5, "And I say that.")
    assert "main" not in written("txt", [one])
    assert "main: I say this." in written("txt", [one, other])
    assert "<v room>And I say that." in written("vtt", [one, other])
    assert "room: And I say that." in written("srt", [one, other])


# Paragraphs


def test_an_utterance_is_a_paragraph() -> None:
    entries = [said("main", 0, "We will go", ends=False), said("main", 5, "home now."), said("main", 9, "Yes.")]
    assert written("txt", entries, times=False).endswith("\n\nWe will go home now.\n\nYes.\n")


def test_another_voice_begins_a_paragraph() -> None:
    entries = [said("main", 0, "We will", ends=False), said("room", 1, "No."), said("main", 2, "go home.")]
    assert written("txt", entries, times=False).endswith("\n\nmain: We will\n\nroom: No.\n\nmain: go home.\n")


# Live


@pytest.mark.parametrize("format", FORMATS)
def test_a_file_is_whole_at_any_time(format: str) -> None:
    """Written while the session goes on, with the end put behind each piece and written over by the next one."""
    about = replace(ABOUT, labels={"main": "", "room": ""})
    entries = [entry for entry in ENTRIES if not isinstance(entry, Mark)]
    writer = FORMATS[format](about)
    so_far = writer.begin()
    for number, entry in enumerate(entries, 1):
        so_far += writer.add(entry)
        whole = FORMATS[format](about)
        once = whole.begin() + "".join([whole.add(said) for said in entries[:number]]) + whole.end()
        assert so_far + writer.end() == so_far + writer.end() == once
        match format:
            case "json":
                json.loads(once)
            case "srt":
                list(srt.parse(once))
            case "vtt":
                webvtt.from_string(once)


# Records


@settings(max_examples=50, deadline=None)
@given(sessions())
def test_json_and_ndjson_hold_all_there_is(entries: list[Entry]) -> None:
    kept = [records.record(entry) for entry in entries]
    lines = written("ndjson", entries).splitlines(keepends=True)
    assert [json.loads(line) for line in "".join(lines).split("\n")[1:-1]] == as_json(kept)
    document = json.loads(written("json", entries))
    assert document["version"] == 1
    without_marks = [
        {name: value for name, value in fields.items() if name != "marked"} for fields in document["entries"]
    ]
    assert without_marks == as_json([fields for fields in kept if fields["type"] != "mark"])


def as_json(fields: object) -> object:
    """Records as they are after a lone surrogate, which UTF-8 cannot hold, was written as "?"."""
    return json.loads(json.dumps(fields, ensure_ascii=False).encode("utf-8", "replace"))


def test_json_says_which_captions_are_marked() -> None:
    document = json.loads(written("json", ENTRIES, ABOUT))
    marked = [entry["text"] for entry in document["entries"] if entry.get("marked")]
    assert [text[:4] for text in marked] == ["will", "今日はリ"]
    assert document["session"]["started"] == "2026-11-23T21:59:30+00:00"


# Markdown


class _Shown(HTMLParser):
    """The paragraphs of a page and the elements that are in it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.paragraphs: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.elements.add(tag)
        if tag == "p":
            self.paragraphs.append("")

    def handle_data(self, data: str) -> None:
        if self.paragraphs:
            self.paragraphs[-1] += data


@settings(max_examples=150, deadline=None)
@given(captions(("main",)))
def test_markdown_shows_just_what_was_said(caption: Final) -> None:
    page = MarkdownIt("gfm-like", {"linkify": False}).render(written("md", [caption], times=False))
    shown = _Shown(page)
    assert shown.elements == {"h1", "p"}
    assert without_spaces("".join(shown.paragraphs[1:])) == without_spaces(plain(caption.text).replace("\0", "\ufffd"))


@pytest.mark.parametrize(
    "text", ["1. one", "12) two", "- three", "+ four", "> five", "# six", "=== seven", "a ~~b~~ c", "$x$"]
)
def test_no_beginning_of_a_paragraph_becomes_a_list_or_a_heading(text: str) -> None:
    page = _Shown(
        MarkdownIt("gfm-like", {"linkify": False}).render(written("md", [said("main", 0, text)], times=False))
    )
    assert page.elements == {"h1", "p"}
    assert page.paragraphs[1].strip() == text


# Hours


def test_more_than_99_hours_have_three_digits() -> None:
    late = Final("main", 360_000.0, 360_002.0, wall(0), "Still here.", True)
    [cue] = srt.parse(written("srt", [late]))
    assert (cue.start, cue.end) == (timedelta(hours=100), timedelta(hours=100, seconds=2))
    [caption] = webvtt.from_string(written("vtt", [late])).captions
    assert (caption.start, caption.end) == ("100:00:00.000", "100:00:02.000")
