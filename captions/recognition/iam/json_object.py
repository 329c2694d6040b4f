"""JSON from outside, of which only the fields of one object are wanted."""

import json
from typing import Any

MOST_BRACKETS = 200
"""Far more than a key or an answer has. Python's own limit of depth costs the process some of its stack when hit."""


def json_object(text: str | bytes) -> dict[str, Any]:
    """Return the fields of an object; none where the text is no JSON, is something else, or is absurdly deep."""
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig", errors="replace")
    if text.count("[") + text.count("{") > MOST_BRACKETS:
        return {}
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
