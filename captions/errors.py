"""What can go wrong, each with a message, a hint and an exit code.

A message says what happened and why; a hint says what to do about it. Both are plain sentences for the person at the
terminal, never a traceback, and never contain a secret.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """What the process ends with, by kind of error (listed in the README)."""

    OK = 0
    INTERNAL = 1
    USAGE = 2
    INPUT = 3
    REFUSED = 4
    CREDENTIALS = 5
    UNREACHABLE = 6
    STORAGE = 7
    FOUND_PROBLEM = 8
    INTERRUPTED = 130


class CaptionsError(Exception):
    """An error that a person can read. `str(error)` is the message with the hint after it."""

    exit_code = ExitCode.INTERNAL

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def advice(self) -> str:
        """The hint, and what to quote to who can help."""
        return self.hint

    @property
    def hint_first(self) -> str:
        """What to do, and then what happened: for a place where the end may be cut off."""
        rest = self.advice.removeprefix(self.hint)
        return f"{self.hint} {self.message}{rest}".lstrip()

    def __str__(self) -> str:
        return f"{self.message} {self.advice}".rstrip()


class SettingError(CaptionsError):
    """A setting has a name or a value that does not exist."""

    exit_code = ExitCode.USAGE


class InputError(CaptionsError):
    """Sound cannot be had from where it was asked for: a file, a device or a missing library."""

    exit_code = ExitCode.INPUT


class StorageError(CaptionsError):
    """The journal cannot be written or read."""

    exit_code = ExitCode.STORAGE


class CredentialsError(CaptionsError):
    """Credentials are missing or unreadable, or must not be sent where they would go."""

    exit_code = ExitCode.CREDENTIALS


class RecognizerMissing(CaptionsError):
    """The recogniser on this machine is not installed, or cannot be started."""

    exit_code = ExitCode.UNREACHABLE


class ModelMissing(RecognizerMissing):
    """What hears a language here needs a model that is not here, and that can be downloaded.

    `model` is its name, `size` what it takes in bytes, `language` the code of the language, empty for any.
    """

    def __init__(self, message: str, hint: str = "", *, model: str, size: int, language: str) -> None:
        super().__init__(message, hint)
        self.model = model
        self.size = size
        self.language = language


class StreamError(CaptionsError):
    """A stream ended with an error of the service.

    `code` is the gRPC status name ("UNAVAILABLE"), `details` the service's own text. The ids are empty when the
    service sent none: quote `request_id` and `trace_id` to the service's support.
    """

    def __init__(
        self,
        code: str,
        details: str,
        hint: str = "",
        *,
        client_request_id: str = "",
        request_id: str = "",
        trace_id: str = "",
    ) -> None:
        said = f"{code}: {details}" if details else code
        super().__init__(said if said.endswith((".", "!", "?")) else f"{said}.", hint)
        self.code = code
        self.details = details
        self.client_request_id = client_request_id
        self.request_id = request_id
        self.trace_id = trace_id

    @property
    def advice(self) -> str:
        """The hint, with the ids that the service's support asks for."""
        ids = {"x-request-id": self.request_id, "x-server-trace-id": self.trace_id}
        given = ", ".join(f"{name}: {value}" for name, value in ids.items() if value)
        return f"{self.hint} ({given})".lstrip() if given else self.hint

    @property
    def exit_code(self) -> ExitCode:  # type: ignore[override]
        """Credentials, out of reach, or refused: by the status code."""
        if self.code in {"UNAUTHENTICATED", "PERMISSION_DENIED"}:
            return ExitCode.CREDENTIALS
        if self.code in {"UNAVAILABLE", "DEADLINE_EXCEEDED"}:
            return ExitCode.UNREACHABLE
        return ExitCode.REFUSED
