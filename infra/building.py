"""Building things once: long steps, whose results are kept under `.local/` by the hash of their sources."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.paths import LOCAL, ROOT
from infra.progress import step

_FORGOTTEN_AFTER_SECONDS = 3600


class CommandError(Exception):
    """A command failed; the message is what it said."""

    def __init__(self, command: Iterable[str], said: str) -> None:
        super().__init__(f"{' '.join(command)}\n{said.strip()}")


def run(*command: str, timeout_seconds: int = 600, environment: dict[str, str] | None = None) -> None:
    """Runs `command` at the root of the checkout, silently. Raises CommandError, subprocess.TimeoutExpired."""
    done = subprocess.run(  # noqa: S603  our own commands
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout_seconds,
        check=False,
    )
    if done.returncode:
        raise CommandError(command, done.stdout + done.stderr)


def content_hash(files: Iterable[Path], *salt: str) -> str:
    """Sixteen hexadecimal digits that change with any name or content of `files`, and with `salt`."""
    digest = hashlib.sha256(repr(salt).encode())
    for file in sorted(files):
        content = file.read_bytes()
        digest.update(f"{file.relative_to(ROOT)}:{len(content)}:".encode() + content)
    return digest.hexdigest()[:16]


def built_once(kind: str, name: str, key: Callable[[], str], doing: str, build: Callable[[Path], None]) -> Path:
    """`.local/<kind>/<name>-<key()>`, made by `build(path)` where it is missing: whole, or not there at all.

    Safe when several processes ask at once, and when somebody edits the sources meanwhile: it is built again. What
    `name` was built to before is removed once unused for an hour.
    """
    shelf = LOCAL / kind
    with _exclusive(shelf, name):
        path = shelf / f"{name}-{key()}"
        while not path.exists():
            unfinished = shelf / f"unfinished-{name}"
            shutil.rmtree(unfinished, ignore_errors=True)
            with step(doing):
                build(unfinished)
            built_from = shelf / f"{name}-{key()}"
            if built_from == path:
                unfinished.rename(path)
            path = built_from
        os.utime(path)
        for older in shelf.glob(f"{name}-*"):
            if older.stat().st_mtime < time.time() - _FORGOTTEN_AFTER_SECONDS:
                shutil.rmtree(older)
    return path


@contextmanager
def _exclusive(shelf: Path, name: str) -> Iterator[None]:
    shelf.mkdir(parents=True, exist_ok=True)
    with (shelf / f".{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # goes with the process, however it ends
        yield
