"""SubRip and WebVTT files are read by other programs as they were meant, whatever was said in the session."""

import html
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

import av
import pysubs2
import pytest
import srt
import webvtt
from av.subtitles.subtitle import AssSubtitle
from hypothesis import given, settings

from captions.events import Entry
from captions.transcript.cue_stream import CueStream
from captions.transcript.export import export
from captions.transcript.formats import About
from captions.transcript.subtitles import WORD_JOINER
from tests.transcript.any_session import BEGAN, TRACKS, said_in, sessions, without_spaces
from tests.transcript.two_voices import ABOUT, ENTRIES

Shown = tuple[int, int, str]
"""Start and end in milliseconds, and the text as a viewer sees it, without spaces and characters nobody sees."""


@dataclass(frozen=True)
class Parser:
    """A library that reads subtitles, and what it reads in a file of one format."""

    name: str

    def srt(self, text: str) -> list[Shown]:
        match self.name:
            case "srt":
                return [(ms(cue.start), ms(cue.end), seen(cue.content)) for cue in srt.parse(text)]
            case "pysubs2":
                file = pysubs2.SSAFile.from_string(text, format_="srt")
                return [(cue.start, cue.end, seen(cue.plaintext)) for cue in file]
            case "webvtt":
                captions = webvtt.from_buffer(io.BytesIO(text.encode()), format="srt").captions
                return [(clock(cue.start), clock(cue.end), seen(cue.raw_text)) for cue in captions]
        return by_ffmpeg(text, "srt")

    def vtt(self, text: str) -> list[Shown]:
        match self.name:
            case "webvtt":
                captions = webvtt.from_string(text).captions
                return [(clock(cue.start), clock(cue.end), seen(html.unescape(cue.text))) for cue in captions]
            case "pysubs2":
                cues = pysubs2.SSAFile.from_string(without_comments(text), format_="vtt")
                return [(cue.start, cue.end, seen(html.unescape(cue.text.replace("\\N", "")))) for cue in cues]
        return by_ffmpeg(text, "webvtt")


def without_comments(text: str) -> str:
    """A WebVTT file for pysubs2, which takes a comment for a part of the cue before it."""
    return "\n\n".join(block for block in text.split("\n\n") if not block.startswith("NOTE"))


def ms(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)


def clock(time: str) -> int:
    hours, minutes, seconds = time.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + round(float(seconds) * 1000)


def seen(text: str) -> str:
    return without_spaces(text.replace(WORD_JOINER, ""))


def by_ffmpeg(text: str, format: str) -> list[Shown]:
    """What FFmpeg demuxes, and decodes for a player to draw."""
    shown = []
    with av.open(io.BytesIO(text.encode()), mode="r", format=format) as container:
        for packet in container.demux(container.streams.subtitles[0]):
            if not packet.size:
                continue
            assert packet.pts is not None
            assert packet.time_base is not None
            assert packet.duration is not None
            scale = packet.time_base * 1000
            drawn = "".join(
                drawn_by_a_player(subtitle.ass.decode())
                for subtitle in packet.decode()
                if isinstance(subtitle, AssSubtitle)
            )
            shown.append((int(packet.pts * scale), int((packet.pts + packet.duration) * scale), seen(drawn)))
    return shown


def drawn_by_a_player(ass: str) -> str:
    """The text of an ASS event: escaped braces and line breaks as what they stand for, all that is in braces hidden."""
    text = ass.split(",", 8)[8]
    drawn, hidden, at = "", False, 0
    while at < len(text):
        pair = text[at : at + 2]
        if pair in ("\\N", "\\n", "\\h", "\\{", "\\}"):
            drawn += {"\\{": "{", "\\}": "}"}.get(pair, " ")
            at += 2
            continue
        if text[at] == "{" or (hidden and text[at] == "}"):
            hidden = text[at] == "{"
        elif not hidden:
            drawn += text[at]
        at += 1
    return drawn


