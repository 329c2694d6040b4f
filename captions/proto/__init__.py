"""Generated from protos/ by protos/generate.py: messages on the wire. Never edited."""
