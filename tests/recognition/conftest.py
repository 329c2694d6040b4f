"""Imported before the tests, and thereby before any of them imports gRPC: the room's package makes gRPC quiet."""

import captions.recognition  # noqa: F401