PARSERS = [Parser(name) for name in ("srt", "webvtt", "pysubs2", "ffmpeg")]
VTT_PARSERS = [parser for parser in PARSERS if parser.name != "srt"]


def written(format: str, entries: Sequence[Entry], about: About = About(BEGAN)) -> str:  # noqa: B008
    return "".join(export(format, about, entries))


@pytest.mark.parametrize("parser", PARSERS, ids=lambda parser: parser.name)
def test_subrip_is_read_by(parser: Parser) -> None:
    cues = parser.srt(written("srt", ENTRIES, ABOUT))
    assert len(cues) == 10
    assert cues[1] == (4500, 9300, seen("and about what they ★ will cost & who pays <b>all</b> of it."))
    assert cues[5] == (16000, 23000, seen("The room: [12.5 s were not heard]"))


@pytest.mark.parametrize("parser", VTT_PARSERS, ids=lambda parser: parser.name)
def test_webvtt_is_read_by(parser: Parser) -> None:
    cues = parser.vtt(written("vtt", ENTRIES, ABOUT))
    assert len(cues) == 9
    assert cues[1] == (4500, 9300, seen("and about what they will cost & who pays <b>all</b> of it."))
    assert cues[5] == (16000, 23000, seen("[12.5 s were not heard]"))


def test_webvtt_says_who_speaks_and_keeps_marks_and_gaps_in_comments() -> None:
    captions = webvtt.from_string(written("vtt", ENTRIES, ABOUT)).captions
    assert [cue.voice for cue in captions][:4] == ["You", "You", "The room", "You"]
    assert [cue.comments for cue in captions if cue.comments] == [
        ["Marked"],
        [f"Not heard: the network was away --{WORD_JOINER}> see_there"],
        ["Marked"],
    ]


@settings(max_examples=120, deadline=None)
@given(sessions())
def test_any_session_is_a_subrip_file_in_which_no_cue_overlaps(entries: list[Entry]) -> None:
    text = written("srt", entries)
    cues = list(srt.parse(text))
    assert [cue.index for cue in cues] == list(range(1, len(cues) + 1))
    assert all(cue.start < cue.end for cue in cues)
    assert all(cue.end <= following.start for cue, following in pairwise(cues))
    assert all(len(cue.content.splitlines()) <= 2 for cue in cues)
    if cues:
        expected = Parser("srt").srt(text)
        for parser in PARSERS[1:]:
            assert parser.srt(text) == expected, parser.name


@settings(max_examples=120, deadline=None)
@given(sessions(("main",)))
def test_any_session_is_read_from_subrip_word_for_word(entries: list[Entry]) -> None:
    read = [shown for _, _, shown in Parser("srt").srt(written("srt", entries))]
    words = "".join(shown for shown in read if not re.fullmatch(r"\[\d+\.\dswerenotheard\]", shown))
    expected = seen(said_in(entries, "main")).translate(str.maketrans("{}", "❴❵"))
    assert words.replace("★", "") == expected.replace("★", "")


@settings(max_examples=120, deadline=None)
@given(sessions())
def test_any_session_is_a_webvtt_file_that_is_read_word_for_word(entries: list[Entry]) -> None:
    text = written("vtt", entries)
    stream = CueStream(dict.fromkeys(TRACKS, ""))
    cues = [*(cue for entry in entries for cue in stream.add(entry)), *stream.rest()]
    expected = [(cue.start, cue.end, seen("".join(cue.lines))) for cue in cues]
    for parser in VTT_PARSERS:
        assert sorted(parser.vtt(text)) == sorted(expected), parser.name


def test_the_clock_in_a_file_is_the_sessions_whatever_the_time_of_day() -> None:
    later = About(datetime.fromisoformat("2027-01-01T00:00:00+05:00"), labels=ABOUT.labels)
    assert written("srt", ENTRIES, later) == written("srt", ENTRIES, ABOUT)
