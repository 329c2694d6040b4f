"""A meter that costs little: what does not look different is not painted, and over a slow link steps are coarse."""

import pytest
from textual.geometry import Region

from captions.dashboard.level_meter import LevelMeter
from captions.events import Level
from tests.dashboard.conftest import Dashboard
from tests.dashboard.fake_engine import level


@pytest.fixture
def refreshed(monkeypatch: pytest.MonkeyPatch) -> list[Region]:
    """What the meter has painted anew, from the test's request on."""
    regions: list[Region] = []
    before = LevelMeter.refresh

    def refresh(meter: LevelMeter, *where: Region, **options: bool) -> LevelMeter:
        regions.extend(where)
        return before(meter, *where, **options)

    monkeypatch.setattr(LevelMeter, "refresh", refresh)
    return regions


async def painted(dashboard: Dashboard, regions: list[Region], low_bandwidth: bool, *levels: Level) -> int:
    """How many cells are painted anew when the levels after the first are shown."""
    async with dashboard.app.run_test(size=(120, 30)) as pilot:
        meter = dashboard.app.meter
        meter.low_bandwidth = low_bandwidth
        meter.show(levels[0])
        await pilot.pause()
        regions.clear()
        for next_level in levels[1:]:
            meter.show(next_level)
            await pilot.pause()
        return sum(region.area for region in regions)


async def test_a_step_within_a_cell_paints_nothing(dashboard: Dashboard, refreshed: list[Region]) -> None:
    assert await painted(dashboard, refreshed, False, level(rms=-22.0), level(rms=-22.3), level(rms=-21.8)) == 0


async def test_a_step_of_some_cells_paints_from_them_to_the_number(
    dashboard: Dashboard, refreshed: list[Region]
) -> None:
    assert 0 < await painted(dashboard, refreshed, False, level(rms=-22.0), level(rms=-24.0)) < 35


async def test_over_a_slow_link_small_steps_paint_nothing(dashboard: Dashboard, refreshed: list[Region]) -> None:
    near = (level(rms=-22.0), level(rms=-26.0), level(rms=-24.5, peak_hold=-12.4))
    assert await painted(dashboard, refreshed, True, *near) == 0


@pytest.mark.parametrize(
    ("shown", "bar", "reading"),
    [
        (level(rms=-60.0, peak_hold=-60.0), "·" * 60, "−60 dB  silent"),
        (level(rms=-30.0, peak_hold=-12.0), "█" * 30 + "·" * 17 + "│" + "·" * 12, "−30 dB  good"),
        (level(rms=-2.0, peak_hold=-1.0), "█" * 58 + "│" + "·", "−2 dB  loud"),
        (level(rms=0.0, peak_hold=0.0, clipped=True), "█" * 60, "0 dB  CLIP"),
    ],
)
async def test_the_bar_is_the_level_and_the_mark_is_the_peak(
    dashboard: Dashboard, shown: Level, bar: str, reading: str
) -> None:
    async with dashboard.app.run_test(size=(120, 30)):
        dashboard.app.meter.show(shown)
        line = dashboard.app.meter.render_line(0).text
    assert line[1:61] == bar
    assert " ".join(line[61:].split()) == " ".join(reading.split())
