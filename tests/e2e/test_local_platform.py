"""`make demo` and `make run`, as a reader of the README starts them."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping

import httpx
import pytest

from infra.local.emulator import LOOPBACK, free_port
from infra.local.platform import OUTPUTS_FILE
from infra.paths import LOCAL, ROOT
from tests.patience import WITHIN_SECONDS

pytestmark = pytest.mark.xdist_group("platform")  # one at a time: they write the same outputs

STARTS_WITHIN_SECONDS = 600


def environment(port: int) -> Mapping[str, str]:
    return {**os.environ, "TALKTIME_PORT": str(port), "PYTHONUNBUFFERED": "1"}


def test_the_demo_says_that_everything_was_as_it_should_be_and_exits_with_zero() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.demo"],
        cwd=ROOT,
        env=environment(free_port()),
        capture_output=True,
        text=True,
        timeout=STARTS_WITHIN_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything was as it should be." in done.stdout
    assert "NOT" not in done.stdout


def test_a_running_platform_can_be_driven_by_its_outputs_and_leaves_nothing_behind_on_ctrl_c() -> None:
    port = free_port()
    running = subprocess.Popen(
        [sys.executable, "-m", "infra.local.run"],
        cwd=ROOT,
        env=environment(port),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert running.stdout is not None
        said = []
        for line in running.stdout:
            said.append(line)
            if line.startswith("Ctrl-C stops it"):
                break
        assert said[-1].startswith("Ctrl-C stops it"), "it ended before it was up:\n" + "".join(said)
        outputs = json.loads(OUTPUTS_FILE.read_text())
        headers = {"authorization": f"Bearer {outputs['admin_key']}"}
        answer = httpx.get(f"{outputs['api_url']}/v1/accounts/acme/billing", headers=headers, timeout=WITHIN_SECONDS)
        assert answer.json()["account_id"] == "acme"
        unpacked = [folder for folder in (LOCAL / "emulator" / str(port)).glob("*/layer_*") if folder.is_dir()]
        assert unpacked, "no function has a layer"
        files = {folder: [file for file in folder.rglob("*") if file.is_file()] for folder in unpacked}
        assert {len(each) for each in files.values()} == {1}, "a function has layers of its own"
    finally:
        running.send_signal(signal.SIGINT)
        code = running.wait(timeout=WITHIN_SECONDS)
    assert code == 0
    with socket.socket() as probe:
        assert probe.connect_ex((LOOPBACK, port)) != 0, "the emulator still listens"


def test_a_busy_port_is_a_clear_message_and_exit_code_2() -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "infra.local.demo"],
            cwd=ROOT,
            env=environment(port),
            capture_output=True,
            text=True,
            timeout=STARTS_WITHIN_SECONDS,
            check=False,
        )
    assert done.returncode == 2
    assert f"Port {port}" in done.stderr
