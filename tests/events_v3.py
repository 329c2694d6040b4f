"""Events of SpeechKit v3, as scripts of `tests/scripted_server.py` send them. Times are in seconds of the audio.

    await stream.reply(status(), partial("hello", words=[("hello", 0.2, 0.6)]), final("hello", until=0.7), eou(0.7))

`received` is how much the service has received, `until` up to where finals have come: its cursors, which are left out
where neither is given.
"""

from collections.abc import Iterable, Mapping, Sequence

from captions.proto import stt_service_v2_pb2 as v2
from captions.proto import stt_v3_pb2 as pb

WordTimes = Sequence[tuple[str, float, float]]
"""Words with start and end in seconds of the stream's audio."""


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)


def _response(received: float | None = None, until: float | None = None, index: int = 0) -> pb.StreamingResponse:
    response = pb.StreamingResponse(
        session_uuid=pb.SessionUuid(uuid="session", user_request_id="request"), channel_tag="0"
    )
    if received is not None or until is not None:
        response.audio_cursors.received_data_ms = _milliseconds(max(received or 0.0, until or 0.0))
        response.audio_cursors.final_time_ms = _milliseconds(until or 0.0)
        response.audio_cursors.final_index = index
    return response


def _alternative(text: str, words: WordTimes, languages: Mapping[str, float]) -> pb.Alternative:
    return pb.Alternative(
        text=text,
        words=[
            pb.Word(text=word, start_time_ms=_milliseconds(start), end_time_ms=_milliseconds(end))
            for word, start, end in words
        ],
        languages=[
            pb.LanguageEstimation(language_code=code, probability=probability)
            for code, probability in languages.items()
        ],
    )


def status(code: pb.CodeType = pb.WORKING, message: str = "", *, received: float | None = None) -> pb.StreamingResponse:
    """Return a sign of life, or what the service says of the stream."""
    response = _response(received)
    response.status_code.code_type = code
    response.status_code.message = message
    return response


def partial(
    *texts: str, words: WordTimes = (), received: float | None = None, until: float | None = None
) -> pb.StreamingResponse:
    """Return a hypothesis with these alternatives; `words` are of the first."""
    response = _response(received, until)
    response.partial.alternatives.extend(
        _alternative(text, words if number == 0 else (), {}) for number, text in enumerate(texts)
    )
    response.partial.SetInParent()
    return response


def final(
    text: str,
    *,
    words: WordTimes = (),
    until: float | None = None,
    received: float | None = None,
    index: int = 0,
    languages: Mapping[str, float] = {},
) -> pb.StreamingResponse:
    """Return what will not change; an empty text has no alternative."""
    response = _response(received, until, index)
    if text:
        response.final.alternatives.append(_alternative(text, words, languages))
    response.final.SetInParent()
    return response


def refined(text: str, *, index: int = 0, received: float | None = None) -> pb.StreamingResponse:
    """Return the normalized text of a final."""
    response = _response(received)
    response.final_refinement.final_index = index
    response.final_refinement.normalized_text.alternatives.append(_alternative(text, (), {}))
    return response


def eou(time: float = 0.0, *, received: float | None = None) -> pb.StreamingResponse:
    """Return the end of an utterance; without a time where that is 0."""
    response = _response(received)
    response.eou_update.time_ms = _milliseconds(time)
    response.eou_update.SetInParent()
    return response


def in_the_words_of(chunk: v2.SpeechRecognitionChunk) -> Iterable[pb.StreamingResponse]:
    """Yield the events that say what a chunk of SpeechKit v2 does."""
    alternative = chunk.alternatives[0] if chunk.alternatives else v2.SpeechRecognitionAlternative()
    words = [
        (word.word, word.start_time.ToMilliseconds() / 1000, word.end_time.ToMilliseconds() / 1000)
        for word in alternative.words
    ]
    if not chunk.final:
        yield partial(*(one.text for one in chunk.alternatives))
        return
    until = words[-1][2] if words else None
    yield final(alternative.text, words=words, until=until)
    yield refined(alternative.text)
    if chunk.end_of_utterance:
        yield eou(until or 0.0)
