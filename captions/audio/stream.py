"""Sound out of bytes that come one after another and cannot be had again: from a pipe, or over a network.

They are either a container that FFmpeg knows, or nothing but samples, and must tell by themselves which. A container
begins with its kind's signature. What does not is samples, but for text: an error message or a playlist in place of
sound would be heard as noise.
"""

import io
from pathlib import PurePath
from typing import TYPE_CHECKING, Protocol

import numpy as np

from captions.audio.block import Samples
from captions.audio.live import Reader
from captions.audio.source import AudioFormat
from captions.errors import InputError

if TYPE_CHECKING:
    from av.container import InputContainer

SIGNATURES = (
    (0, b"RIFF"), (0, b"RF64"), (0, b"riff"),  # WAV and its two larger kinds
    (0, b"FORM"), (0, b".snd"), (0, b"caff"),  # AIFF, AU, CAF
    (0, b"fLaC"), (0, b"OggS"), (0, b"ID3"), (0, b"#!AMR"),
    (0, b"\x1a\x45\xdf\xa3"),  # Matroska and WebM
    (4, b"ftyp"), (4, b"styp"), (4, b"moov"), (4, b"mdat"),  # MP4
    (0, b"FLV"), (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11"),  # Flash, and ASF with WMA
)  # fmt: skip
"""What containers begin with, and at which byte."""

SYNCHRONISED = ("mp3", "aac", "mpegts")
"""FFmpeg's names of what has no signature but a pattern that comes again."""
SYNC_BYTES = (0xFF, 0x47, 0x56)
"""What those begin with (0x56: AAC in LOAS). Samples may as well: FFmpeg is asked when something does."""

SOON = {"analyzeduration": "500000"}
"""FFmpeg's option to look at half a second of sound, and not at five, before it says what there is: somebody speaks."""

CONTROLS = frozenset((*range(0x09), 0x0B, 0x0C, *range(0x0E, 0x20), 0x7F))
"""Bytes that text does not have."""

SIGNATURE_BYTES, TEXT_BYTES, SYNC_SAMPLE_BYTES = 16, 256, 8_192
"""How much must have come to tell a signature, text and a pattern."""


class Bytes(Protocol):
    """What can only be read once."""

    shown: str
    """What it is called on the screen: plain text, no secrets."""

    def read(self, size: int) -> bytes:
        """Wait for some bytes and return at most so many; none at the end. Raises InputError when they break off."""
        ...

    def interrupt(self) -> None:
        """Let a read that waits, and all after it, return nothing. Called from any thread, more than once or never."""
        ...

    def close(self) -> None:
        """Let go of it; nobody reads any more. Idempotent."""
        ...


HEADERLESS = {".pcm", ".raw"}
"""Endings of names of what holds nothing but samples: signed 16 bit, little-endian."""


def headerless(name: str) -> bool:
    """Whether a file, a pipe or an address has a name that says so."""
    return PurePath(name).suffix.lower() in HEADERLESS


def open_reader(source: Bytes, audio_format: AudioFormat, *, samples_only: bool = False) -> Reader:
    """Wait for the first bytes, and return what reads the sound that they begin. Raises InputError.

    `samples_only` is for what is known to have no header.
    """
    try:
        head = source.read(SIGNATURE_BYTES) if samples_only else _head(source)
        if not head:
            raise InputError(f"{source.shown} has ended without any sound.", "Is what should send it running?")
        known = _Known(source, head)
        if samples_only or not _is_container(source.shown, head, audio_format):
            return SampleReader(known, audio_format)
        from captions.audio.decoder import Decoder

        return Decoder(_Container(known), audio_format.rate)
    except BaseException:
        source.close()
        raise


class SampleReader:
    """Samples without a header: signed 16 bit, little-endian, interleaved, as `AudioFormat.pcm_...` say."""

    def __init__(self, source: Bytes, audio_format: AudioFormat) -> None:
        from captions.audio.mono import NOTHING, MonoResampler

        self.rate = audio_format.rate
        self._source = source
        self._pcm_rate = audio_format.pcm_rate
        self._channels = audio_format.pcm_channels
        self._resampler = MonoResampler(audio_format.rate)
        self._bytes = b""
        self._left = NOTHING

    def read(self, samples: int) -> Samples:
        """See Reader."""
        frame = 2 * self._channels
        while len(self._left) < samples:
            lacking = (samples - len(self._left)) * self._pcm_rate // self.rate + 1
            data = self._source.read(max(1, lacking * frame - len(self._bytes)))
            if not data:
                self._left = np.concatenate([self._left, self._resampler.flush()])
                break
            data = self._bytes + data
            whole = len(data) - len(data) % frame
            self._bytes = data[whole:]
            if whole:
                self._left = np.concatenate([self._left, self._converted(data[:whole])])
        taken, self._left = self._left[:samples], self._left[samples:]
        return taken

    def close(self) -> None:
        """See Reader."""
        self._source.close()

    def _converted(self, data: bytes) -> Samples:
        interleaved = np.frombuffer(data, dtype="<i2").astype(np.int16, copy=False)
        if self._pcm_rate == self.rate and self._channels == 1:
            return interleaved
        return self._resampler.convert_interleaved(interleaved, self._channels, self._pcm_rate)


class _Known:
    """Bytes of which the first have been read already."""

    def __init__(self, source: Bytes, head: bytes) -> None:
        self.shown = source.shown
        self._source = source
        self._head = head

    def read(self, size: int) -> bytes:
        if not self._head:
            return self._source.read(size)
        taken, self._head = self._head[:size], self._head[size:]
        return taken

    def interrupt(self) -> None:
        self._source.interrupt()

    def close(self) -> None:
        self._source.close()


class _Container:
    """A container that comes as bytes: Media that can be opened once."""

    def __init__(self, source: Bytes) -> None:
        self.shown = source.shown
        self._source = source

    def open(self) -> "InputContainer":
        import av

        from captions.audio.decoder import words

        try:
            # FFmpeg is given what to read from, never a name, and no way to open anything else.
            return av.open(self._source, mode="r", options={"protocol_whitelist": "none", **SOON})
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(
                f"{self.shown} cannot be read as sound or video: {words(error)}.",
                "It may be damaged, or of a kind that must be read as a file (MP4 with its index at the end).",
            ) from None

    def broken(self, error: Exception) -> InputError | None:
        return None

    def close(self) -> None:
        self._source.close()


def _head(source: Bytes) -> bytes:
    """Return as many first bytes as it takes to tell what they begin; fewer where no more come."""
    head = _more(source, b"", SIGNATURE_BYTES)
    if head and head[0] in SYNC_BYTES:
        return _more(source, head, SYNC_SAMPLE_BYTES)
    return _more(source, head, TEXT_BYTES) if _is_text(head) else head


def _more(source: Bytes, head: bytes, size: int) -> bytes:
    while len(head) < size and (data := source.read(size - len(head))):
        head += data
    return head


def _is_container(shown: str, head: bytes, audio_format: AudioFormat) -> bool:
    if any(head.startswith(signature, offset) for offset, signature in SIGNATURES):
        return True
    if _is_text(head):
        raise InputError(
            f"{shown} holds text, not sound.",
            "Send a recording or a stream of any kind, or samples: signed 16 bit, little-endian, at "
            f"{audio_format.pcm_rate} Hz, {audio_format.pcm_channels} channel(s).",
        )
    return head[0] in SYNC_BYTES and _is_synchronised(head)


def _is_text(head: bytes) -> bool:
    return not set(head) & CONTROLS and _is_utf8(head)


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"  # cut within a character
    return True


def _is_synchronised(head: bytes) -> bool:
    import av

    try:
        with av.open(io.BytesIO(head), options={"protocol_whitelist": "none"}) as container:
            return container.format.name in SYNCHRONISED
    except (av.FFmpegError, OSError, ValueError):
        return False
