"""A dashboard with a fake engine, ready for keys."""

import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

import pytest
from textual.pilot import Pilot

from captions.dashboard.app import CaptionsApp
from captions.dashboard.worker import OnEvent
from captions.settings import Settings
from captions.settings_sources import Loaded
from tests.dashboard.fake_engine import FakeDevice, FakeEngine

CLOCK = 192.0
"""What the dashboard's clock says, in every test."""


@dataclass
class Dashboard:
    """The app before it runs, and the engine that it will make."""

    settings: Settings = field(default_factory=Settings)
    engines: list[FakeEngine] = field(default_factory=list)
    devices: list[FakeDevice] = field(default_factory=lambda: [FakeDevice("USB Audio", True)])

    def __post_init__(self) -> None:
        self.app = CaptionsApp(Loaded(self.settings), self._make_engine, self._list_devices, clock=lambda: CLOCK)

    async def _make_engine(self, on_event: OnEvent) -> FakeEngine:
        self.engines.append(FakeEngine(on_event, self.settings))
        return self.engines[-1]

    async def _list_devices(self) -> list[FakeDevice]:
        return self.devices

    async def engine(self, pilot: Pilot[None]) -> FakeEngine:
        """The engine, once the dashboard has made it."""
        await until(pilot, lambda: self.app.engine is not None)
        return self.engines[-1]


async def until(pilot: Pilot[None], holds: Callable[[], object], seconds: float = 5.0) -> None:
    """Let the app work until `holds` is true."""
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, "what was awaited did not happen"
        await pilot.pause()


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Times of day are shown in UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def dashboard() -> Dashboard:
    """A dashboard in dark colours."""
    return Dashboard()


Until = Callable[[Pilot[None], Callable[[], object]], Awaitable[None]]
