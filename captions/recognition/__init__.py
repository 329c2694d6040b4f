"""From sound to words."""

import os

# gRPC's core writes notices to file descriptor 2, which is the screen, unless told otherwise before its first import.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")
os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
