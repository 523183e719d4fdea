"""Starting and stopping on this machine: whatever ends the starter, nothing is left."""

import signal
import socket
import subprocess
import sys
import time

import pytest

from infra.local.emulator import LOOPBACK, PortBusyError, free_port, running_emulator
from infra.local.platform import run_command
from infra.paths import ROOT

_START_AND_WAIT = """
import sys, time
from infra.local.emulator import running_emulator
from infra.local.platform import run_command
def main():
    with running_emulator(int(sys.argv[1])):
        print("started", flush=True)
        time.sleep(60)
    return 0
sys.exit(run_command(main))
"""
_STOPS_WITHIN_SECONDS = 15


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


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


@pytest.mark.parametrize(
    ("ending", "code"),
    [(signal.SIGINT, 0), (signal.SIGTERM, 0), (signal.SIGKILL, -signal.SIGKILL)],
)
def test_the_emulator_is_gone_when_its_starter_is(ending: signal.Signals, code: int) -> None:
    port = free_port()
    command = [sys.executable, "-c", _START_AND_WAIT, str(port)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout
        assert starter.stdout.readline() == "started\n"
        assert listens(port)
        starter.send_signal(ending)
        assert starter.wait(_STOPS_WITHIN_SECONDS) == code
    deadline = time.monotonic() + _STOPS_WITHIN_SECONDS
    while listens(port) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not listens(port)
