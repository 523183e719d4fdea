"""MiniStack, the AWS emulator: installed once, started on loopback, and gone when whoever started it is gone.

Nothing survives a stop: each start is an empty AWS.
"""

import itertools
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from infra.building import built_once, content_hash
from infra.packages import create_environment, install_packages
from infra.paths import INFRA, LOCAL

LOOPBACK = "127.0.0.1"
REGION = "us-east-1"

_REQUIREMENTS = INFRA / "local" / "emulator-requirements.txt"
_STARTS_WITHIN_SECONDS = 120
_STOPS_WITHIN_SECONDS = 10
_PORTS = range(16_000, 32_000)
_PORTS_A_PROCESS = 97  # no divisor of how many there are: process ids far apart share none either
_ports_given = itertools.count()
_PROCESSES = Path("/proc")
# A full disk shows late, as a layer that is not resolved or a function that answers nothing.
_NEEDS_FREE_BYTES = 1024**3
# Standard input closes when the starter ends, even by SIGKILL: then the emulator ends itself and its functions. All at
# once, since nothing is kept: asked to stop, it waits for each function in turn, and functions may outlive it. What it
# unpacked goes first, since nobody else is left to remove it.
_RUN_WHILE_WANTED = """
import os, runpy, shutil, signal, sys, threading
def stop_when_unwanted():
    sys.stdin.buffer.read()
    for unpacked in os.scandir(os.environ["TMPDIR"]):
        if unpacked.is_dir(follow_symlinks=False):
            shutil.rmtree(unpacked.path, ignore_errors=True)
    os.killpg(0, signal.SIGKILL)
threading.Thread(target=stop_when_unwanted, daemon=True).start()
runpy.run_module("ministack", run_name="__main__")
"""


class PortBusyError(Exception):
    """Something else listens where the emulator should."""

    def __init__(self, port: int) -> None:
        super().__init__(
            f"Port {port} on {LOOPBACK} is in use. Stop what uses it, or choose another: TALKTIME_PORT={port + 1}."
        )
        self.port = port


class EmulatorError(Exception):
    """The emulator did not start; the message ends with what it said last."""


@dataclass(frozen=True, slots=True)
class Emulator:
    """A running emulator: where it answers, where its log is, and a folder that is there as long as it runs."""

    url: str
    log: Path
    shared: Path

    def environment(self, account: str = "000000000001") -> dict[str, str]:
        """What has AWS's clients speak to it, as one of the isolated accounts that it has."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": account,
            "AWS_SECRET_ACCESS_KEY": "local",
        }


def free_port() -> int:
    """A port of loopback that is free, and that nobody is given by chance until it is used.

    Below those that systems give to outgoing connections; another one each time, and to each process others.
    """
    while True:
        port = _PORTS[(os.getpid() * _PORTS_A_PROCESS + next(_ports_given)) % len(_PORTS)]
        try:
            require_free(port)
        except PortBusyError:
            continue
        return port


@contextmanager
def running_emulator(
    port: int, *, enforce_iam: bool = False, environment: Mapping[str, str] | None = None
) -> Iterator[Emulator]:
    """An empty AWS on `port`, until the block ends; with `enforce_iam`, roles are held to their policies.

    Functions inherit `environment`, where it does not come from the stack.

    Raises PortBusyError, EmulatorError, or CommandError where it cannot be installed.
    """
    python = _installed()
    require_free(port)
    _require_space()
    home = LOCAL / "emulator" / str(port)
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    emulator = Emulator(f"http://{LOOPBACK}:{port}", home / "emulator.log", home / "shared")
    with emulator.log.open("wb") as log:
        process = subprocess.Popen(
            [str(python), "-c", _RUN_WHILE_WANTED],
            env={**_environment(port, home, enforce_iam=enforce_iam), **(environment or {})},
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us: we stop the emulator, after whatever still uses it
        )
        try:
            _wait_until_healthy(emulator, process)
            yield emulator
        finally:
            _stop(process)
            _remove_all_but(emulator.log)
    shutil.rmtree(home)  # after a failure the log stays


def _installed() -> Path:
    """The interpreter of the emulator's own environment, which is made on first use and when its pins change."""

    def install(home: Path) -> None:
        install_packages(create_environment(home), _REQUIREMENTS)

    def key() -> str:
        return content_hash([_REQUIREMENTS], sys.version)

    return built_once("emulator", "venv", key, "Installing the AWS emulator", install) / "bin" / "python"


def require_free(port: int) -> None:
    """Raises PortBusyError where something listens on `port` of loopback."""
    with socket.socket() as probe:
        # As the emulator's own listener does: a port in TIME_WAIT from the last run is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError as error:
            raise PortBusyError(port) from error


def _require_space() -> None:
    free_bytes = shutil.disk_usage(LOCAL).free
    if free_bytes < _NEEDS_FREE_BYTES:
        raise EmulatorError(
            f"{LOCAL} has {free_bytes / 1024**3:.1f} GiB free; the AWS emulator needs "
            f"{_NEEDS_FREE_BYTES / 1024**3:.0f}, to unpack the functions that it runs."
        )


def _remove_all_but(kept: Path) -> None:
    for entry in kept.parent.iterdir():
        if entry.is_dir():
            shutil.rmtree(entry)
        elif entry != kept:
            entry.unlink()


def _environment(port: int, home: Path, *, enforce_iam: bool) -> Mapping[str, str]:
    # Nothing of the developer's own AWS_* variables: functions inherit the emulator's environment.
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return inherited | {
        "GATEWAY_PORT": str(port),
        "BIND_HOST": LOOPBACK,
        "MINISTACK_HOST": "localhost",
        "MINISTACK_REGION": REGION,
        "AUTH": str(enforce_iam).lower(),
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "WARNING",
        "TMPDIR": str(home),
        "PYTHONUNBUFFERED": "1",
    }


def _wait_until_healthy(emulator: Emulator, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{emulator.url}/_ministack/health", timeout=5):  # noqa: S310  http, on loopback
                return
        except OSError:
            time.sleep(0.05)
    last_words = emulator.log.read_text(errors="replace")[-2000:]
    raise EmulatorError(f"The AWS emulator did not start. It said:\n{last_words}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End the session that was started for the emulator: itself and its functions. None of them is left."""
    with suppress(ProcessLookupError, PermissionError):  # nobody, or on macOS nobody but the dead
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    if process.stdin:
        process.stdin.close()
    deadline = time.monotonic() + _STOPS_WITHIN_SECONDS
    while _lives(process.pid) and time.monotonic() < deadline:
        time.sleep(0.02)


def _lives(group: int) -> bool:
    """Whether a process of `group` runs. One that is dead, and not waited for by its new parent yet, does not."""
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):  # nobody, or on macOS nobody but the dead
        return False
    return not _PROCESSES.exists() or any(_runs_in(group, stat) for stat in _PROCESSES.glob("[0-9]*/stat"))


def _runs_in(group: int, stat: Path) -> bool:
    """By the line of proc(5): the name in parentheses, then state, parent and process group."""
    try:
        state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
    except OSError:  # it has ended
        return False
    return int(its_group) == group and state not in "ZX"
