"""Any audio to mono int16 at one rate, as it comes in: no clicks where one piece ends and the next begins."""

import numpy as np
from av import AudioFrame, AudioResampler
from numpy.typing import NDArray

from captions.audio.block import Samples

UNNAMED = "NONE"
"""FFmpeg's name of a channel whose place is not known."""

LAYOUTS = {1: "mono", 2: "stereo"}
"""FFmpeg's names of what so many channels mean when nothing is said about them; more of them have no known places."""

NOTHING: Samples = np.empty(0, dtype=np.int16)


class MonoResampler:
    """FFmpeg's resampler, kept across frames, and made anew where the audio's own format changes in between.

    Channels are mixed by FFmpeg's matrix for the layout (a centre channel counts fully, the sum cannot clip), and
    evenly where channels have no known places.
    """

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._resampler: AudioResampler | None = None
        self._format: tuple[str, str, int] | None = None

    def convert(self, frame: AudioFrame) -> Samples:
        """Return what is ready; some samples are held back until more comes."""
        if frame.layout.nb_channels > 2 and frame.layout.channels[0].name == UNNAMED:
            frame = _mixed_evenly(frame)
        described = (frame.format.name, frame.layout.name, frame.sample_rate)
        before = NOTHING
        if described != self._format:
            before = self.flush()
            self._resampler = AudioResampler(format="s16", layout="mono", rate=self._rate)
            self._format = described
        assert self._resampler is not None
        return _joined([before, *(_samples(out) for out in self._resampler.resample(frame))])

    def convert_mono(self, samples: Samples, rate: int) -> Samples:
        """Return what is ready of mono samples at `rate`."""
        return self.convert_interleaved(samples, 1, rate)

    def convert_interleaved(self, samples: Samples, channels: int, rate: int) -> Samples:
        """Return what is ready of samples that take turns among channels, at `rate`."""
        layout = LAYOUTS.get(channels, f"{channels}C")
        frame = AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout=layout)
        frame.sample_rate = rate
        return self.convert(frame)

    def flush(self) -> Samples:
        """Return what was held back: the audio ends here."""
        if self._resampler is None:
            return NOTHING
        frames = self._resampler.resample(None)
        self._resampler = self._format = None
        return _joined([_samples(out) for out in frames])


def _samples(frame: AudioFrame) -> Samples:
    return frame.to_ndarray().reshape(-1).astype(np.int16, copy=False)


def _joined(pieces: list[Samples]) -> Samples:
    filled = [piece for piece in pieces if len(piece)]
    return filled[0] if len(filled) == 1 else np.concatenate([NOTHING, *filled])


def _mixed_evenly(frame: AudioFrame) -> AudioFrame:
    data: NDArray[np.generic] = frame.to_ndarray()
    if not frame.format.is_planar:
        data = data.reshape(-1, frame.layout.nb_channels).T
    mixed = data.mean(axis=0, dtype=np.float64)
    if data.dtype == np.uint8:
        mixed -= 128
    if data.dtype.kind in "iu":
        mixed /= 1 << (8 * data.dtype.itemsize - 1)
    mono = AudioFrame.from_ndarray(mixed.astype(np.float32).reshape(1, -1), format="fltp", layout="mono")
    mono.sample_rate = frame.sample_rate
    return mono
