"""The line that tells how far a file has been played."""

import pytest

from captions.events import Progress
from captions.progress_bar import REDRAW_SECONDS, DownloadBar, ProgressBar


def lines(*places: tuple[float, float], total: float | None = 340.0, width: int = 80) -> list[str | None]:
    """The lines for places in the file, told at moments: (moment, seconds of the file)."""
    moments = iter([moment for moment, _ in places])
    bar = ProgressBar(lambda: next(moments))
    return [bar.line(Progress(elapsed, total), width) for _, elapsed in places]


def test_it_tells_place_length_speed_and_what_is_left() -> None:
    assert lines((100.0, 0.0), (105.0, 62.5)) == [
        f"[{'.' * 40}]  0:00 of 5:40",
        f"[{'#' * 7}{'.' * 33}]  1:02 of 5:40  12.5x  0:22 left",
    ]


def test_it_is_full_at_the_end() -> None:
    assert lines((0.0, 0.0), (34.0, 340.0))[-1] == f"[{'#' * 40}]  5:40 of 5:40  10.0x  0:00 left"


def test_without_a_length_there_is_no_bar_and_nothing_left() -> None:
    assert lines((0.0, 0.0), (10.0, 3_725.0), total=None)[-1] == "1:02:05  372.5x"


@pytest.mark.parametrize("width", [1, 5, 12, 30, 45, 60])
def test_it_is_shorter_than_the_terminal(width: int) -> None:
    line = lines((0.0, 0.0), (10.0, 10.0), width=width)[-1]
    assert line is not None
    assert len(line) < width


def test_it_is_not_drawn_more_often_than_anybody_reads() -> None:
    assert lines((0.0, 0.0), (REDRAW_SECONDS / 2, 5.0))[-1] is None
    assert lines((0.0, 0.0), (REDRAW_SECONDS, 5.0))[-1] is not None


def download(*places: tuple[float, int], width: int = 90) -> str:
    """The last line for places in a download of 148 MB, told at moments: (moment, bytes)."""
    moments = iter([moment for moment, _ in places])
    bar = DownloadBar(lambda: next(moments))
    return [bar.line(done, 148_000_000, width) for _, done in places][-1]


def test_of_a_download_it_tells_bytes_speed_and_what_is_left() -> None:
    assert download((0.0, 0), (5.0, 37_000_000)) == f"[{'#' * 10}{'.' * 30}]  37 of 148 MB  7.4 MB/s  0:15 left"


def test_one_that_goes_on_is_not_told_to_be_faster_than_it_is() -> None:
    assert download((0.0, 74_000_000), (2.0, 76_000_000)).endswith("]  76 of 148 MB  1.0 MB/s  1:12 left")


def test_a_download_that_has_stopped_has_no_speed() -> None:
    assert download((0.0, 0), (5.0, 37_000_000), (20.0, 37_000_000), (31.0, 37_000_000)).endswith("]  37 of 148 MB")


def test_a_download_fits_a_narrow_terminal() -> None:
    assert download((0.0, 0), (5.0, 37_000_000), width=40) == "37 of 148 MB  7.4 MB/s  0:15 left"
    assert download((0.0, 0), (5.0, 37_000_000), width=20) == "37 of 148 MB  7.4 M"
