"""Make captions/proto/*_pb2.py and *_pb2.pyi from the .proto files beside this script.

    python protos/generate.py [FOLDER]

Needs grpcio-tools of the version that pyproject.toml pins in the extra `test`: code made by a given release loads on
every later protobuf runtime, so the pin is old on purpose.

Each generated module gets a descriptor pool of its own. protoc's output registers its messages in one pool for the
whole process, where the vendor's stubs of the same service, installed beside this program, would define them a second
time and fail to load.
"""

import re
import sys
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

PROTOS = Path(__file__).parent
DESTINATION = PROTOS.parent / "captions" / "proto"

SHARED_POOL = "DESCRIPTOR = _descriptor_pool.Default().AddSerializedFile("
OWN_POOL = "DESCRIPTOR = _pool.AddSerializedFile("


def with_own_pool(code: str) -> str:
    """Return protoc's Python with its own descriptor pool, into which the well-known types it imports are put."""
    imported = re.findall(r"^from google\.protobuf import \w+_pb2 as (\w+)$", code, re.MULTILINE)
    pool = ["_pool = _descriptor_pool.DescriptorPool()"]
    pool += [f"_pool.AddSerializedFile({name}.DESCRIPTOR.serialized_pb)" for name in imported]
    if code.count(SHARED_POOL) != 1:
        raise SystemExit("protoc's output has changed: the line that registers the file was not found once.")
    return code.replace(SHARED_POOL, "\n".join([*pool, OWN_POOL]))


def generate(destination: Path) -> None:
    """Write the modules and type stubs for every .proto file into `destination`."""
    well_known = files("grpc_tools") / "_proto"
    sources = sorted(path.name for path in PROTOS.glob("*.proto"))
    status = protoc.main(
        [
            "protoc",
            f"-I{PROTOS}",
            f"-I{well_known}",
            *(f"--{kind}_out={destination}" for kind in ("python", "pyi")),
            *sources,
        ]
    )
    if status != 0:
        raise SystemExit(status)
    for source in sources:
        module = destination / source.replace(".proto", "_pb2.py")
        module.write_text(with_own_pool(module.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    generate(Path(sys.argv[1]) if len(sys.argv) > 1 else DESTINATION)
