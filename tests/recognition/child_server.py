"""A stand-in for `captions serve` in a process of its own: a scripted server with its flags, ready line and end.

It answers each block of audio with a partial that tells its process id and how many blocks came so far, and the
half-close with that as a final.
"""

import argparse
import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.scripted_server import ScriptedServer, ServedStream, final, partial


async def count(stream: ServedStream) -> None:
    """Say how many blocks of 100 ms at 16 kHz came."""
    await stream.config()
    blocks = 0
    while len(await stream.audio(1_600)):
        blocks += 1
        await stream.reply(partial(f"{os.getpid()} {blocks}"))
    await stream.reply(final(f"{os.getpid()} {blocks}", end_of_utterance=True))


def main() -> None:
    """Read the flags and serve until told to end."""
    flags = argparse.ArgumentParser()
    flags.add_argument("--listen", required=True)
    flags.add_argument("--until-stdin-closes", action="store_true")
    flags.add_argument("--say", default="", help="text for standard error")
    flags.add_argument("--tell", help="file to write the process id to")
    flags.add_argument("--die", action="store_true", help="end while starting")
    flags.add_argument("--never-ready", action="store_true")
    flags.add_argument("--deaf", action="store_true", help="do not end when told to")
    flags.add_argument("--whisper-model", help="changes nothing")
    arguments = flags.parse_args()
    print(arguments.say, file=sys.stderr, flush=True)
    if arguments.tell:
        Path(arguments.tell).write_text(str(os.getpid()))
    if arguments.die:
        sys.exit(3)
    if arguments.deaf:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    asyncio.run(serve(arguments))


async def serve(arguments: argparse.Namespace) -> None:
    """Serve, and say so when ready."""
    token = os.environ.get("CAPTIONS_SERVE_TOKEN")
    authorization = f"Api-Key {token}" if token else None
    async with ScriptedServer(count, listen=arguments.listen, authorization=authorization) as server:
        if not arguments.never_ready:
            print(f"listening on {server.target}, languages en-US,xx-XX", flush=True)
        if arguments.until_stdin_closes and not arguments.deaf:
            await asyncio.to_thread(sys.stdin.read)
            await server.stop(5.0)
        else:
            await asyncio.Event().wait()


if __name__ == "__main__":
    main()
