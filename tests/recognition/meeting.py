"""A meeting in the code of tones: somebody talks without end, a session captions it, and every word is accounted for.

    async with Meeting(seed=7, speed=20) as meeting:
        await meeting.endure([Fault(Stage.IN_WORD, Status(grpc.StatusCode.INTERNAL))])
        await meeting.end()
    meeting.account().check()

Speech comes at the pace of the loop's clock (`hurry`), or with `paced=False` as fast as it is taken.
"""

import asyncio
import contextlib
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random
from types import TracebackType
from typing import Self

os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")

import grpc.aio

from captions.audio.block import AudioBlock
from captions.audio.source import AudioFormat
from captions.events import Event, Final, Gap, Phase, SessionState, Word
from captions.recognition.limits import StreamLimits
from captions.recognition.listening import Listening
from captions.recognition.recognizer import RecognitionOptions
from captions.recognition.remote import RemoteRecognizer
from captions.recognition.session import Session
from captions.server.limits import Limits
from tests.recognition.disturbances import Disturbed, Fault, Manners
from tests.recognition.tongues import V2, Tongue
from tests.tcp_proxy import TcpProxy
from tests.tone_code import ToneDetector, ToneEngine, encode, speech_like

WORDS_AT_A_TIME = 10
PLACED_WITHIN = 0.2
"""Seconds by which a word's time may be off."""
UNLIMITED = Limits().unlimited()
EVERY_CASE = bool(os.environ.get("EVERY_CASE"))
"""Whether those cases are tried as well that are left out of the usual run to save time."""


