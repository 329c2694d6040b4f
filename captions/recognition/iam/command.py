"""`captions credentials`: where they come from, and keeping them in the keyring. Light to import."""

import argparse
import contextlib
import re
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from captions.errors import CredentialsError, ExitCode, SettingError
from captions.plain_text import plain
from captions.settings_sources import Loaded

if TYPE_CHECKING:
    from captions.recognition.iam.sources import Told
    from captions.recognition.iam.token import Token

DESCRIPTION = """\
Show where credentials come from with these settings, of which kind they are, when they run out, and whether a folder is
sent with them. Nobody is asked for any without --fetch, and none is ever shown.

keep reads an API key, an IAM token or a service account's key, as `yc iam key create` writes it, from a hidden prompt
or from standard input, keeps it in the system's keyring, and saves `credentials = "keyring"` in the settings file.
forget takes it out again.
"""
_NAMED = re.compile(r"^\s*(?:export\s+)?(?:API_KEY|IAM_TOKEN)\s*=", re.MULTILINE)
_IAM_TOKEN = "t1."
"""How IAM tokens begin; API keys do not."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what `captions credentials` takes."""
    parser.description = DESCRIPTION
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "action", nargs="?", choices=("show", "keep", "forget"), default="show", help="what to do with them [show]"
    )
    parser.add_argument(
        "--fetch", action="store_true", help="get a token, and tell when it runs out; nothing that is billed"
    )


def run(arguments: argparse.Namespace, loaded: Loaded, environment: Mapping[str, str]) -> int:
    """Carry it out. Returns the exit code. Raises CredentialsError, StreamError or SettingError."""
    if arguments.action != "show" and arguments.fetch:
        raise SettingError("--fetch is for showing credentials, not for keeping or forgetting them.")
    actions: dict[str, Callable[[], int]] = {
        "show": lambda: _show(loaded, environment, arguments.fetch),
        "keep": lambda: _keep(loaded),
        "forget": lambda: _forget(loaded),
    }
    return actions[arguments.action]()


def _show(loaded: Loaded, environment: Mapping[str, str], fetch: bool) -> int:
    from captions.recognition.chosen import chosen, is_elsewhere
    from captions.recognition.iam.sources import find_source, none_there, tell

    settings = loaded.settings
    if chosen(settings, environment) == "local":
        print("There are none, and none are needed: speech is recognised on this machine.")
        print("captions credentials --recognizer speechkit-v2 tells where SpeechKit's would come from.")
        return ExitCode.OK
    source = find_source(settings, environment)
    if source is None and not is_elsewhere(settings):
        raise none_there()
    if source is None:
        print(f"None are sent to {plain(settings.endpoint)}: other servers may do without.")
        return ExitCode.OK
    if fetch:
        import asyncio

        token = asyncio.run(source.fetch())
        rows = _of_token(source.where, token)
    else:
        rows = _of_source(tell(source))
    for name, text in rows.items():
        print(f"{name:<9} {plain(text)}")
    return ExitCode.OK


def _of_source(told: "Told") -> dict[str, str]:
    asking = "known only once there is one (--fetch)"
    folders = {True: "is sent", False: "none is sent: a service account has its own", None: asking}
    rows = {"From": told.where}
    match told.kind:
        case "API_KEY":
            rows |= {"Kind": "an API key, which is a service account's", "Runs out": "only if an end was set for it"}
        case "IAM_TOKEN":
            rows |= {"Kind": "an IAM token", "Runs out": "12 hours after it was made, at most; it is not renewed"}
            folders[False] = "none is sent; a user account needs one (FOLDER_ID)"
        case "KEY":
            rows |= {"Kind": "a service account's key, by which IAM tokens are got", "Runs out": _RENEWED}
        case _ if told.name == "keyring":
            rows |= {"Kind": "what was kept (--fetch reads it)", "Runs out": asking}
        case _:
            rows |= {"Kind": "an IAM token", "Runs out": _RENEWED}
    return rows | {"Folder": folders[told.folder]}


_RENEWED = "renewed about every hour (--fetch gets one, and tells)"


