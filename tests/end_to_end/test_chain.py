"""From a file to words on standard output: real decoding, real gRPC, a real recogniser."""

import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import trustme

from tests.audio.tones import encode, write_pcm
from tests.end_to_end.conftest import Serve, sample, transcribe

WORDS = "the best of times"


def beginning(rate: int, seconds: float = 6.5) -> np.ndarray:
    """The first words of the sample: one channel of floats, shape (1, samples)."""
    pieces = []
    with av.open(str(sample())) as container:
        resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
        for frame in container.decode(audio=0):
            pieces += [out.to_ndarray() for out in resampler.resample(frame)]
            if (frame.time or 0.0) > seconds:
                break
    return np.concatenate(pieces, axis=1)[:, : int(seconds * rate)]


FILES = [
    ("wav", "pcm_u8", 16_000), ("wav", "pcm_s16le", 44_100), ("wav", "pcm_s24le", 48_000), ("wav", "pcm_s32le", 16_000),
    ("wav", "pcm_f32le", 22_050), ("flac", "flac", 44_100), ("ogg", "libopus", 48_000), ("mp3", "libmp3lame", 44_100),
    ("m4a", "aac", 48_000), ("mkv", "aac", 48_000), ("mp4", "aac", 44_100),
]  # fmt: skip


def test_files_of_every_kind_are_captioned(serve: Serve, tmp_path: Path) -> None:
    endpoint = serve()
    for ending, codec, rate in FILES:
        path = encode(tmp_path / f"{codec}.{ending}", beginning(rate), rate, codec, video=ending in ("mkv", "mp4"))
        done = transcribe(str(path), "--speed", "max", "--endpoint", endpoint, "--no-tls")
        assert (done.returncode, done.stderr) == (0, ""), (ending, codec)
        assert WORDS in done.stdout.lower(), (ending, codec, done.stdout)


@pytest.mark.parametrize("flags", [[], ["--encoding", "OGG_OPUS"]])
@pytest.mark.parametrize("rate", ["8000", "16000", "48000"])
def test_every_rate_and_encoding_carries_the_words(serve: Serve, tmp_path: Path, rate: str, flags: list[str]) -> None:
    write_pcm(tmp_path / "speech.pcm", beginning(8_000))
    done = transcribe(
        str(tmp_path / "speech.pcm"), "--pcm-rate", "8000", "--sample-rate", rate, *flags, "--speed", "max",
        "--endpoint", serve(), "--no-tls",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert WORDS in done.stdout.lower()


def test_tls_with_an_authority_of_ones_own_and_a_token(serve: Serve, tmp_path: Path) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    write_pcm(tmp_path / "speech.pcm", beginning(16_000))
    endpoint = serve(
        "--tls-certificate", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"),
        CAPTIONS_SERVE_TOKEN="right-token",
    )  # fmt: skip
    words = [str(tmp_path / "speech.pcm"), "--pcm-rate", "16000", "--speed", "max", "--endpoint", endpoint]
    trusted = [*words, "--ca-file", str(tmp_path / "ca.pem")]

    done = transcribe(*trusted, API_KEY="right-token")
    assert (done.returncode, done.stderr) == (0, "")
    assert WORDS in done.stdout.lower()

    done = transcribe(*trusted, API_KEY="wrong-token")
    assert done.returncode == 5
    assert "UNAUTHENTICATED" in done.stderr
    assert "x-request-id" in done.stderr
    assert "wrong-token" not in done.stderr + done.stdout

    (tmp_path / "credentials").write_text("IAM_TOKEN=right-token\n")
    done = transcribe(*trusted, "--credentials-file", str(tmp_path / "credentials"))
    assert WORDS in done.stdout.lower()


def test_without_credentials_this_machine_listens_by_itself() -> None:
    done = transcribe(str(sample()), "--speed", "max")
    assert (done.returncode, done.stderr) == (0, "")
    for words in (WORDS, "age of wisdom", "winter of despair", "in the superlative degree"):
        assert words in done.stdout.lower()


def test_a_language_whose_model_is_not_here_is_told_with_how_to_get_it() -> None:
    pytest.importorskip("faster_whisper")
    done = transcribe(str(sample()), "--language", "ru-RU")
    assert (done.returncode, done.stdout) == (6, "")
    assert "captions models add base" in done.stderr


def test_another_language_is_refused_with_what_there_is() -> None:
    done = transcribe(str(sample()), "--language", "ja-JP")
    assert done.returncode == 4
    assert "INVALID_ARGUMENT" in done.stderr
    assert "en-US" in done.stderr


def test_interrupting_leaves_no_process_behind() -> None:
    psutil = pytest.importorskip("psutil")
    process = subprocess.Popen(
        [sys.executable, "-m", "captions", "transcribe", str(sample())], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    children = psutil.Process(process.pid).children(recursive=True)
    assert children
    process.kill()
    process.wait()
    process.stdout.close()
    gone, alive = psutil.wait_procs(children, timeout=10)
    assert (len(gone), alive) == (len(children), [])
