"""Builds the Lambda layers without Docker, once for each content of their sources.

They are compiled to byte code that is never checked against its source: it saves half of a cold start, and is safe
because a layer's folder is named by its content and written once. Byte code fits one Python version only, so it is
made by an interpreter of the target's version, and left out (the layer still works, more slowly) where none is at hand.
"""

import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from billing.console.rendering import COMPILED, compile_templates
from infra.building import built_once, content_hash, run
from infra.packages import Platform, install_wheels
from infra.paths import LAYERS

_BILLING = LAYERS / "billing" / "python" / "billing"
_TYPESETTING = LAYERS / "typst" / "python" / "typesetting"
# The Lambda runtime brings these, and PynamoDB requires one: 25 MB that would only slow a cold start.
_IN_THE_RUNTIME = ("boto3", "botocore", "s3transfer")


@dataclass(frozen=True, slots=True)
class Target:
    """The interpreter and machine that a layer is built for, and whose wheels it takes."""

    name: str
    python: tuple[int, int]
    wheels: Platform


AWS = Target(
    "aws-arm64-python3.13",
    (3, 13),
    Platform(
        uv=("--python-platform", "aarch64-manylinux2014", "--python-version", "3.13"),
        pip=("--platform", "manylinux2014_aarch64", "--python-version", "3.13", "--implementation", "cp"),
    ),
)
THIS_MACHINE = Target(
    f"{platform.system()}-{platform.machine()}-{sys.implementation.cache_tag}",
    sys.version_info[:2],
    Platform(uv=(), pip=()),
)


def dependencies_layer(target: Target) -> Path:
    """What every function may import beside the runtime and our own package."""
    return _third_party_layer("dependencies", target)


def stripe_layer(target: Target) -> Path:
    """Stripe's SDK, for the functions that talk to Stripe."""
    return _third_party_layer("stripe", target)


def console_layer(target: Target) -> Path:
    """Jinja2, for the function that shows pages."""
    return _third_party_layer("console", target)


def typst_layer(target: Target) -> Path:
    """typst, the template of documents and the fonts (`fonts/more/` with them), for what makes PDF files."""
    return _third_party_layer("typst", target, own=_TYPESETTING)


def _third_party_layer(name: str, target: Target, *, own: Path | None = None) -> Path:
    """The folder of `layers/<name>/requirements.txt`, filled on first use, with a package of our `own` that uses it.

    Raises CommandError.
    """
    requirements = LAYERS / name / "requirements.txt"

    def sources() -> list[Path]:
        ours = () if own is None else own.rglob("*")
        return [requirements, *(path for path in ours if path.is_file() and "__pycache__" not in path.parts)]

    def install(python: Path) -> None:
        install_wheels(python, requirements, target.wheels)
        for package in _IN_THE_RUNTIME:
            for path in [*python.glob(package), *python.glob(f"{package}-*.dist-info")]:
                shutil.rmtree(path)
        shutil.rmtree(python / "bin", ignore_errors=True)
        if own is not None:
            shutil.copytree(own, python / own.name, ignore=shutil.ignore_patterns("__pycache__"))

    return _layer(name, target, sources, install)


def billing_layer(target: Target) -> Path:
    """The folder of our own layer for `target`: the package as it lies in `layers/`, and its templates, compiled.

    What is a link there (the schemas of `events/`) is a file in the layer.
    """

    def copy(python: Path) -> None:
        package = python / "billing"
        shutil.copytree(_BILLING, package, ignore=shutil.ignore_patterns("__pycache__"))
        compile_templates(package / "console" / COMPILED.name)

    def sources() -> list[Path]:
        own = (path for path in _BILLING.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return [*own, LAYERS / "console" / "requirements.txt"]

    return _layer("billing", target, sources, copy)


def _layer(name: str, target: Target, sources: Callable[[], Iterable[Path]], fill: Callable[[Path], None]) -> Path:
    compiler = _interpreter(target.python)

    def build(layer: Path) -> None:
        (layer / "python").mkdir(parents=True)
        fill(layer / "python")
        if compiler:
            _compile(layer / "python", compiler)

    def key() -> str:
        return content_hash(sources(), "compiled" if compiler else "sources only")

    return built_once("layers", f"{name}-{target.name}", key, f"Building the {name} layer for {target.name}", build)


def _interpreter(version: tuple[int, int]) -> str | None:
    if sys.version_info[:2] == version:
        return sys.executable
    found = shutil.which(f"python{version[0]}.{version[1]}")
    # A version manager's shim may stand in for an interpreter that is not installed: only running it tells.
    if found and subprocess.run([found, "--version"], capture_output=True, check=False).returncode == 0:  # noqa: S603
        return found
    return None


def _compile(python: Path, interpreter: str) -> None:
    # Tracebacks name the path that the layer has in Lambda, and the build is the same on every machine.
    paths = ["-s", str(python), "-p", "/opt/python", str(python)]
    run(interpreter, "-m", "compileall", "--invalidation-mode", "unchecked-hash", "-q", "-q", "-j", "2", *paths)