def _of_token(where: str, token: "Token") -> dict[str, str]:
    from captions.recognition.credentials import Kind

    credentials = token.credentials
    kind = "an API key" if credentials.kind is Kind.API_KEY else "an IAM token"
    whose = ", which is a service account's" if credentials.service_account else ""
    if token.lasts is not None:
        end = datetime.now().astimezone() + timedelta(seconds=token.lasts)
        minutes = round(token.lasts / 60)
        ends = f"in {minutes // 60} h {minutes % 60} min, at {end:%Y-%m-%d %H:%M}; renewed about every hour"
    else:
        ends = (
            "only if an end was set for it"
            if credentials.kind is Kind.API_KEY
            else "12 hours after it was made, at most"
        )
    if credentials.folder_id:
        folder = f"{credentials.folder_id} is sent"
    elif credentials.service_account:
        folder = "none is sent: a service account has its own"
    else:
        folder = "none is sent; a user account needs one (FOLDER_ID)"
    return {"From": where, "Kind": kind + whose, "Runs out": ends, "Folder": folder}


def _keep(loaded: Loaded) -> int:
    import asyncio

    from captions.recognition.iam.system_keyring import check, keep
    from captions.settings_file import save

    check()  # before somebody is asked for a secret
    written = as_kept(_asked_for() if sys.stdin.isatty() else _piped())
    ring = asyncio.run(keep(written))
    changes = {"credentials": "keyring"}
    save(changes, loaded.file)
    print(f"Kept in the keyring ({ring}). {plain(loaded.told(changes))}")
    if written.startswith("IAM_TOKEN="):
        print("An IAM token lasts 12 hours at most. An API key lasts, and so does a service account's key.")
    return ExitCode.OK


def _forget(loaded: Loaded) -> int:
    import asyncio

    from captions.recognition.iam.system_keyring import forget
    from captions.settings_file import save

    there = asyncio.run(forget())
    said = "Taken out of the keyring." if there else "There was nothing of captions in the keyring."
    if loaded.filed.get("credentials") == "keyring":
        changes = {"credentials": "auto"}
        save(changes, loaded.file)
        said = f"{said} {loaded.told(changes)}"
    print(plain(said))
    return ExitCode.OK


def as_kept(text: str) -> str:
    """Return credentials as they are kept, from what somebody typed or piped: a line with a name, or a key's JSON.

    Of a key only what is needed is kept: some keyrings take no more than 2.5 kB. Raises CredentialsError, which shows
    nothing of it.
    """
    import json
    import time

    from captions.recognition.credentials import Credentials, Kind
    from captions.recognition.iam.key import ServiceAccountKey
    from captions.recognition.iam.written import in_text

    text = text.strip().removeprefix("\ufeff")
    if not text:
        raise CredentialsError("Nothing was given, so nothing is kept.")
    if text.startswith("{") or _NAMED.search(text):
        written = in_text(text, "What was given")
    else:
        written = Credentials(Kind.IAM_TOKEN if text.startswith(_IAM_TOKEN) else Kind.API_KEY, text)
    if isinstance(written, ServiceAccountKey):
        written.signed("nobody", time.time())  # it raises here, and not at the next start
        parts = ("id", "service_account_id", "private_key")
        return json.dumps({part: getattr(written, part) for part in parts})
    name = "API_KEY" if written.kind is Kind.API_KEY else "IAM_TOKEN"
    folder = f"\nFOLDER_ID={written.folder_id}" if written.folder_id else ""
    return f"{name}={written.secret}{folder}"


def _asked_for() -> str:
    import getpass

    try:
        text = getpass.getpass("API key or IAM token (it is not shown): ")
    except EOFError:
        text = ""
    finally:
        _drop_what_was_typed_ahead()
    if text.strip() == "{":
        raise CredentialsError(
            "A key of several lines cannot be typed here.", "Give its file: captions credentials keep < key.json"
        )
    return text


def _drop_what_was_typed_ahead() -> None:
    """The rest of a key of several lines must not be taken by the shell for commands."""
    if sys.platform != "win32":
        import termios

        with contextlib.suppress(termios.error, OSError, ValueError):
            termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


def _piped() -> str:
    from captions.recognition.iam.written import LONGEST_FILE

    try:
        return sys.stdin.buffer.read(LONGEST_FILE).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CredentialsError("What was given is no text.", "Give a key or a token.") from None
