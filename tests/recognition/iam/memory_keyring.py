"""A keyring in memory, in the place of the system's."""

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.errors import PasswordDeleteError


class MemoryKeyring(KeyringBackend):
    """Keeps what it is given; `failure` is raised instead, and `asked` counts how often it was asked."""

    priority = 1

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.kept: dict[tuple[str, str], str] = {}
        self.failure: Exception | None = None
        self.asked = 0

    @property
    def name(self) -> str:
        return "memory of a test"

    def _ask(self) -> None:
        self.asked += 1
        if self.failure is not None:
            raise self.failure

    def get_password(self, service: str, username: str) -> str | None:
        self._ask()
        return self.kept.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self._ask()
        self.kept[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        self._ask()
        if self.kept.pop((service, username), None) is None:
            raise PasswordDeleteError("not there")


def in_memory(monkeypatch: pytest.MonkeyPatch) -> MemoryKeyring:
    """Put a keyring in memory into place for a test."""
    memory = MemoryKeyring()
    monkeypatch.setattr("keyring.core._keyring_backend", memory)
    assert keyring.get_keyring() is memory
    return memory
