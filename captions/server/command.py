"""`captions serve`: its flags, and what it needs before it can serve. Light to import."""

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from captions.certificates import read_pair
from captions.errors import CredentialsError
from captions.server.limits import IDLE_STATUSES, Limits
from captions.settings import SERVE_TOKEN_VARIABLE

DEFAULT_LISTEN = "127.0.0.1:50051"
ENGINES = ("auto", "moonshine", "whisper")

DESCRIPTION = """\
Serve the recogniser on this machine to any client of SpeechKit's streaming API, v2 and v3 at the same address,
unchanged: the service, its limits and its errors are imitated. It recognises English (en-US; auto means that too), with
--engine whisper 15 others too, in LINEAR16_PCM and OGG_OPUS, by v3 in WAV and MP3 too. All models are one. What is
asked for and cannot be done changes nothing, such as the profanity filter, and is named in the trailing metadata
x-ignored-settings. In v2 text comes as the engine writes it; in v3 raw, and with normalisation and literature_text as
the engine writes it in final_refinement. When it is ready it prints one line, "listening on ADDRESS, languages CODES".
SIGTERM and Ctrl-C end it after open streams got their finals.
"""
EPILOG = f"""\
Clients must send a token (authorization: Bearer TOKEN or Api-Key TOKEN) when one is set, in the file of --token-file
or in the environment as {SERVE_TOKEN_VARIABLE}.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `captions serve`."""
    parser.description, parser.epilog = DESCRIPTION, EPILOG
    parser.add_argument(
        "--listen",
        metavar="ADDRESS",
        default=DEFAULT_LISTEN,
        help=f"HOST:PORT (port 0 for a free one) or unix:PATH [{DEFAULT_LISTEN}]",
    )
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="end when standard input does: with the program that holds it",
    )
    recogniser = parser.add_argument_group("Recogniser")
    recogniser.add_argument(
        "--engine",
        choices=ENGINES,
        default=ENGINES[0],
        help="moonshine (English), whisper (many languages), or moonshine for English and whisper for all else "
        f"[{ENGINES[0]}]",
    )
    recogniser.add_argument(
        "--whisper-model",
        metavar="MODEL",
        default="",
        help="name of a model on this machine, or the folder of one in CTranslate2's format [base, where it is there]",
    )
    secure = parser.add_argument_group("Encryption and access")
    secure.add_argument("--tls-certificate", metavar="FILE", type=Path, help="PEM file of the certificate (chain)")
    secure.add_argument("--tls-key", metavar="FILE", type=Path, help="PEM file of its private key")
    secure.add_argument(
        "--token-file",
        metavar="FILE",
        type=Path,
        help=f"file with the token to ask for, instead of {SERVE_TOKEN_VARIABLE}",
    )
    defaults = Limits()
    limits = parser.add_argument_group("Limits of the service, imitated (0 turns one off)")

    def limit(flag: str, name: str, kind: Callable[[str], object], metavar: str, text: str) -> None:
        default = getattr(defaults, name)
        limits.add_argument(flag, dest=name, type=kind, default=default, metavar=metavar, help=f"{text} [{default:g}]")

    limit("--limit-duration", "duration_seconds", _seconds, "SECONDS", "audio in a stream, then OUT_OF_RANGE")
    limit("--limit-bytes", "audio_bytes", _count, "BYTES", "audio in a stream as sent, then INVALID_ARGUMENT")
    limit("--limit-idle", "idle_seconds", _seconds, "SECONDS", "between two messages, then --idle-status")
    limit("--limit-opens", "opens_per_second", _count, "N", "streams opened in a second, then RESOURCE_EXHAUSTED")
    limit(
        "--max-streams",
        "max_streams",
        _count,
        "N",
        "streams at once, then RESOURCE_EXHAUSTED; never more than the machine keeps up with, which is what 0 means",
    )
    limits.add_argument(
        "--idle-status",
        choices=IDLE_STATUSES,
        default=defaults.idle_status,
        help=f"what an idle stream ends with; the service's is not documented [{defaults.idle_status}]",
    )
    limits.add_argument(
        "--deliver-pending", action="store_true", help="send what is not final yet before a limit ends a stream"
    )
    limits.add_argument(
        "--needs-folder",
        action="store_true",
        help="refuse streams without folder_id (v3: x-folder-id), as the service does of users",
    )
    limits.add_argument("--unlimited", action="store_true", help="none of the service's limits, whatever is said above")


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to end, and return the exit code.

    Raises CredentialsError for a token or certificate that cannot be used, InputError for an address that cannot be
    listened on, and RecognizerMissing where no engine can run.
    """
    limits = Limits(
        duration_seconds=arguments.duration_seconds,
        audio_bytes=arguments.audio_bytes,
        idle_seconds=arguments.idle_seconds,
        idle_status=arguments.idle_status,
        deliver_pending=arguments.deliver_pending,
        opens_per_second=arguments.opens_per_second,
        max_streams=arguments.max_streams,
        needs_folder=arguments.needs_folder,
    )
    token = _token(arguments.token_file)
    names = "--tls-certificate", "--tls-key"
    pair = read_pair(arguments.tls_certificate or "", arguments.tls_key or "", names)

    from captions.server.process import serve

    return serve(
        arguments.listen,
        limits.unlimited() if arguments.unlimited else limits,
        engine=arguments.engine,
        whisper_model=arguments.whisper_model,
        token=token,
        tls=(pair.key, pair.certificate) if pair is not None else None,
        until_stdin_closes=arguments.until_stdin_closes,
    )


def _token(file: Path | None) -> str:
    if file is None:
        return os.environ.get(SERVE_TOKEN_VARIABLE, "").strip()
    token = _read(file, "token file").decode(errors="replace").strip()
    if not token:
        raise CredentialsError(f"The token file {file} is empty.", "Put the token into it, in one line.")
    return token


def _read(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise CredentialsError(f"The {what} {file} cannot be read: {error.strerror}.") from None


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError("must be a number of seconds, 0 or more")
    return seconds


def _count(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be a whole number, 0 or more")
    return number
