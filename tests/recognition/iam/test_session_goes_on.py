"""From the key's file to the captions: a session outlives its tokens, and tells nobody what they were."""

import asyncio
import wave
from pathlib import Path

import grpc
import numpy as np
import pytest

from captions.engine import Engine
from captions.events import Event, Final, Phase, SessionState
from captions.settings import Settings
from tests.recognition.iam.keys import key_json, pem
from tests.recognition.iam.stand_in import Said, StandIn, said, token
from tests.scripted_server import ScriptedServer, ServedStream, final


class Service:
    """Takes streams with the token that counts now. The first one ends half-way, and with it the token."""

    def __init__(self) -> None:
        self.valid = "Bearer t1.secret-one"
        self.tokens: list[str] = []

    async def script(self, stream: ServedStream) -> None:
        self.tokens.append(str(stream.metadata["authorization"]))
        config = await stream.config()
        assert config.folder_id == ""
        if self.tokens[-1] != self.valid:
            await stream.abort(grpc.StatusCode.UNAUTHENTICATED, f"The token {self.tokens[-1]} has run out")
        if self.valid.endswith("one"):
            await stream.audio(16_000)
            await stream.reply(final("before", end_of_utterance=True))
            self.valid = "Bearer t1.secret-two"
            await stream.abort(grpc.StatusCode.OUT_OF_RANGE, "Exceeded maximum allowed stream duration")
        await stream.until_half_close()
        await stream.reply(final("after", end_of_utterance=True))


def talk(folder: Path) -> str:
    with wave.open(str(folder / "talk.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(np.random.default_rng(1).integers(-9_000, 9_000, 48_000, np.int16).tobytes())
    return str(folder / "talk.wav")


async def test_a_session_goes_on_with_another_token_when_one_is_refused(
    tmp_path: Path, cloud: StandIn, ca_file: str, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "key.json").write_text(key_json())
    # The exchange has a fault when it is needed most: that is waited out.
    cloud.says(token("t1.secret-one"), Said(503), token("t1.secret-two"))
    told: list[Event] = []
    ended = asyncio.Event()

    def tell(event: Event) -> None:
        told.append(event)
        if isinstance(event, SessionState) and event.phase in (Phase.ENDED, Phase.FAILED):
            ended.set()

    service = Service()
    async with ScriptedServer(service.script) as server:
        settings = Settings(
            input=talk(tmp_path),
            endpoint=server.target,
            tls=False,
            credentials_file=str(tmp_path / "key.json"),
            folder_id="b1g-not-for-a-service-account",
            iam_endpoint=cloud.address,
            ca_file=ca_file,
        )
        engine = Engine(settings, tell, environment={}, folder=tmp_path / "sessions", real_time=False)
        running = asyncio.create_task(engine.run())
        await asyncio.wait_for(ended.wait(), 60)
        await engine.stop()
        await running
    assert [event.text for event in told if isinstance(event, Final)] == ["before", "after"]
    assert service.tokens == ["Bearer t1.secret-one"] * 2 + ["Bearer t1.secret-two"]
    assert len(cloud.requests) == 3
    journals = "".join(path.read_text() for path in (tmp_path / "sessions").rglob("*") if path.is_file())
    everything = journals + repr(told) + caplog.text
    for secret in ("t1.secret", pem().splitlines()[3], cloud.requests[0].body["jwt"][:40]):
        assert secret not in everything


async def test_a_key_that_was_deleted_stops_the_session_in_words(tmp_path: Path, cloud: StandIn, ca_file: str) -> None:
    (tmp_path / "key.json").write_text(key_json())
    cloud.says(said({"code": 16, "message": "Key 'ajekey00000000000001' was not found"}, 401))
    failed: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def tell(event: Event) -> None:
        if isinstance(event, SessionState) and event.phase is Phase.FAILED and not failed.done():
            failed.set_result(event.detail)

    settings = Settings(
        input=talk(tmp_path),
        endpoint="127.0.0.1:1",
        tls=False,
        credentials_file=str(tmp_path / "key.json"),
        iam_endpoint=cloud.address,
        ca_file=ca_file,
    )
    engine = Engine(settings, tell, environment={}, folder=tmp_path / "sessions", real_time=False)
    running = asyncio.create_task(engine.run())
    detail = await asyncio.wait_for(failed, 30)
    await engine.stop()
    await running
    assert "Key 'ajekey00000000000001' was not found" in detail
    assert "make another" in detail
