"""What a stream of SpeechKit v3 makes of events.

Results are written as `~ text` for what may change, `= text` for a final, and `= text |` for one that ends its
utterance.
"""

from collections.abc import Sequence

from captions.proto import stt_v3_pb2 as pb
from captions.recognition.recognizer import RecognitionOptions, Remark, Result
from tests.recognition.streams import BLOCK, V3, noise, stream_to
from tests.scripted_server import ServedStream

RAW = RecognitionOptions(raw_results=True)
NORMALIZED = RecognitionOptions()


async def results_of(*events: pb.StreamingResponse, options: RecognitionOptions = NORMALIZED) -> list[Result]:
    """Return what a stream makes of these events."""

    async def script(stream: ServedStream) -> None:
        await stream.config()
        await stream.audio(BLOCK)
        await stream.reply(*events)

    async with V3.server(script) as server, stream_to(server, options) as stream:
        await stream.send(noise(BLOCK))
        return [result async for result in stream.results()]


def written(results: Sequence[Result]) -> list[str]:
    """Return each result in one line."""
    lines = []
    for result in results:
        if isinstance(result, Remark):
            parts = ["!", result.text]
        else:
            parts = ["=" if result.final else "~", result.text, "|" if result.end_of_utterance else ""]
        lines.append(" ".join(part for part in parts if part))
    return lines


async def told(*events: pb.StreamingResponse, options: RecognitionOptions = NORMALIZED) -> list[str]:
    """Return what is told for good."""
    return [text for text in written(await results_of(*events, options=options)) if text.startswith("=")]
