"""Sound over TCP and RTSP is heard live, and taken up again when it breaks off."""

import asyncio
import itertools
import socket
import time

import numpy as np
import pytest

from captions.audio import endless, live
from captions.audio.block import AudioBlock, Samples
from captions.audio.endless import Missed
from captions.audio.source import open_source
from captions.errors import InputError
from tests.audio.listening import (
    FAST,
    LIVE,
    SECRET,
    all_of,
    said,
    taken_up_again,
)
from tests.audio.tones import collected, loudest_frequency, rms, tone
from tests.audio.web_server import TcpServer, reset
from tests.tone_code import Spoken

# TCP


async def test_samples_and_containers_come_over_tcp(talk: Spoken, recording: bytes) -> None:
    for data in (talk.samples.tobytes(), recording):
        with TcpServer(lambda connection, data=data: connection.sendall(data)) as server:  # type: ignore[misc]
            source, samples = await all_of(server.url)
            assert (source.kind, source.name, source.live) == ("address", server.url, True)
            assert np.array_equal(samples, talk.samples)


async def test_a_connection_that_breaks_is_taken_up_again(talk: Spoken, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(endless, "RETRY_SECONDS", 0.05)

    def breaks(connection: socket.socket) -> None:
        connection.sendall(talk.samples[:64_000].tobytes())
        time.sleep(0.3)
        reset(connection)

    def refuses(connection: socket.socket) -> None:
        reset(connection)

    with TcpServer(breaks, refuses, refuses, lambda connection: connection.sendall(talk.samples.tobytes())) as server:
        items = await taken_up_again(server.url)
        assert server.served == 4
    assert [type(item).__name__ for item in items if not isinstance(item, AudioBlock)] == [
        "Opened", "Lost", "Missed", "Opened",
    ]  # fmt: skip
    blocks = [item for item in items if isinstance(item, AudioBlock)]
    gaps = [after.position - before.end for before, after in itertools.pairwise(blocks)]
    missed = next(item for item in items if isinstance(item, Missed))
    assert [gap for gap in gaps if gap] == [round(missed.seconds * 16_000)]


async def test_a_stream_is_tried_again_less_and_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    waits = [endless._wait("address", tries) for tries in range(8)]
    assert waits == [0.0, 1.0, 2.0, 4.0, 8.0, 15.0, 15.0, 15.0]
    assert [endless._wait("microphone", tries) for tries in range(4)] == [0.0, 1.0, 1.0, 1.0]


async def test_what_nobody_takes_stays_with_the_server() -> None:
    sent = []

    def sends(connection: socket.socket) -> None:
        for _ in range(400):
            connection.sendall(bytes(64_000))
            sent.append(64_000)

    with TcpServer(sends) as server:
        source = await open_source(server.url, FAST)
        await anext(source.blocks())
        await asyncio.sleep(0.5)  # as long as nobody takes anything
        assert sum(sent) < 12_000_000
        await source.aclose()


async def test_a_live_stream_waits_no_longer_than_its_lead(talk: Spoken) -> None:
    with TcpServer(lambda connection: connection.sendall(talk.samples.tobytes())) as server:
        source = await open_source(server.url, LIVE)
        start = time.monotonic()
        samples = await collected(source.blocks())
        assert talk.seconds < live.LEAD_SECONDS
        assert time.monotonic() - start < 5
        assert len(samples) == len(talk.samples)
        await source.aclose()


# RTSP


class RtspServer:
    """An RTSP server with one stream: 440 Hz at 16 kHz, as L16 packets within the connection."""

    def __init__(self, seconds: float, *, breaks: bool = False) -> None:
        self._packets = round(seconds * 50)
        self._breaks = breaks
        self.transports: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        file = connection.makefile("rb")
        while line := file.readline():
            method, _, _ = line.decode().partition(" ")
            headers: dict[str, str] = {}
            while row := file.readline().decode().strip():
                key, _, value = row.partition(":")
                headers[key.lower()] = value.strip()
            answer = ["RTSP/1.0 200 OK", f"CSeq: {headers['cseq']}", "Session: 1;timeout=60"]
            body = ""
            if method == "OPTIONS":
                answer.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
            elif method == "DESCRIBE":
                body = (
                    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=x\r\nt=0 0\r\nm=audio 0 RTP/AVP 97\r\n"
                    "a=rtpmap:97 L16/16000/1\r\na=control:one\r\n"
                )
                answer += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            elif method == "SETUP":
                self.transports.append(headers["transport"])
                answer.append("Transport: RTP/AVP/TCP;unicast;interleaved=0-1")
            connection.sendall(("\r\n".join(answer) + "\r\n\r\n" + body).encode())
            if method == "PLAY":
                self._play(connection)
                return

    def _play(self, connection: socket.socket) -> None:
        sound = np.round(tone(440, self._packets / 50, 16_000)[0] * 32767).astype(">i2")
        for number in range(self._packets):
            payload = sound[number * 320 : (number + 1) * 320].tobytes()
            header = bytes([0x80, 97]) + number.to_bytes(2, "big") + (number * 320).to_bytes(4, "big") + bytes(4)
            packet = header + payload
            connection.sendall(b"$\x00" + len(packet).to_bytes(2, "big") + packet)
        if self._breaks:
            time.sleep(0.3)
            reset(connection)


async def test_rtsp_is_heard_within_its_one_connection() -> None:
    stream = RtspServer(5.0)
    with TcpServer(stream) as server:
        source = await open_source(f"rtsp://me:{SECRET}@127.0.0.1:{server.port}/live?key={SECRET}", FAST)
        assert source.name == f"rtsp://127.0.0.1:{server.port}/live?…"
        got: list[Samples] = []

        async def listen() -> None:
            async for block in source.blocks():
                got.append(block.samples)

        with pytest.raises(InputError) as caught:  # a camera does not end: that it does is a break
            await asyncio.wait_for(listen(), 30)
        await source.aclose()
    assert SECRET not in str(caught.value)
    assert "TCP" in stream.transports[0]
    samples = np.concatenate(got)
    assert len(samples) / 16_000 == pytest.approx(5.0, abs=0.2)
    assert loudest_frequency(samples, 16_000) == pytest.approx(440, abs=1)
    assert rms(samples) > 0.3


async def test_an_rtsp_server_that_refuses_is_told() -> None:
    def refuses(connection: socket.socket) -> None:
        connection.recv(4_096)
        connection.sendall(b"RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\n\r\n")

    with TcpServer(refuses) as server:
        error = await said(f"rtsp://me:{SECRET}@127.0.0.1:{server.port}/live")
        assert "cannot be heard" in error.message


def test_nothing_is_loaded_for_addresses_until_one_is_opened() -> None:
    from tests.audio.test_imports import loaded

    assert "captions.audio.web" not in loaded("import captions.audio.source")
