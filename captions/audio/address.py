"""Sound from an address: over TCP, from a web server (files, streams, HLS), or over RTSP.

FFmpeg is given what was opened here, never an address, and no way to open anything by itself; RTSP alone it speaks
itself, over nothing but TCP. So what comes from an address cannot lead to a file on this machine, TLS is Python's,
which checks certificates, and credentials are known to nobody who might print them.
"""

import asyncio
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from captions.audio.live import Live, Reader, Reading
from captions.audio.location import Location, unreachable
from captions.audio.media import MonotonicClock, Playback
from captions.audio.names import SCHEMES, shown_name
from captions.audio.source import AudioFormat, AudioSource
from captions.audio.stream import headerless, open_reader
from captions.audio.threads import DaemonThread
from captions.audio.web import CONNECTING_LIMIT, SILENCE_LIMIT, WebMedia, shut_down
from captions.errors import InputError
from captions.plain_text import plain

if TYPE_CHECKING:
    from av.container import InputContainer

OPENING_LIMIT = 30.0
"""Seconds within which an address must have been reached and begun to send something that can be decoded."""

T = TypeVar("T")


async def open_address(name: str, audio_format: AudioFormat, position: int) -> AudioSource:
    """Open an address of one of `SCHEMES`.

    What has a length plays as a file does; anything else is live, and taken up again when it breaks off. Raises
    InputError: an address that is none, a host that does not answer, a server that refuses, or no sound.
    """
    location = parse(name)
    match location.scheme:
        case "tcp":
            return await _open_tcp(location, audio_format, position)
        case "rtsp":
            return await _open_media(location, RtspMedia(location), audio_format, position)
        case _:
            return await _open_media(location, WebMedia(location, audio_format), audio_format, position)


def parse(name: str) -> Location:
    """Return what an address says. Raises InputError."""
    shown = shown_name(name)
    scheme = name.partition("://")[0].lower()
    if scheme not in SCHEMES:
        raise InputError(
            f"{scheme}:// addresses cannot be captioned.",
            f"It takes {', '.join(f'{known}://' for known in SCHEMES)}, a file, a pipe or a device.",
        )
    location = Location.parse(name, shown)
    if location is None or (scheme == "tcp" and not location.port):
        form = "tcp://HOST:PORT" if scheme == "tcp" else f"{scheme}://HOST/PATH"
        raise InputError(f"{shown} is no address.", f"It takes the form {form}.")
    return location


async def _open_tcp(location: Location, audio_format: AudioFormat, position: int) -> Live:
    thread = DaemonThread("connecting")
    try:
        connection = await _within(thread, lambda: _connected(location), location.shown, lambda: None)
    finally:
        thread.shutdown()

    def opened() -> Reader:
        return open_reader(connection, audio_format, samples_only=headerless(location.path))

    reading = Reading(opened, connection.interrupt, audio_format.rate, audio_format.block_samples)
    try:
        await _first_piece(reading, location.shown)
    except BaseException:
        await reading.aclose()
        raise
    return Live("address", location.shown, reading, audio_format, position, live=True, silence_limit=SILENCE_LIMIT)


async def _open_media(
    location: Location, media: "WebMedia | RtspMedia", audio_format: AudioFormat, position: int
) -> AudioSource:
    from captions.audio.decoder import Decoder

    thread = DaemonThread("decoder")
    try:
        decoder = await _within(thread, lambda: Decoder(media, audio_format.rate), location.shown, media.interrupt)
        if media.finite:
            await _within(thread, decoder.check, location.shown, media.interrupt)
            clock = MonotonicClock()
            return Playback("address", location.shown, decoder, thread, audio_format, position, clock, media.interrupt)
    except BaseException:
        thread.submit(media.close)
        thread.shutdown()
        raise
    reading = Reading(lambda: decoder, media.interrupt, audio_format.rate, audio_format.block_samples, thread)
    try:
        await _first_piece(reading, location.shown)
    except BaseException:
        await reading.aclose()
        raise
    return Live(
        "address",
        location.shown,
        reading,
        audio_format,
        position,
        live=True,
        silence_limit=SILENCE_LIMIT,
        ends=InputError(f"{location.shown} has stopped sending.", "Is it still on the air?") if media.endless else None,
    )


