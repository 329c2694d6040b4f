"""What the table of settings offers for a recogniser is what can be asked of it, and nothing that it never hears of."""

from typing import Any

import pytest

from captions.recognition.choose import recognition_options
from captions.recognition.dialect import Dialect
from captions.recognition.speechkit_v2 import SPEECHKIT_V2
from captions.recognition.speechkit_v3 import SPEECHKIT_V3
from captions.recognition.vosk import VOSK
from captions.settings import ROWS, Group, Setting, Settings

ANOTHER = {
    "language": "de-DE",
    "more_languages": "fr-FR",
    "model": "general:rc",
    "folder_id": "b1g",
}
ABOUT_THE_SESSION = {
    "recognizer",
    "stability",
    "block_ms",
    "silence_seconds",
    "keep_minutes",
    "stream_seconds",
    "stream_bytes",
}
"""Settings of recognition that no stream is told of."""
DONE_HERE = {"partial_results", "single_utterance"}
"""Options that this program sees to itself where a service has no word for them."""


def another_value(row: Setting) -> Any:
    """A value of a setting that is not its default."""
    if row.kind is bool:
        return not row.default
    if row.choices:
        return next(choice for choice in row.choices if choice != row.default)
    return row.maximum if row.kind is int else ANOTHER[row.name]


def sent(dialect: Dialect, settings: Settings) -> object:
    """What goes at the start of a stream."""
    settings = settings.changed("recognizer", dialect.kind)
    options = recognition_options(settings, dialect.languages, "en_US")
    conversation = dialect.converse(options, options.folder_id)
    return conversation.settings, conversation.metadata


@pytest.mark.parametrize("dialect", [SPEECHKIT_V2, SPEECHKIT_V3, VOSK], ids=lambda dialect: dialect.kind)
def test_every_option_that_a_service_is_sent_is_offered_for_it_and_no_other(dialect: Dialect) -> None:
    rows = [row for row in ROWS.values() if row.group is Group.RECOGNITION or row.name == "folder_id"]
    of_local = [row for row in rows if row.recognizers == ("local",)]
    options = [row for row in rows if row.name not in ABOUT_THE_SESSION and row not in of_local]
    defaults = Settings()
    heard_of = {
        row.name
        for row in options
        if sent(dialect, defaults.changed(row.name, another_value(row))) != sent(dialect, defaults)
    }
    offered = {row.name for row in options if row.concerns(dialect.kind, dialect.kind)}
    assert heard_of <= offered
    assert offered - heard_of <= DONE_HERE
    assert not any(row.concerns(dialect.kind, dialect.kind) for row in of_local)


def test_whatever_automatic_comes_to_has_what_is_offered_for_it() -> None:
    for row in ROWS.values():
        if "auto" in row.recognizers and row.group is Group.RECOGNITION and row.name not in ABOUT_THE_SESSION:
            assert {"local", "speechkit-v2"} <= set(row.recognizers)
        assert set(row.recognizers) <= set(ROWS["recognizer"].choices)


def test_where_to_connect_and_as_whom_matters_to_all_that_are_elsewhere() -> None:
    for row in ROWS.values():
        if row.group is Group.CONNECTION:
            assert "local" not in row.recognizers
            assert {"auto", "speechkit-v2", "speechkit-v3"} <= set(row.recognizers)