class Talk:
    """A source in which somebody counts without end, until told to `end`. `words` is the truth."""

    kind = "file"
    live = False
    name = "talk"

    def __init__(self, gaps: Iterator[float], audio_format: AudioFormat, position: int = 0, first: int = 0) -> None:
        self.words: list[Word] = []
        self._gaps = gaps
        self._format = audio_format
        self._position = position
        self._next = first
        self._ending = False
        self._closed = False
        self._missing = 0.0
        self.holes: list[tuple[float, float]] = []
        """From when to when sound was lost before it came here, in seconds."""

    def miss(self, seconds: float) -> None:
        """Lose so much sound from the next block on, as a microphone does that is not read in time."""
        self._missing = seconds

    def _lose(self, seconds: float) -> None:
        now = self._position / self._format.rate
        if self.holes and now - self.holes[-1][1] < 1e-6:
            self.holes[-1] = self.holes[-1][0], now + seconds
        else:
            self.holes.append((now, now + seconds))
        self._missing -= seconds

    def end(self) -> None:
        """Stop after the sentence."""
        self._ending = True

    async def blocks(self) -> AsyncIterator[AudioBlock]:
        loop = asyncio.get_running_loop()
        rate, length = self._format.rate, self._format.block_samples
        began = loop.time() - self._position / rate
        while not (self._ending or self._closed):
            spoken = encode(range(self._next, self._next + WORDS_AT_A_TIME), self._gaps, rate=rate)
            self._next += WORDS_AT_A_TIME
            offset = self._position / rate
            self.words += [Word(word.text, offset + word.start, offset + word.end) for word in spoken.words]
            for start in range(0, len(spoken.samples), length):
                if self._missing > 0.0:
                    lost = len(spoken.samples[start : start + length])
                    self._lose(lost / rate)
                    self._position += lost
                    continue
                block = AudioBlock(spoken.samples[start : start + length], self._position, rate)
                if self._format.real_time:
                    await asyncio.sleep(began + block.end / rate - loop.time())
                self._position = block.end
                yield block

    def pause(self) -> None:
        raise NotImplementedError

    def resume(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        self._closed = True


@dataclass(frozen=True, slots=True)
class Account:
    """What became of each word that was said."""

    said: int
    lost: list[Word]
    """Words that were not heard, though no gap says so."""
    doubled: list[str]
    strange: list[str]
    """Words that nobody said."""
    disorder: list[tuple[str, str]]
    """Neighbours that came in the wrong order."""
    misplaced: list[tuple[Word, Word]]
    """Words at a wrong time: said, and heard."""
    unlost: list[Word]
    """Words that were heard, though they lie in a gap."""
    gaps: list[Gap]
    worst_caption: float
    """Seconds by which the place of a caption was wrong at most."""
    seed: int
    about: str

    def check(self, gaps: Iterable[tuple[float, float]] | None = (), *, unlost: bool = False) -> None:
        """Fail unless every word was heard once, in order, at its time, and there are these gaps only; None for any.

        Words may be missing in gaps only, and none may be heard that lies within one, unless `unlost` allows it.
        """
        faults = ["lost", "doubled", "strange", "disorder", "misplaced"] + ["unlost"] * (not unlost)
        wrong = {name: getattr(self, name) for name in faults if getattr(self, name)}
        assert not wrong, f"seed {self.seed}: of {self.said} words: {wrong} {self.about}"
        found = [(round(gap.start, 2), round(gap.end, 2)) for gap in self.gaps]
        expected = found if gaps is None else [(round(start, 2), round(end, 2)) for start, end in gaps]
        assert found == expected, f"seed {self.seed}: gaps {found}, but {expected} were lost"


def account(said: list[Word], events: list[Event], seed: int, about: str = "") -> Account:
    """Compare what was said with the finals and gaps of a session."""
    truth = {word.text: word for word in said}
    gaps = [event for event in events if isinstance(event, Gap)]
    finals = [event for event in events if isinstance(event, Final)]
    heard = [text for final in finals for text in final.text.split()]
    counted = Counter(heard)
    known = [text for text in heard if text in truth]
    placed = [word for final in finals for word in final.words]
    worst = 0.0
    for final in finals:
        words = [truth[text] for text in final.text.split() if text in truth]
        if words:
            worst = max(worst, abs(final.start - words[0].start), abs(final.end - words[-1].end))
    return Account(
        said=len(said),
        lost=[w for w in said if w.text not in counted and not any(g.start < w.end and w.start < g.end for g in gaps)],
        doubled=[text for text, count in counted.items() if count > 1],
        strange=[text for text in counted if text not in truth],
        disorder=[(one, two) for one, two in pairwise(known) if int(one) > int(two)],
        misplaced=[
            (truth[word.text], word)
            for word in placed
            if word.text in truth
            and max(abs(word.start - truth[word.text].start), abs(word.end - truth[word.text].end)) > PLACED_WITHIN
        ],
        unlost=[w for w in said if w.text in counted and any(g.start < w.start and w.end < g.end for g in gaps)],
        gaps=gaps,
        worst_caption=worst,
        seed=seed,
        about=about,
    )


@dataclass(eq=False)
class Meeting:
    """A session that listens to a talk through the local server, with a link between them that can be broken.

    `limits` are the server's, `stream_limits` what the session believes of them.
    """

    seed: int = 0
    tongue: Tongue = V2
    paced: bool = True
    engine: ToneEngine = field(default_factory=ToneEngine)
    limits: Limits = UNLIMITED
    stream_limits: StreamLimits = field(default_factory=StreamLimits)
    manners: Manners = field(default_factory=Manners)
    gaps: Iterator[float] | None = None
    block_ms: int = 100
    options: RecognitionOptions = field(default_factory=lambda: RecognitionOptions(language_code="en-US"))
    through_link: bool = True
    silence_seconds: float = 0.0
    kept_seconds: float = 600.0
    corrected: bool = False
    """Whether somebody corrects the settings two seconds after an error has stopped the session."""

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.events: list[Event] = []
        self.stops = 0
        """How often an error has stopped the session."""
        self.disturbed = Disturbed(self.tongue, self.manners, Random(self.seed))
        self._moved = asyncio.Event()
        self._server: grpc.aio.Server | None = None
        self._target = "127.0.0.1:0"
        self._everything = contextlib.AsyncExitStack()

    async def serve(self) -> None:
        """Serve; after `kill` on the same port again."""
        self._server = grpc.aio.server(
            interceptors=(self.disturbed,),
            options=[
                ("grpc.http2.min_ping_interval_without_data_ms", 10),
                ("grpc.http2.max_ping_strikes", 0),
            ],
        )
        self._server.add_generic_rpc_handlers((self.tongue.handler(self.engine, self.limits),))
        port = self._server.add_insecure_port(self._target)
        self._target = f"127.0.0.1:{port}"
        await self._server.start()

    async def kill(self) -> None:
        """End the server at once, with all of its streams."""
        assert self._server is not None
        await self._server.stop(None)

    async def __aenter__(self) -> Self:
        await self.serve()
        self.link = TcpProxy(self._target)
        if self.through_link:
            await self._everything.enter_async_context(self.link)
        self.recognizer = self.make_recognizer()
        self.session = Session(
            self.listening(),
            self._tell,
            open_source=self._open,
            make_detector=ToneDetector,
            clock=asyncio.get_running_loop().time,
        )
        self._watching = asyncio.create_task(self.session.run())
        self.session.use_input("talk")
        await self.until(lambda: hasattr(self, "talk"))
        self._correcting = asyncio.create_task(self._correct()) if self.corrected else None
        return self

    async def _correct(self) -> None:
        while True:
            await self.until(lambda: self.session.error is not None, None)
            self.stops += 1
            await asyncio.sleep(2.0)
            self.session.use_listening(self.listening())

    def make_recognizer(self) -> RemoteRecognizer:
        """A recogniser that reaches the server."""
        return RemoteRecognizer(self.tongue.dialect, self.link.target if self.through_link else self._target, tls=False)

    def listening(self) -> Listening:
        """How the session listens."""
        audio_format = AudioFormat(self.options.sample_rate_hertz, self.block_ms, real_time=self.paced)
        return Listening(
            self.recognizer,
            lambda languages: self.options,
            audio_format,
            self.silence_seconds,
            self.kept_seconds,
            self.stream_limits,
        )

    async def _open(self, name: str, audio_format: AudioFormat, position: int) -> Talk:
        self.talk = Talk(self.gaps or speech_like(self.chance), audio_format, position)
        return self.talk

    def _tell(self, event: Event) -> None:
        self.events.append(event)
        self._moved.set()

    async def until(self, condition: Callable[[], bool], seconds: float | None = 600.0) -> None:
        """Wait for what the session tells."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._moved.clear()
                waiting = asyncio.ensure_future(self._moved.wait())
                await asyncio.wait({waiting, self._watching}, return_when=asyncio.FIRST_COMPLETED)
                waiting.cancel()
                if self._watching.done():
                    self._watching.result()

    async def said(self, words: int) -> None:
        """Wait until so many words were said in all."""
        await self.until(lambda: len(self.talk.words) >= words, None)

    async def endure(self, faults: Iterable[Fault], longest: float = 120.0) -> None:
        """Let faults strike one after another. Raises TimeoutError when none comes about in `longest` seconds."""
        for fault in faults:
            await asyncio.sleep(fault.after)
            self.disturbed.fault = fault
            async with asyncio.timeout(longest):
                await fault.over.wait()

    async def end(self) -> None:
        """Stop talking, and have all that was said heard."""
        self.talk.end()
        await self.until(lambda: self.session.phase is Phase.ENDED)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._correcting is not None:
            self._correcting.cancel()
        await self.session.stop(1.0)
        await self.recognizer.aclose()
        await self._everything.aclose()
        await self.kill()
        if self._watching.done():
            self._watching.result()
        self._watching.cancel()

    def of(self, kind: type[Event]) -> list[Event]:
        """All events of a kind so far."""
        return [event for event in self.events if isinstance(event, kind)]

    def account(self) -> Account:
        """What became of the words."""
        states = [f"{event.phase.value}: {event.detail}" for event in self.events if isinstance(event, SessionState)]
        return account(self.talk.words, self.events, self.seed, f"{self.disturbed.opened} streams; {states[-12:]}")
