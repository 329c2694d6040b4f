"""The command line: quick to answer, plain about mistakes."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from captions import __version__
from captions.cli import main
from captions.remembered import remember


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "captions", *words], capture_output=True, text=True, timeout=60)


def modules_after(*words: str) -> set[str]:
    """The modules that a command has imported when it ends."""
    program = (
        "import sys\nfrom captions.cli import main\n"
        f"try:\n    main({list(words)!r})\nexcept SystemExit:\n    pass\n"
        "print('\\n'.join(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return set(done.stderr.splitlines())


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"captions {__version__}\n")


@pytest.mark.parametrize(
    "words", [("--version",), ("--help",), ("live", "--help"), ("serve", "--help"), ("credentials", "--help")]
)
def test_what_needs_nothing_heavy_imports_nothing_heavy(words: tuple[str, ...]) -> None:
    heavy = {"numpy", "grpc", "textual", "rich", "av", "sounddevice", "moonshine_voice", "asyncio", "tomlkit"}
    assert not heavy & modules_after(*words)


def test_settings_need_nothing_of_what_hears() -> None:
    assert not {"numpy", "grpc", "av", "sounddevice", "moonshine_voice", "tomlkit"} & modules_after("settings")


@pytest.mark.parametrize(
    "module", ["captions.engine", "captions.headless", "captions.audio.source", "captions.recognition.session"]
)
def test_the_engine_runs_without_textual(module: str) -> None:
    program = f"import sys, {module}; sys.exit('textual' in sys.modules or 'rich' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)


def test_help_names_every_command_and_what_a_source_is() -> None:
    done = run("--help")
    assert done.returncode == 0
    for word in ("live", "transcribe", "serve", "devices", "settings", "credentials", "SOURCE", "API_KEY"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--langauge", "ru-RU"], "Did you mean --language?"),
        (["serve", "--port", "50051"], "It takes -h, --help, --listen"),
        (["transcribe"], "SOURCE"),
        (["transcribe", "sample", "--format", "srt"], "ndjson"),
        (["transcribe", "sample", "--sample-rate", "44100"], "8000, 16000 or 48000"),
        (["transcribe", "sample", "--input", "microphone"], "given twice"),
        (["--settings", "/nowhere/settings.toml", "settings"], "/nowhere/settings.toml"),
    ],
)
def test_a_mistake_is_one_sentence_and_exit_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(words)
    except SystemExit as ended:
        code = int(str(ended.code))
    captured = capsys.readouterr()
    assert code == 2
    assert said in captured.err
    assert captured.err.count("\n") == 1
    assert not captured.out


def test_settings_are_printed_as_a_settings_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAPTIONS_MODEL", "general:rc")
    assert main(["settings", "--language", 'q"\\uote']) == 0
    text = capsys.readouterr().out
    values = tomllib.loads(text)
    assert (values["language"], values["model"], values["tls"]) == ('q"\\uote', "general:rc", True)
    assert "# From: --language" in text
    assert "# From: CAPTIONS_MODEL" in text
    assert "# From: default" in text


def test_keys_are_printed_with_the_settings(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[keys]\npause = "x"\nlog.page-up = ""\n', encoding="utf-8")
    assert main(["settings", "--settings", str(file)]) == 0
    text = capsys.readouterr().out
    assert tomllib.loads(text)["keys"] == {"pause": "x", "log.page-up": ""}
    assert '\n# microphone = "m"  # Listen to the microphone\n' in text


def test_keys_that_cannot_be_are_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[keys]\npasue = "p"\n', encoding="utf-8")
    assert main(["settings", "--settings", str(file)]) == 2
    assert "Did you mean pause?" in capsys.readouterr().err


def test_what_is_remembered_is_told_as_that_and_holds_for_the_dashboard_only(
    capsys: pytest.CaptureFixture[str],
) -> None:
    remember({"theme": "light"})
    assert main(["settings"]) == 0
    assert '# From: remembered\ntheme = "light"' in capsys.readouterr().out
    assert main(["settings", "--theme", "dark"]) == 0
    assert '# From: --theme\ntheme = "dark"' in capsys.readouterr().out


def test_a_reader_that_goes_away_ends_it_quietly() -> None:
    command = f"{sys.executable} -m captions settings | head -n 1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] in ("0", "141")
    assert done.stderr == ""


def test_a_mistake_of_ours_leaves_its_traceback_in_a_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, own_environment: Path
) -> None:
    def broken(_: object) -> int:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("captions.cli.COMMANDS", {"settings": broken})
    assert main(["settings"]) == 1
    said = capsys.readouterr().err
    assert "ZeroDivisionError" in said
    assert "Traceback" not in said
    (log,) = own_environment.rglob("crash.log")
    assert "ZeroDivisionError: ours" in log.read_text()


def test_no_flag_takes_a_secret() -> None:
    for command in ("live", "transcribe", "serve", "credentials"):
        text = run(command, "--help").stdout.lower()
        for secret in ("--token ", "--api-key", "--iam-token"):
            assert secret not in text


def test_devices_are_listed_or_their_lack_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["devices", "--json"])
    captured = capsys.readouterr()
    if code == 0:
        for device in json.loads(captured.out):
            assert device["name"]
            assert set(device["rates"]) <= {8_000, 16_000, 48_000}
    else:
        assert code == 3
        assert "PortAudio" in captured.err
