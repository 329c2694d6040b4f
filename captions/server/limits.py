"""The service's limits, imitated so that a client can be tested against them. Light to import: no gRPC, no numpy."""

from dataclasses import dataclass, replace
from typing import Self

IDLE_STATUSES = ("DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "OK")
"""What a stream may end with when nothing came for too long. The service documents the end, not its status."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Each limit has the service's documented value as its default; 0 turns it off.

    What ends a stream: `duration_seconds` of audio (OUT_OF_RANGE), `audio_bytes` as sent (INVALID_ARGUMENT; "10 MB",
    taken for 10^6: the documentation does not say whether 2^20 is meant), and `idle_seconds` without a message
    (`idle_status`). The stream ends as soon as the limit is passed; `deliver_pending` sends what is not final yet
    before, which the service does not promise. What refuses one: more than `opens_per_second` (RESOURCE_EXHAUSTED),
    and `max_streams` at once, which this program adds; 0 is as many as the engine keeps up with, and more than that
    is never served. `needs_folder` refuses streams without folder_id, as the service does for user accounts.
    """

    duration_seconds: float = 300.0
    audio_bytes: int = 10_000_000
    idle_seconds: float = 5.0
    idle_status: str = "DEADLINE_EXCEEDED"
    deliver_pending: bool = False
    opens_per_second: int = 40
    max_streams: int = 0
    needs_folder: bool = False

    def unlimited(self) -> Self:
        """Return these without the service's limits; what the machine keeps up with still holds."""
        return replace(self, duration_seconds=0.0, audio_bytes=0, idle_seconds=0.0, opens_per_second=0)
