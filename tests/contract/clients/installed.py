"""The tools of a client's author, installed once: a Python and a Node of their own, by the pins beside this file."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from infra.building import built_once, content_hash, run
from infra.packages import create_environment, install_packages

HERE = Path(__file__).parent
_REQUIREMENTS = HERE / "requirements.txt"
_PACKAGE = (HERE / "package.json", HERE / "package-lock.json")


def client_python() -> Path:
    """The interpreter that has openapi-python-client, the SDK of CloudEvents, and a validator."""
    return _installed("python", [_REQUIREMENTS], lambda home: install_packages(create_environment(home), _REQUIREMENTS))


def client_node() -> Path:
    """The folder of the Node packages, and of what is compiled there."""

    def install(home: Path) -> None:
        home.mkdir()
        for file in _PACKAGE:
            shutil.copy(file, home)
        run("npm", "ci", "--prefix", str(home), "--ignore-scripts", "--no-audit", "--no-fund", "--silent")

    return _installed("node", _PACKAGE, install)


def _installed(what: str, pins: "list[Path] | tuple[Path, ...]", install: Callable[[Path], None]) -> Path:
    def key() -> str:
        return content_hash(pins, sys.version)

    home = built_once("clients", what, key, f"Installing what {what.capitalize()} clients are made with", install)
    return home / "bin" / "python" if what == "python" else home
