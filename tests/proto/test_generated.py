"""The checked-in messages are what protos/ makes, and they live beside the vendor's own."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from captions.proto import stt_service_v2_pb2 as pb
from captions.proto import stt_service_vosk_pb2 as vosk
from captions.proto import stt_v3_pb2 as v3

TOP = Path(__file__).parents[2]
CHECKED_IN = TOP / "captions" / "proto"


def test_generating_again_makes_no_difference(tmp_path: Path) -> None:
    subprocess.run([sys.executable, TOP / "protos" / "generate.py", tmp_path], check=True)
    made = {path.name: path.read_text() for path in tmp_path.iterdir()}
    kept = {path.name: path.read_text() for path in CHECKED_IN.glob("*_pb2.py*")}
    assert made == kept
    assert made


def test_names_and_numbers_are_the_services() -> None:
    spec = {field.name: field.number for field in pb.RecognitionSpec.DESCRIPTOR.fields}
    assert pb.RecognitionSpec.DESCRIPTOR.full_name == "yandex.cloud.ai.stt.v2.RecognitionSpec"
    assert spec == {
        "audio_encoding": 1,
        "sample_rate_hertz": 2,
        "language_code": 3,
        "profanity_filter": 4,
        "model": 5,
        "partial_results": 7,
        "single_utterance": 8,
        "audio_channel_count": 9,
        "raw_results": 10,
        "literature_text": 11,
    }
    chunk = {field.name: field.number for field in pb.SpeechRecognitionChunk.DESCRIPTOR.fields}
    assert chunk == {"alternatives": 1, "final": 2, "end_of_utterance": 3}


def test_the_bytes_of_a_settings_message_are_the_services() -> None:
    message = pb.StreamingRecognitionRequest(
        config=pb.RecognitionConfig(
            specification=pb.RecognitionSpec(
                audio_encoding=pb.RecognitionSpec.LINEAR16_PCM,
                sample_rate_hertz=8000,
                language_code="ru-RU",
                partial_results=True,
            ),
            folder_id="f",
        )
    )
    # Field by field: config(1) { specification(1) { 1: 1, 2: 8000, 3: "ru-RU", 7: true }, folder_id(2): "f" }
    specification = b"\x08\x01" + b"\x10\xc0\x3e" + b"\x1a\x05ru-RU" + b"\x38\x01"
    config = b"\x0a" + bytes([len(specification)]) + specification + b"\x12\x01f"
    assert message.SerializeToString() == b"\x0a" + bytes([len(config)]) + config


def test_names_and_numbers_of_v3_are_the_services() -> None:
    def numbers(message: str) -> dict[str, int]:
        return {field.name: field.number for field in v3.DESCRIPTOR.message_types_by_name[message].fields}

    assert v3.StreamingRequest.DESCRIPTOR.full_name == "speechkit.stt.v3.StreamingRequest"
    method = v3.DESCRIPTOR.services_by_name["Recognizer"].methods_by_name["RecognizeStreaming"]
    assert method.full_name == "speechkit.stt.v3.Recognizer.RecognizeStreaming"
    assert (method.input_type.name, method.output_type.name) == ("StreamingRequest", "StreamingResponse")
    assert numbers("StreamingRequest") == {"session_options": 1, "chunk": 2, "silence_chunk": 3, "eou": 4}
    assert numbers("StreamingResponse") == {
        "session_uuid": 1,
        "audio_cursors": 2,
        "response_wall_time_ms": 3,
        "partial": 4,
        "final": 5,
        "eou_update": 6,
        "final_refinement": 7,
        "status_code": 8,
        "channel_tag": 9,
        "classifier_update": 10,
        "speaker_analysis": 11,
        "conversation_analysis": 12,
        "summarization": 13,
    }
    assert numbers("EouUpdate") == {"time_ms": 2}
    assert numbers("SpeechAnalysisOptions")["converstation_options"] == 5
    assert v3.CodeType.items() == [("CODE_TYPE_UNSPECIFIED", 0), ("WORKING", 1), ("WARNING", 2), ("CLOSED", 3)]


def test_the_bytes_of_a_settings_message_of_v3_are_the_services() -> None:
    message = v3.StreamingRequest(
        session_options=v3.StreamingOptions(
            recognition_model=v3.RecognitionModelOptions(
                model="general",
                audio_format=v3.AudioFormatOptions(
                    raw_audio=v3.RawAudio(
                        audio_encoding=v3.RawAudio.LINEAR16_PCM, sample_rate_hertz=8000, audio_channel_count=1
                    )
                ),
                language_restriction=v3.LanguageRestrictionOptions(
                    restriction_type=v3.LanguageRestrictionOptions.WHITELIST, language_code=["ru-RU"]
                ),
            )
        )
    )
    raw = b"\x08\x01" + b"\x10\xc0\x3e" + b"\x18\x01"
    audio_format = b"\x0a" + bytes([len(raw)]) + raw
    restriction = b"\x08\x01" + b"\x12\x05ru-RU"
    model = b"\x0a\x07general" + b"\x12" + bytes([len(audio_format)]) + audio_format
    model += b"\x22" + bytes([len(restriction)]) + restriction
    options = b"\x0a" + bytes([len(model)]) + model
    assert message.SerializeToString() == b"\x0a" + bytes([len(options)]) + options


def test_vosk_has_the_messages_of_v2_but_for_two_settings() -> None:
    def numbers(message: str, file: Any) -> dict[str, int]:
        return {field.name: field.number for field in file.DESCRIPTOR.message_types_by_name[message].fields}

    method = vosk.DESCRIPTOR.services_by_name["SttService"].methods_by_name["StreamingRecognize"]
    assert method.full_name == "vosk.stt.v1.SttService.StreamingRecognize"
    expected = numbers("RecognitionSpec", pb) | {"max_alternatives": 11, "enable_word_time_offsets": 12}
    del expected["literature_text"], expected["audio_channel_count"]
    assert numbers("RecognitionSpec", vosk) == expected
    assert numbers("RecognitionConfig", vosk) == {"specification": 1}
    for message in ("SpeechRecognitionChunk", "SpeechRecognitionAlternative", "WordInfo"):
        assert numbers(message, vosk) == numbers(message, pb)
    said = pb.StreamingRecognitionResponse(
        chunks=[pb.SpeechRecognitionChunk(alternatives=[pb.SpeechRecognitionAlternative(text="a")], final=True)]
    )
    assert vosk.StreamingRecognitionResponse.FromString(said.SerializeToString()).chunks[0].alternatives[0].text == "a"


def test_a_schema_that_is_any_json_can_be_read() -> None:
    asked = v3.SummarizationProperty(json_schema=v3.JsonSchema())
    asked.json_schema.schema.fields["type"].string_value = "object"
    read = v3.SummarizationProperty.FromString(asked.SerializeToString())
    assert read.json_schema.schema.fields["type"].string_value == "object"


VENDORS = {
    "v2": (
        "stt_service_v2",
        "stt_service",
        """
