"""What a stream of SpeechKit v3 is told: events in the service's order, with cursors into the audio.

- A status first, then with the audio an empty partial; partials; for each final its refinement, where normalisation
  is on; and the end of the utterance, at the same time as its last final. Then an empty partial again.
- A status as a sign of life for every `STATUS_SECONDS` of audio. Once, it is a warning, where audio comes faster than
  it is spoken and is ahead by `AHEAD_SECONDS`: the service is for the pace of speech, and this one for any.
- Partials and finals are raw: lower case without punctuation (raw_text.py). A refinement is text as the engine writes
  it where literature_text is on, and raw without it: numbers are written by the engine either way.
- Where a final or an utterance ends is where its last word does, and for an engine without times where the audio does
  that was heard by then. Where the client ends the utterance, it is where its message came in the audio.
- An utterance that the client ends without a word in it has an empty final.
- A language is told where the engine found it out, or where one was asked for, as certain: no engine gives more than
  its best guess.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from captions.proto import stt_v3_pb2 as pb
from captions.server.engines import Heard
from captions.server.protocol import Call
from captions.server.raw_text import one_by_one, raw_text, raw_word
from captions.server.specification import Asked

STATUS_SECONDS = 2.0
AHEAD_SECONDS = 10.0
"""Far more than a client that catches up after a break has to send at once."""
CHANNEL = "0"
"""The one channel's name."""


class Events:
    """Answers one stream."""

    def __init__(self, asked: Asked, call: Call) -> None:
        self._asked = asked
        self._clock = call.clock
        self._began = call.clock()
        self._session = pb.SessionUuid(uuid=call.id, user_request_id=call.metadata.get("x-client-request-id", ""))
        self._cursors = pb.AudioCursors()
        self._finals = 0
        self._open = False
        """Whether anything of the present utterance was told, be it that there is nothing yet."""
        self._audio_began: float | None = None
        self._status_at = 0.0
        self._warned = False

    def begin(self) -> Sequence[pb.StreamingResponse]:
        """See Answers."""
        return (self._response(status_code=pb.StatusCode(code_type=pb.WORKING)),)

    def took(self, position: float) -> Sequence[pb.StreamingResponse]:
        """See Answers."""
        now = self._clock()
        if self._audio_began is None:
            self._audio_began = now
        self._cursors.received_data_ms = _ms(position)
        told: list[pb.StreamingResponse] = []
        if position - self._status_at >= STATUS_SECONDS:
            self._status_at = position
            told.append(self._response(status_code=self._status(position - (now - self._audio_began))))
        if not self._open and position > 0.0:
            self._open = True
            told.append(self._response(partial=pb.AlternativeUpdate(channel_tag=CHANNEL)))
        return told

    def heard(self, heard: Heard, position: float) -> Sequence[pb.StreamingResponse]:
        """See Answers."""
        self._cursors.received_data_ms = _ms(position)
        return tuple(self._final(heard, position) if heard.final else self._partial(heard, position))

    def _partial(self, heard: Heard, position: float) -> Iterator[pb.StreamingResponse]:
        self._open = True
        end = heard.words[-1].end if heard.words else position
        self._cursors.partial_time_ms = max(self._cursors.final_time_ms, _ms(min(end, position)))
        yield self._response(partial=self._update(heard, self._cursors.partial_time_ms, written=False))

    def _final(self, heard: Heard, position: float) -> Iterator[pb.StreamingResponse]:
        self._open = True
        cursors = self._cursors
        if heard.end_of_utterance and self._asked.ended_by_client:
            end = position
        elif heard.words:
            end = min(heard.words[-1].end, position)
        else:
            end = position if heard.text else 0.0
        end_ms = max(cursors.final_time_ms, _ms(end))
        raw = self._update(heard, end_ms, written=False)
        refined = self._update(heard, end_ms, written=self._asked.literature_text)
        cursors.final_time_ms = end_ms
        cursors.partial_time_ms = max(cursors.partial_time_ms, end_ms)
        cursors.final_index = self._finals
        self._finals += 1
        yield self._response(final=raw)
        if self._asked.refinement:
            refinement = pb.FinalRefinement(final_index=cursors.final_index, normalized_text=refined)
            yield self._response(final_refinement=refinement)
        if heard.end_of_utterance:
            cursors.eou_time_ms = end_ms
            yield self._response(eou_update=pb.EouUpdate(time_ms=end_ms))
            cursors.eou_time_ms = 0
            self._open = False

    def _update(self, heard: Heard, end_ms: int, *, written: bool) -> pb.AlternativeUpdate:
        """Return what was heard between the last final and `end_ms`, as the engine writes it or raw."""
        alternative = pb.Alternative(
            text=heard.text if written else raw_text(heard.text),
            start_time_ms=_ms(heard.words[0].start) if heard.words else self._cursors.final_time_ms,
            end_time_ms=_ms(heard.words[-1].end) if heard.words else end_ms,
        )
        for word in one_by_one(heard.words):
            if text := word.text if written else raw_word(word.text):
                alternative.words.add(text=text, start_time_ms=_ms(word.start), end_time_ms=_ms(word.end))
        language = heard.language or self._asked.language
        if language in self._asked.engine.languages:  # and not what stands for several
            alternative.languages.add(language_code=language, probability=1.0)
        return pb.AlternativeUpdate(alternatives=[alternative], channel_tag=CHANNEL)

    def _status(self, ahead: float) -> pb.StatusCode:
        if self._warned or ahead < AHEAD_SECONDS:
            return pb.StatusCode(code_type=pb.WORKING)
        self._warned = True
        return pb.StatusCode(
            code_type=pb.WARNING,
            message=f"Audio comes faster than it is spoken: it is {ahead:.0f} s ahead. This is for real time",
        )

    def _response(self, **event: Any) -> pb.StreamingResponse:
        return pb.StreamingResponse(
            session_uuid=self._session,
            audio_cursors=self._cursors,
            response_wall_time_ms=_ms(self._clock() - self._began),
            channel_tag=CHANNEL,
            **event,
        )


def _ms(seconds: float) -> int:
    return round(seconds * 1000)
