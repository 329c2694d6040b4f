"""Tests that need the recogniser on this machine say so here."""

import importlib.util
import os

import pytest


def require_local_engine() -> None:
    """Skip the test that calls this where moonshine-voice is not installed; fail it on CI, which must have it."""
    if importlib.util.find_spec("moonshine_voice") is None:
        reason = "moonshine-voice is not installed (pip install 'captions[local]')"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
