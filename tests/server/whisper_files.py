"""Files that look like a Whisper model, of a few bytes, for tests of all but the hearing."""

import struct
from pathlib import Path


def weights(filling: bytes = b"\0" * 64) -> bytes:
    """Return weights in CTranslate2's format, version 6, with two tensors and one alias."""

    def text(name: str) -> bytes:
        return struct.pack("<H", len(name) + 1) + name.encode() + b"\0"

    tensors = [
        text("encoder/weight") + struct.pack("<B2IBI", 2, 8, len(filling) // 8, 1, len(filling)) + filling,
        text("decoder/scale") + struct.pack("<BBI", 0, 1, 1) + b"\1",
    ]
    head = struct.pack("<I", 6) + text("WhisperSpec") + struct.pack("<II", 3, len(tensors))
    return head + b"".join(tensors) + struct.pack("<I", 1) + text("decoder/projection") + text("encoder/weight")


def write_model(folder: Path) -> Path:
    """Write a model into a folder, which is made, and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text('{"lang_ids": [50259]}')
    (folder / "tokenizer.json").write_text('{"version": "1.0"}')
    (folder / "vocabulary.txt").write_text("a\nb\n")
    (folder / "model.bin").write_bytes(weights())
    return folder
