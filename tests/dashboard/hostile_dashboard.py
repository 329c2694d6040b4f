"""A program for tests in a real terminal: the whole dashboard, with an engine that says what it is given.

`python hostile_dashboard.py TEXTS FILE`: TEXTS is a file with a JSON list of texts, each of which is said, named, shown
and refused everywhere that text from outside comes to the screen; FILE is what is played, also in the file picker.
"""

import json
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from captions.dashboard.app import run_dashboard
from captions.dashboard.worker import OnEvent
from captions.errors import SettingError
from captions.events import Gap, InputChanged, Notice, Phase, SessionState, Severity
from captions.settings import Settings
from captions.settings_sources import Loaded
from tests.dashboard.fake_engine import FakeDevice, FakeEngine, final, partial

NOW = datetime(2026, 3, 4, 12, 4, 31, tzinfo=UTC)


class HostileEngine(FakeEngine):
    """Says everything at once, then what tells the test that it was all drawn."""

    async def run(self) -> None:
        """Say it."""
        for text in texts():
            self.say(
                partial(text),
                final(text),
                InputChanged("1", 0.0, NOW, "microphone", text),
                Notice(0.0, NOW, Severity.WARNING, text, text),
                Gap("1", 0.0, 1.0, NOW, text),
                SessionState(Phase.RECONNECTING, text, text, 0.0),
            )
        self.say(*(final(text[:200]) for text in texts()), partial(texts()[-1][:200]))
        self.languages = ("en-US", *(text[:40] for text in texts()))
        self.refuse = SettingError(" ".join(text[:40] for text in texts()), texts()[0])
        self.say(SessionState(Phase.LISTENING, " ".join(text[:20] for text in texts()), texts()[0], 0.0))
        self.say(final("all of it was said"))
        await super().run()


def texts() -> list[str]:
    """What is hostile."""
    read = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    assert isinstance(read, list)
    return read


def main() -> int:
    """Run the dashboard."""
    settings = Settings(input=sys.argv[2], endpoint=" ".join(text[:40] for text in texts()), model=texts()[0])

    async def make_engine(on_event: OnEvent) -> HostileEngine:
        return HostileEngine(on_event, settings)

    async def list_devices() -> list[FakeDevice]:
        return [FakeDevice(text) for text in texts()]

    return run_dashboard(Loaded(settings), make_engine, list_devices)


if __name__ == "__main__":
    os.environ["COLORTERM"] = "truecolor"
    sys.exit(main())
