"""Starting and stopping on this machine: whatever ends the starter, nothing is left."""

import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest

from infra.local.emulator import LOOPBACK, REGION, PortBusyError, free_port, running_emulator
from infra.local.platform import run_command
from infra.paths import LOCAL, ROOT
from tests.patience import WITHIN_SECONDS, until

_START_AND_WAIT = """
import sys, time
from infra.local.emulator import running_emulator
from infra.local.platform import run_command
def main():
    with running_emulator(int(sys.argv[1])):
        print("started", flush=True)
        time.sleep(600)
    return 0
sys.exit(run_command(main))
"""

_WORK_ON = """
import os, pathlib, signal, time
def handler(event, context):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    note = pathlib.Path(event["note"])
    note.with_suffix(".new").write_text(str(os.getpid()))
    note.with_suffix(".new").rename(note)
    time.sleep(600)
"""


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


@contextmanager
def started_on(port: int) -> Iterator["subprocess.Popen[str]"]:
    """A process that has started an emulator, and waits."""
    command = [sys.executable, "-c", _START_AND_WAIT, str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        assert starter.stdout.readline() == "started\n"
        yield starter


def test_a_busy_port_is_named_and_ends_a_command_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((LOOPBACK, 0)) as other:
        port = other.getsockname()[1]

        def start() -> int:
            with running_emulator(port):
                return 0

        with pytest.raises(PortBusyError):
            start()
        assert run_command(start) == 2
    assert f"Port {port} on {LOOPBACK} is in use" in capsys.readouterr().err


def test_a_disk_too_full_to_unpack_the_functions_is_said_before_anything_starts(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=2**29))

    def start() -> int:
        with running_emulator(free_port()):
            return 0

    assert run_command(start) == 1
    assert "0.5 GiB free; the AWS emulator needs 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("ending", "code"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_the_emulator_is_gone_when_its_starter_is(ending: signal.Signals, code: int) -> None:
    port = free_port()
    with started_on(port) as starter:
        assert listens(port)
        starter.send_signal(ending)
        assert starter.wait(WITHIN_SECONDS) == code
    until(lambda: not listens(port))


def function_that_works_on(port: int, note: Path) -> int:
    """Start a function that does not stop when asked to. Returns its process id."""
    code = io.BytesIO()
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("work.py", _WORK_ON)
    functions = boto3.client(
        "lambda",
        endpoint_url=f"http://{LOOPBACK}:{port}",
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    functions.create_function(
        FunctionName="work",
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/work",
        Handler="work.handler",
        Timeout=900,
        Code={"ZipFile": code.getvalue()},
    )
    functions.invoke(FunctionName="work", InvocationType="Event", Payload=f'{{"note": "{note}"}}')
    until(note.exists)
    return int(note.read_text())


def runs(process_id: int) -> bool:
    """Whether it is alive; a dead one keeps its number until somebody asks for its end, which not every system does."""
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{process_id}/status")
    return not (status.exists() and "State:\tZ" in status.read_text())


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_function_that_is_at_work_is_gone_before_the_command_ends(ending: signal.Signals, tmp_path: Path) -> None:
    port = free_port()
    with started_on(port) as starter:
        function = function_that_works_on(port, tmp_path / "process_id")
        assert runs(function)
        starter.send_signal(ending)
        assert starter.wait(WITHIN_SECONDS) == 0
    assert not runs(function)


def test_a_function_that_is_at_work_ends_with_a_starter_that_was_killed(tmp_path: Path) -> None:
    port = free_port()
    with started_on(port) as starter:
        function = function_that_works_on(port, tmp_path / "process_id")
        starter.kill()
    until(lambda: not runs(function))
    assert [left.name for left in (LOCAL / "emulator" / str(port)).iterdir() if left.is_dir()] == []