async def _within(thread: DaemonThread, do: Callable[[], T], shown: str, interrupt: Callable[[], None]) -> T:
    """Do it in the thread, or give it up after `OPENING_LIMIT`."""
    try:
        return await asyncio.wait_for(asyncio.get_running_loop().run_in_executor(thread, do), OPENING_LIMIT)
    except TimeoutError:
        interrupt()
        raise _too_slow(shown) from None
    except BaseException:
        interrupt()
        raise


async def _first_piece(reading: Reading, shown: str) -> None:
    """Wait until there is sound, which stays to be taken. Raises InputError where there is none."""
    piece = asyncio.wrap_future(reading.next_piece())
    try:
        samples = await asyncio.wait_for(asyncio.shield(piece), OPENING_LIMIT)
    except TimeoutError:
        piece.add_done_callback(lambda done: done.cancelled() or done.exception())
        raise _too_slow(shown) from None
    if not len(samples):
        from captions.audio.decoder import no_sound

        raise no_sound(shown)


def _too_slow(shown: str) -> InputError:
    return InputError(
        f"{shown} has sent no sound within {OPENING_LIMIT:g} seconds.", "Is it on the air? Try again, or another input."
    )


class TcpConnection:
    """Bytes over a connection."""

    def __init__(self, connected: socket.socket, shown: str) -> None:
        self.shown = shown
        self._socket = connected
        self._interrupted = False

    def read(self, size: int) -> bytes:
        """See Bytes."""
        try:
            data = self._socket.recv(size)
        except TimeoutError:
            raise InputError(
                f"{self.shown} has sent nothing for {SILENCE_LIMIT:g} seconds.", "Is it still on the air?"
            ) from None
        except OSError as error:
            if self._interrupted:
                return b""
            raise InputError(
                f"The connection to {self.shown} broke: {plain(error.strerror or str(error))}.",
                "Is what should send it running?",
            ) from None
        return b"" if self._interrupted else data

    def interrupt(self) -> None:
        """See Bytes."""
        self._interrupted = True
        shut_down(self._socket)

    def close(self) -> None:
        """See Bytes."""
        self._socket.close()


def _connected(location: Location) -> TcpConnection:
    assert location.port is not None
    try:
        connected = socket.create_connection((location.host, location.port), CONNECTING_LIMIT)
    except (OSError, UnicodeError) as error:
        raise unreachable(location, error) from None
    connected.settimeout(SILENCE_LIMIT)
    return TcpConnection(connected, location.shown)


class RtspMedia:
    """A stream over RTSP, its packets within the one connection: what a firewall lets through."""

    endless = True

    def __init__(self, location: Location) -> None:
        self.shown = location.shown
        self.finite = False
        self._address = location.with_credentials()
        self._host = location.host
        self._container: InputContainer | None = None

    def open(self) -> "InputContainer":
        """See Media."""
        import av

        from captions.audio.decoder import words

        options = {"rtsp_transport": "tcp", "protocol_whitelist": "tcp", "format_whitelist": "rtsp"}
        try:
            self._container = av.open(
                self._address, mode="r", format="rtsp", options=options, timeout=(CONNECTING_LIMIT, SILENCE_LIMIT)
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise InputError(
                f"{self.shown} cannot be heard: {words(error)}.", "Check the address, and that its server is running."
            ) from None
        self.finite = self._container.duration is not None and self._container.duration > 0
        return self._container

    def broken(self, error: Exception) -> InputError | None:
        """See Media."""
        import av

        from captions.audio.decoder import words

        if isinstance(error, OSError | av.ExitError):
            return InputError(f"{self.shown} broke off: {words(error)}.", "Is it still on the air?")
        return None

    def interrupt(self) -> None:
        """Do nothing: FFmpeg's own limits end a read that waits, in a thread that nobody waits for."""

    def close(self) -> None:
        """See Media."""
        if self._container is not None:
            self._container.close()
