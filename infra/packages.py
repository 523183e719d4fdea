"""Installing packages: by uv, which takes a tenth of pip's time, or by pip when uv cannot be had or fails.

Standard library only: this also makes the environment that all else runs in.
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from infra.building import CommandError, run
from infra.paths import ROOT

ENVIRONMENT = ROOT / ".venv"
REQUIREMENTS = ROOT / "requirements.txt"

_UV_WITHIN_SECONDS = 300
"""For all that uv is asked for at once: an index that does not answer must leave time for pip."""


@dataclass(frozen=True, slots=True)
class Platform:
    """A machine whose wheels are wanted here, in the words of either installer."""

    uv: tuple[str, ...]
    pip: tuple[str, ...]


def create_environment(folder: Path) -> Path:
    """A virtual environment of the running Python in `folder`; returns its interpreter. Raises CommandError."""
    if not _done_by_uv("venv", "--python", sys.executable, str(folder)):
        run(sys.executable, "-m", "venv", str(folder))
    return folder / "bin" / "python"


def install_packages(python: Path, requirements: Path) -> None:
    """Install what `requirements` pins into the environment of `python`. Raises CommandError."""
    arguments = ("--requirement", str(requirements))
    if not _done_by_uv("pip", "install", "--python", str(python), *arguments):
        _run_pip("--python", str(python), "install", *arguments)


def install_wheels(folder: Path, requirements: Path, platform: Platform) -> None:
    """Put the wheels that `requirements` pins into `folder`, for `platform`. Raises CommandError."""
    arguments = ("--only-binary=:all:", "--target", str(folder), "--requirement", str(requirements))
    if not _done_by_uv("pip", "install", "--python", sys.executable, *platform.uv, *arguments):
        _run_pip("install", "--no-compile", *platform.pip, *arguments)


def make_uv_available() -> None:
    """Install the pinned uv into `.venv`, by pip. Without it everything works, more slowly."""
    (pin,) = (line.strip() for line in REQUIREMENTS.read_text().splitlines() if line.startswith("uv=="))
    command = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", *_QUIET, "--only-binary=:all:", pin]
    try:
        run(*command, timeout_seconds=_UV_WITHIN_SECONDS)
    except (CommandError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"uv cannot be had, so pip installs all, in minutes: {error}\n")


_QUIET = ("--quiet", "--disable-pip-version-check")


def _done_by_uv(*arguments: str) -> bool:
    uv = ENVIRONMENT / "bin" / "uv"
    if not uv.exists():
        return False
    try:
        run(str(uv), "--quiet", "--no-progress", *arguments, timeout_seconds=_UV_WITHIN_SECONDS)
    except (CommandError, subprocess.TimeoutExpired) as error:
        # Such as an index that pip alone is configured for.
        sys.stderr.write(f"uv failed, so pip is asked: {error}\n")
        return False
    return True


def _run_pip(*arguments: str) -> None:
    run(str(_pip_python()), "-m", "pip", *_QUIET, *arguments)


def _pip_python() -> Path:
    """The interpreter whose pip installs for the others, too: an environment that uv made has none of its own."""
    python = ENVIRONMENT / "bin" / "python"
    return python if python.exists() else Path(sys.executable)
