"""The token of whoever is logged in with the cloud's command-line tool."""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from captions.errors import CredentialsError, StreamError
from captions.recognition.credentials import Credentials, Kind
from captions.recognition.iam import yc
from captions.recognition.iam.yc import NoTool, YcTool
from tests.recognition.iam.stand_in import NOW
from tests.recognition.iam.yc_tool import asked, tool

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the tool of these tests is a shell script")


def printed(secret: str, hours: float = 1.0) -> str:
    return json.dumps({"iam_token": secret, "expires_at": (NOW + timedelta(hours=hours)).isoformat()})


def with_tool(environment: object, folder_id: str = "") -> YcTool:
    return YcTool(environment, folder_id, clock=NOW.timestamp)  # type: ignore[arg-type]


async def test_a_users_token_comes_with_the_tools_folder(tmp_path: Path) -> None:
    environment = tool(tmp_path, printed("t1.user"), folder_id="b1gfolder")
    got = await with_tool(environment).fetch()
    assert got.credentials == Credentials(Kind.IAM_TOKEN, "t1.user", "b1gfolder", renewed=True)
    assert got.lasts == 3600
    assert asked(tmp_path)[0] == "iam create-token --format json"


async def test_a_folder_that_is_set_goes_before_the_tools(tmp_path: Path) -> None:
    environment = tool(tmp_path, printed("t1.user"), folder_id="b1gfolder")
    assert (await with_tool(environment, "mine").fetch()).credentials.folder_id == "mine"


@pytest.mark.parametrize("profile", [{"service_account_key": "id: aje"}, {"instance_service_account": "true"}])
async def test_a_profile_of_a_service_account_has_no_folder(tmp_path: Path, profile: dict[str, str]) -> None:
    environment = tool(tmp_path, printed("t1.sa"), folder_id="b1gfolder", **profile)
    credentials = (await with_tool(environment, "mine").fetch()).credentials
    assert (credentials.service_account, credentials.folder_id) == (True, "")


async def test_the_bare_token_of_other_versions_is_understood(tmp_path: Path) -> None:
    got = await with_tool(tool(tmp_path, "t1.bare", instance_service_account="false")).fetch()
    assert (got.credentials.secret, got.credentials.service_account, got.lasts) == ("t1.bare", False, 3600)


async def test_without_the_tool_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(NoTool, match="not on the PATH"):
        await YcTool({"PATH": str(tmp_path)}).fetch()


async def test_what_the_tool_says_is_told_and_no_secret_of_it(tmp_path: Path) -> None:
    secret = "t1." + "s3cr3t" * 10
    complaint = f"echo 'ERROR: log in with yc init ({secret})' >&2; exit 3"
    with pytest.raises(CredentialsError, match=r"exit code 3\): ERROR: log in with yc init") as caught:
        await with_tool(tool(tmp_path, before=complaint)).fetch()
    assert "s3cr3t" not in str(caught.value)


async def test_a_cloud_that_it_cannot_reach_may_be_reached_later(tmp_path: Path) -> None:
    complaint = "echo 'ERROR: rpc error: code = Unavailable desc = dial tcp: i/o timeout' >&2; exit 1"
    with pytest.raises(StreamError, match="yc cannot reach the cloud") as caught:
        await with_tool(tool(tmp_path, before=complaint)).fetch()
    assert caught.value.code == "UNAVAILABLE"


@pytest.mark.parametrize("output", ["", "You are using an old version", "{not json", "[]", '{"iam_token": ""}'])
async def test_what_is_no_token_is_told(tmp_path: Path, output: str) -> None:
    with pytest.raises(CredentialsError, match=r"no token|not usable"):
        await with_tool(tool(tmp_path, output)).fetch()


async def test_a_tool_that_does_not_end_is_killed_with_all_that_it_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yc, "SECONDS", 0.5)
    before = f"echo $$ > '{tmp_path}/pid'; sleep 613"
    with pytest.raises(StreamError, match=r"did not end within 0\.5 s"):
        await with_tool(tool(tmp_path, "t1.x", before)).fetch()
    pid = int((tmp_path / "pid").read_text())
    assert not psutil.pid_exists(pid)
    assert not [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == ["sleep", "613"]]


async def test_a_tool_that_floods_is_not_read_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(yc, "SECONDS", 1.0)
    with pytest.raises((StreamError, CredentialsError)):
        await with_tool(tool(tmp_path, "t1.x", "yes")).fetch()


async def test_it_never_goes_through_a_shell_and_gets_no_secret_as_an_argument(tmp_path: Path) -> None:
    environment = tool(tmp_path / "", printed("t1.user"), folder_id="$(touch /nowhere)")
    got = await with_tool(environment).fetch()
    assert got.credentials.folder_id == "$(touch /nowhere)"
    assert not [line for line in asked(tmp_path) if "t1." in line]


async def test_a_tool_that_cannot_be_run_is_told(tmp_path: Path) -> None:
    path = tmp_path / "yc"
    path.write_text("#!/nowhere/interpreter\n")
    path.chmod(0o755)
    with pytest.raises(CredentialsError, match="cannot be run"):
        await YcTool({"PATH": str(tmp_path), "HOME": os.sep}).fetch()
