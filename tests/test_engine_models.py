"""What the engine does where a model is wanted: the session that hears goes on, and one that cannot waits for it."""

import asyncio
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from captions import engine as engine_module
from captions.engine import Engine
from captions.errors import ModelMissing
from captions.events import Event, Final, ModelEnded, ModelProgress, ModelWanted, Notice, Phase, SessionState
from captions.recognition import local_engines
from captions.recognition.local import LocalRecognizer
from captions.recognition.local_engines import LocalEngines
from captions.recognition.recognizer import Recognizer
from captions.server import adding, models
from captions.settings import Settings
from tests.recognition.streams import BLOCK
from tests.server.hub import Hub, small_model
from tests.test_engine import Told, is_phase

pytest.importorskip("faster_whisper", reason="needs the engine whisper, of the extra whisper")
pytest.importorskip("moonshine_voice", reason="needs the recogniser on this machine")

ROOT = Path(__file__).parents[1]
CHILD = (sys.executable, "-m", "tests.recognition.child_server")
SECONDS = 2


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub that has the model base, which is small, and an empty cache."""
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    model, files = small_model(tmp_path / "made")
    for module in (models, adding, local_engines):
        monkeypatch.setattr(module, "MODELS", {**models.MODELS, "base": model})

    def make(settings: Settings, environment: object) -> Recognizer:
        return LocalRecognizer(LocalEngines(settings.local_engine, settings.whisper_model), command=CHILD)

    monkeypatch.setattr(engine_module, "make_recognizer", make)
    with Hub(model, files) as running:
        monkeypatch.setenv("HF_ENDPOINT", running.url)
        yield running


@asynccontextmanager
async def told_by(tmp_path: Path, language: str) -> AsyncIterator[tuple[Engine, Told]]:
    sound = tmp_path / "sound.pcm"
    sound.write_bytes(b"\x10\x20" * 16_000 * SECONDS)
    told = Told()
    settings = Settings(input=str(sound), pcm_rate=16_000, language=language)
    engine = Engine(settings, told, environment={}, folder=tmp_path / "sessions")
    running = asyncio.create_task(engine.run())
    try:
        yield engine, told
    finally:
        await engine.stop()
        await running


def ended(event: Event) -> bool:
    return isinstance(event, ModelEnded)


async def test_a_session_that_waits_for_a_model_hears_all_when_it_has_come(hub: Hub, tmp_path: Path) -> None:
    async with told_by(tmp_path, "ru-RU") as (engine, told):
        await told.until(is_phase(Phase.FAILED))
        (wanted,) = [event for event in told.events if isinstance(event, ModelWanted)]
        assert (wanted.model, wanted.size, wanted.language) == ("base", hub.model.size, "ru-RU")
        assert not hub.requests

        engine.add_model("base")
        await told.until(is_phase(Phase.ENDED))

        assert [event.message for event in told.events if isinstance(event, ModelEnded)] == [""]
        assert any(isinstance(event, ModelProgress) for event in told.events)
        (heard,) = [event for event in told.events if isinstance(event, Final)]
        assert heard.text.split()[1] == str(SECONDS * 16_000 // BLOCK)
        assert engine.error is None
        assert not [event for event in told.events if isinstance(event, Notice)]


async def test_a_language_without_its_model_is_refused_and_the_session_goes_on(hub: Hub, tmp_path: Path) -> None:
    async with told_by(tmp_path, "en-US") as (engine, told):
        await told.until(is_phase(Phase.LISTENING))
        before = engine.settings

        with pytest.raises(ModelMissing) as raised:
            await engine.change_settings(before.changed("language", "ru-RU"))
        assert raised.value.model == "base"
        assert engine.settings == before
        with pytest.raises(ModelMissing):
            await engine.change_settings(before.changed("local_engine", "whisper"))

        engine.add_model("base")
        await told.until(ended)
        await engine.change_settings(before.changed("language", "ru-RU"))
        await told.until(is_phase(Phase.ENDED))

        assert not any(isinstance(event, SessionState) and event.phase is Phase.FAILED for event in told.events)
        blocks = [int(event.text.split()[1]) for event in told.events if isinstance(event, Final)]
        assert sum(blocks) >= SECONDS * 16_000 // BLOCK


async def test_a_download_that_is_cancelled_or_ends_with_the_session_is_told_and_leaves_no_process(
    hub: Hub, tmp_path: Path
) -> None:
    hub.stops_after = 2_000_000
    async with told_by(tmp_path, "ru-RU") as (engine, told):
        await told.until(is_phase(Phase.FAILED))
        engine.add_model("base")
        await told.until(lambda event: isinstance(event, ModelProgress) and event.done > 0)
        engine.cancel_model()
        await told.until(ended)
        assert "cancelled" in next(event.message for event in told.events if isinstance(event, ModelEnded))

        engine.add_model("base")
        await told.until(lambda event: isinstance(event, ModelProgress) and event.done > 1_000_000)

    assert not [child for child in psutil.Process().children() if "fetch_model" in " ".join(child.cmdline())]
    assert models.find_model("base") is None
