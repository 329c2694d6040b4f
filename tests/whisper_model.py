"""Tests that need a Whisper model say so here."""

import importlib.util
import os
from pathlib import Path

import pytest

VARIABLE = "WHISPER_MODEL_FOLDER"


def require_whisper_model() -> Path:
    """Return the folder of a model; skip the test that calls this where the environment names none.

    One that is named must be usable: then a missing package is a failure on CI, and a missing file always.
    """
    folder = os.environ.get(VARIABLE)
    if not folder:
        pytest.skip(f"{VARIABLE} does not name the folder of a Whisper model")
    if importlib.util.find_spec("faster_whisper") is None:
        reason = "faster-whisper is not installed (pip install 'captions[whisper]')"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return Path(folder)
