"""The checked-in messages are what protos/ makes, and they live beside the vendor's own."""

import subprocess
import sys
from pathlib import Path

from captions.proto import stt_service_v2_pb2 as pb

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


def test_vendor_stubs_of_the_same_service_load_in_the_same_process(tmp_path: Path) -> None:
    """The vendor's file has the same package under another file name: protoc's own output, in the shared pool."""
    vendor = tmp_path / "yandex" / "cloud" / "ai" / "stt" / "v2"
    vendor.mkdir(parents=True)
    (vendor / "stt_service.proto").write_text((TOP / "protos" / "stt_service_v2.proto").read_text())
    subprocess.run(
        [
            sys.executable, "-m", "grpc_tools.protoc", f"-I{tmp_path}", f"--python_out={tmp_path}",
            str(vendor / "stt_service.proto"),
        ],
        check=True,
    )  # fmt: skip
    program = """
import sys
from captions.proto import stt_service_v2_pb2 as ours
assert "yandex" not in sys.modules
from yandex.cloud.ai.stt.v2 import stt_service_pb2 as theirs
request = ours.StreamingRecognitionRequest(audio_content=b"12")
assert theirs.StreamingRecognitionRequest.FromString(request.SerializeToString()).audio_content == b"12"
"""
    for first in ("", "from yandex.cloud.ai.stt.v2 import stt_service_pb2\n"):
        body = first + (program if not first else program.replace('assert "yandex" not in sys.modules', ""))
        subprocess.run([sys.executable, "-c", body], check=True, cwd=TOP, env={"PYTHONPATH": f"{TOP}:{tmp_path}"})


def test_no_package_is_called_yandex() -> None:
    assert not (TOP / "yandex").exists()
    assert not list((TOP / "captions").rglob("yandex"))
