"""What holds for every test: folders and an environment of its own, never the user's, and signals that end programs."""

import signal
from pathlib import Path

import pytest

from captions.settings import ROWS


def pytest_configure() -> None:
    """Have signals end programs that are started, though who started the tests ignores them: a shell's background."""
    for number, usual in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, usual)


@pytest.fixture(autouse=True)
def own_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep settings, journals and logs in a folder of the test's, and credentials out of it."""
    home = tmp_path_factory.mktemp("home")
    for variable, folder in {
        "XDG_CONFIG_HOME": "config",
        "XDG_DATA_HOME": "data",
        "XDG_STATE_HOME": "state",
        "XDG_CACHE_HOME": "cache",
    }.items():
        monkeypatch.setenv(variable, str(home / folder))
    # Whoever looks for credentials finds no virtual machine's, wherever the tests are run.
    monkeypatch.setenv("YC_METADATA_ADDR", "127.0.0.1:1")
    for variable in (
        "IAM_TOKEN",
        "API_KEY",
        "FOLDER_ID",
        "YC_SERVICE_ACCOUNT_KEY_FILE",
        *(row.variable for row in ROWS.values()),
    ):
        monkeypatch.delenv(variable, raising=False)
    return home