request = ours.StreamingRecognitionRequest(audio_content=b"12")
assert theirs.StreamingRecognitionRequest.FromString(request.SerializeToString()).audio_content == b"12"
""",
    ),
    "v3": (
        "stt_v3",
        "stt",
        """
request = ours.StreamingRequest(chunk=ours.AudioChunk(data=b"12"))
assert theirs.StreamingRequest.FromString(request.SerializeToString()).chunk.data == b"12"
""",
    ),
}
"""For each version: our file's name, the vendor's, and what both are to understand alike."""


@pytest.mark.parametrize("version", VENDORS)
def test_vendor_stubs_of_the_same_service_load_in_the_same_process(tmp_path: Path, version: str) -> None:
    """The vendor's file has the same package under another file name: protoc's own output, in the shared pool."""
    ours, theirs, compared = VENDORS[version]
    vendor = tmp_path / "yandex" / "cloud" / "ai" / "stt" / version
    vendor.mkdir(parents=True)
    (vendor / f"{theirs}.proto").write_text((TOP / "protos" / f"{ours}.proto").read_text())
    subprocess.run(
        [
            sys.executable, "-m", "grpc_tools.protoc", f"-I{tmp_path}", f"--python_out={tmp_path}",
            str(vendor / f"{theirs}.proto"),
        ],
        check=True,
    )  # fmt: skip
    program = f"""
import sys
from captions.proto import {ours}_pb2 as ours
assert "yandex" not in sys.modules
from yandex.cloud.ai.stt.{version} import {theirs}_pb2 as theirs
{compared}"""
    for first in ("", f"from yandex.cloud.ai.stt.{version} import {theirs}_pb2\n"):
        body = first + (program if not first else program.replace('assert "yandex" not in sys.modules', ""))
        subprocess.run([sys.executable, "-c", body], check=True, cwd=TOP, env={"PYTHONPATH": f"{TOP}:{tmp_path}"})


def test_no_package_is_called_yandex() -> None:
    assert not (TOP / "yandex").exists()
    assert not list((TOP / "captions").rglob("yandex"))
