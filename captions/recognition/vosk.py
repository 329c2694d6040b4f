"""vosk-server over gRPC: SpeechKit v2's messages under another package.

What the server does, from its code (alphacep/vosk-server, grpc/stt_server.py, and the recogniser of alphacep/vosk-api)
and from trying Vosk 0.3.45 behind it:

- Of the settings it uses the sample rate, whether partials are wanted, the number of alternatives and whether words are
  to have times. Language, model, profanity filter, raw results and single utterance are not looked at: a server has one
  model. Audio is taken for samples whatever its encoding is said to be.
- Every message of audio is answered: with a partial, empty too, where those are wanted; or with a final where its
  endpointer found the end of an utterance, which may be long after the last word. A final comes after the half-close in
  any case. Finals of silence are empty, and come about every five seconds of it.
- `end_of_utterance` is never set. A final resets the recogniser, so it ends its utterance, if there was one.
- Words have times in finals only, from the start of the stream's audio, in steps of 10 or 30 ms, and only where asked
  for; servers of before 2021 do not know that they are. Confidences are not used here.
- Failures of the recogniser come as UNKNOWN. There are no limits and no credentials. It serves as many streams at once
  as it has processors; others wait without a word until it is their turn.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from google.protobuf.message import Message

from captions.audio.block import Samples
from captions.proto import stt_service_vosk_pb2 as pb
from captions.recognition.chosen import samples_only
from captions.recognition.dialect import Metadata
from captions.recognition.limits import StreamLimits
from captions.recognition.recognizer import Encoding, Hypothesis, RecognitionOptions, Result
from captions.recognition.speechkit_v2 import hypotheses


class Vosk:
    """The dialect."""

    kind = "vosk"
    service = "vosk"
    method = "/vosk.stt.v1.SttService/StreamingRecognize"
    response: type[Message] = pb.StreamingRecognitionResponse
    languages: tuple[str, ...] = ()
    limits = StreamLimits()

    def converse(self, options: RecognitionOptions, folder_id: str) -> "VoskConversation":
        """See Dialect. There are no folders."""
        return VoskConversation(options)


VOSK = Vosk()


class VoskConversation:
    """One StreamingRecognize call. Raises SettingError for audio that is not LINEAR16_PCM."""

    metadata: Metadata = ()

    def __init__(self, options: RecognitionOptions) -> None:
        if options.audio_encoding is not Encoding.LINEAR16_PCM:
            raise samples_only()
        specification = pb.RecognitionSpec(
            audio_encoding=pb.RecognitionSpec.LINEAR16_PCM,
            sample_rate_hertz=options.sample_rate_hertz,
            partial_results=options.partial_results,
            enable_word_time_offsets=True,
        )
        self.settings: Message = pb.StreamingRecognitionRequest(
            config=pb.RecognitionConfig(specification=specification)
        )
        self._told: float | None = 0.0
        """The end of the last word that was final, in seconds of this stream; None where words have no times."""

    def audio(self, content: bytes) -> Message:
        """See Conversation."""
        return pb.StreamingRecognitionRequest(audio_content=content)

    def samples(self, samples: Samples) -> Iterable[Message]:
        """See Conversation."""
        return [self.audio(samples.astype("<i2", copy=False).tobytes())] if len(samples) else []

    def heard(self, response: Any) -> Sequence[Result]:
        """See Conversation."""
        return list(self._heard(response))

    def ended(self) -> Sequence[Result]:
        """See Conversation. Nothing is ever held back."""
        return ()

    def _heard(self, response: pb.StreamingRecognitionResponse) -> Iterator[Hypothesis]:
        for said in hypotheses(response):
            if said.final and said.words:
                self._told = said.words[-1].end
            elif said.final and said.text:
                self._told = None
            ends = said.final and bool(said.text)
            yield Hypothesis(said.text, said.final, ends, said.words, covered=self._told)
