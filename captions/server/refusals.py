"""Every error the service answers with: its code and its text, in one place.

Texts that the service is known to use are used as they are (reference: its documentation and its clients' reports);
where only the code is known, the text is ours and names what would have been right.
"""

from collections.abc import Sequence

import grpc

from captions.errors import RecognizerMissing
from captions.plain_text import plain

INVALID = grpc.StatusCode.INVALID_ARGUMENT
EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED
UNAUTHENTICATED = grpc.StatusCode.UNAUTHENTICATED

LONGEST_QUOTE = 40
"""Characters of what a client sent that are repeated to it."""
MOST_QUOTES = 5
"""So many values of a list are repeated."""


class Refusal(Exception):
    """The stream ends with this status."""

    def __init__(self, code: grpc.StatusCode, details: str) -> None:
        super().__init__(details)
        self.code = code
        self.details = details


def token() -> Refusal:
    """The authorization is missing or wrong. What was sent is not repeated."""
    return Refusal(UNAUTHENTICATED, "The token is missing or invalid")


def folder_missing() -> Refusal:
    """A user account's stream without folder_id; the service's text."""
    return Refusal(UNAUTHENTICATED, "You have to specify folder ID for user account")


def too_many_opens(opens: int) -> Refusal:
    """The quota on requests is exceeded."""
    return Refusal(EXHAUSTED, f"Quota exceeded: more than {opens} streams were opened within a second")


def no_capacity(streams: int) -> Refusal:
    """All streams that this machine keeps up with are in use."""
    return Refusal(EXHAUSTED, f"All streams that this recogniser serves at a time are in use ({streams})")


def no_engine(missing: RecognizerMissing) -> Refusal:
    """The engine of the language cannot be loaded; another attempt would not help."""
    return Refusal(grpc.StatusCode.NOT_FOUND, str(missing))


def settings_first(field: str) -> Refusal:
    """Audio came before the settings, which are in `field`, or nothing at all."""
    return Refusal(INVALID, f"The first message must be {field}")


def settings_again(field: str) -> Refusal:
    """A second settings message."""
    return Refusal(INVALID, f"{field} may be sent once only, as the first message")


def empty_message(*fields: str) -> Refusal:
    """A message with none of the fields that it may have."""
    return Refusal(INVALID, f"A message must have {' or '.join(fields)}")


def setting_missing(field: str, valid: Sequence[str]) -> Refusal:
    """A setting without which nothing can be recognised is not there."""
    return Refusal(INVALID, f"{field} must have {' or '.join(valid)}")


def value(field: str, given: object, valid: Sequence[object]) -> Refusal:
    """A setting has a value that the service does not take."""
    return Refusal(INVALID, f"{field} must be one of {', '.join(map(str, valid))}, and not {_quoted(given)}")


def out_of_range(field: str, given: int, least: int, most: int) -> Refusal:
    """A number is too small or too large."""
    return Refusal(INVALID, f"{field} must be from {least} to {most}, and not {given}")


def only_with(field: str, needed: str) -> Refusal:
    """Something is sent or asked for that goes together with something else only."""
    return Refusal(INVALID, f"{field} goes with {needed} only")


def language(given: Sequence[str], served: Sequence[str]) -> Refusal:
    """No engine here has the language, or any of several."""
    codes = ", ".join(_quoted(code) for code in given[:MOST_QUOTES])
    are = "is" if len(given) == 1 else "are"
    return Refusal(
        INVALID, f"language_code {codes} {are} not recognised here. This recogniser has: {', '.join(served)}"
    )


def no_language_left(served: Sequence[str]) -> Refusal:
    """All languages that the engines here have are not wanted."""
    return Refusal(INVALID, f"language_code leaves no language. This recogniser has: {', '.join(served)}")


def folder_too_long() -> Refusal:
    """folder_id has more than the documented 50 characters."""
    return Refusal(INVALID, "folder_id must have 50 characters at most")


def not_audio(what: str) -> Refusal:
    """The audio is not what the settings say."""
    return Refusal(INVALID, f"The audio is not a valid {what}")


def too_long() -> Refusal:
    """More audio than a stream may have; the service's text."""
    return Refusal(grpc.StatusCode.OUT_OF_RANGE, "Exceeded maximum allowed stream duration")


def too_many_bytes(limit: int) -> Refusal:
    """More bytes of audio than a stream may have; with the default limit in the service's words."""
    megabytes = f"{limit // 1_000_000}MB" if limit % 1_000_000 == 0 else f"{limit} bytes"
    return Refusal(INVALID, f"audio should be less than {megabytes}")


def idle(status: str, seconds: float) -> Refusal:
    """No message for too long."""
    return Refusal(grpc.StatusCode[status], f"No message for {seconds:g} s: the session is terminated")


def closing() -> Refusal:
    """The recogniser is being ended; all that it heard until now was sent."""
    return Refusal(grpc.StatusCode.UNAVAILABLE, "The recogniser is shutting down")


def fault() -> Refusal:
    """Something went wrong in here."""
    return Refusal(grpc.StatusCode.INTERNAL, "Internal server error")


def _quoted(given: object) -> str:
    text = plain(str(given))
    return repr(text if len(text) <= LONGEST_QUOTE else text[:LONGEST_QUOTE] + "...")
