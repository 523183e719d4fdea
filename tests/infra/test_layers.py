"""The layers as Lambda would load them: alone, but for what its runtime brings."""

import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import boto3
import pytest

from infra.functions import FUNCTION_SIZES
from infra.layers import (
    AWS,
    THIS_MACHINE,
    Target,
    billing_layer,
    console_layer,
    dependencies_layer,
    stripe_layer,
    typst_layer,
)
from infra.local import synthesis
from infra.local.synthesis import made_of
from infra.paths import FUNCTIONS, LAYERS
from tests.patience import WITHIN_SECONDS

_RUNTIME = ("boto3", "botocore", "s3transfer")
_UNCHECKED_HASH = 0b01

_LOAD_PACKAGE = """
import importlib, pkgutil, billing
for module in pkgutil.walk_packages(billing.__path__, "billing."):
    importlib.import_module(module.name)
"""
_LOAD_HANDLER = """
import logging, handler
assert callable(handler.handler)
for ours in (FUNCTION, "billing.services"):
    assert logging.getLogger(ours).isEnabledFor(logging.DEBUG), ours
for others in (None, "botocore", "urllib3", "stripe"):
    assert not logging.getLogger(others).isEnabledFor(logging.DEBUG), others
"""

_DESCRIBE = """
import handler
event = {"rawPath": "/openapi.json", "requestContext": {"http": {"method": "GET"}}}
assert "CallEnded" in handler._api.respond(event, None, lambda _: None)["body"]
"""


def load(program: str, folders: Sequence[Path], runtime: Path) -> None:
    """Run `program` with nothing to import but what is in `folders`, the layers of a function, and in the runtime."""
    for package in _RUNTIME:
        (runtime / package).symlink_to(Path(boto3.__file__).parents[1] / package)
    path = f"import sys; sys.path[:0] = {[str(folder) for folder in (*folders, runtime)]}\n"
    environment = {
        "AWS_DEFAULT_REGION": "us-east-1",
        "LOG_LEVEL": "DEBUG",
        "POWERTOOLS_METRICS_NAMESPACE": "Talktime",
        "STRIPE_API_KEY": "sk_test_1",
        "STRIPE_WEBHOOK_SECRETS": "whsec_1",
    }
    # -I -S: without the packages of this environment; -B: a function's folder is shipped as it is found.
    command = [sys.executable, "-I", "-S", "-B", "-c", path + program]
    loaded = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False
    )
    assert loaded.returncode == 0, loaded.stderr


def layers(*, stripe: bool = False, typst: bool = False, console: bool = False) -> list[Path]:
    carried = ((stripe_layer, stripe), (typst_layer, typst), (console_layer, console))
    more = [build for build, is_carried in carried if is_carried]
    builds = (dependencies_layer, billing_layer, *more)
    return [build(THIS_MACHINE) / "python" for build in builds]


@pytest.mark.parametrize("function", sorted(handler.parent.name for handler in FUNCTIONS.glob("*/handler.py")))
def test_a_function_finds_all_that_it_imports_in_its_layers_and_logs_at_the_level_of_its_stage(
    function: str, tmp_path: Path
) -> None:
    size = FUNCTION_SIZES[function]
    folders = [FUNCTIONS / function, *layers(stripe=size.uses_stripe, typst=size.uses_typst, console=size.shows_pages)]
    load(f"FUNCTION = {function!r}\n{_LOAD_HANDLER}", folders, tmp_path)


def test_the_api_describes_itself_with_nothing_but_its_layers(tmp_path: Path) -> None:
    load(_DESCRIBE, [FUNCTIONS / "api", *layers(stripe=True)], tmp_path)


def test_the_layers_hold_all_that_the_billing_package_imports(tmp_path: Path) -> None:
    load(_LOAD_PACKAGE, layers(stripe=True, typst=True, console=True), tmp_path)


def test_the_runtime_own_sdk_is_not_shipped_again() -> None:
    assert not [name for name in _RUNTIME if (dependencies_layer(AWS) / "python" / name).exists()]


def test_native_code_for_aws_fits_arm64_and_python_3_13() -> None:
    native = [file.name for file in dependencies_layer(AWS).rglob("*.so")]
    assert native
    assert all("cpython-313-aarch64" in name for name in native), native


@pytest.mark.parametrize("build", [dependencies_layer, stripe_layer, billing_layer])
def test_byte_code_is_loaded_without_a_look_at_its_source(build: Callable[[Target], Path]) -> None:
    compiled = list(build(THIS_MACHINE).rglob("*.pyc"))
    assert compiled
    assert {file.read_bytes()[4] for file in compiled} == {_UNCHECKED_HASH}


@pytest.mark.parametrize(
    "layer", ["dependencies_layer", "stripe_layer", "typst_layer", "console_layer", "billing_layer"]
)
def test_templates_are_synthesised_anew_when_any_layer_changes(layer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when a font or a document's template does: else what is deployed would be what was."""
    before = made_of(THIS_MACHINE)
    assert made_of(THIS_MACHINE) == before
    monkeypatch.setattr(synthesis, layer, lambda _: Path(f"{layer}-of-another-content"))
    assert made_of(THIS_MACHINE) != before


def test_pages_come_from_compiled_templates_and_no_other_file_is_read_for_them() -> None:
    package = billing_layer(THIS_MACHINE) / "python" / "billing" / "console"
    written = {path.name for path in (package / "templates").glob("*.html")}
    assert len(written) > 5
    assert len(list((package / "compiled").glob("tmpl_*.py"))) == len(written)
    assert (package / "static" / "console.css").is_file()


def test_a_layer_is_named_anew_when_its_template_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    template = LAYERS / "typst" / "python" / "typesetting" / "document.typ"
    hashed: list[Path] = []

    def remember(files: Iterable[Path], *_: str) -> str:
        hashed.extend(files)
        return "0" * 16

    monkeypatch.setattr("infra.layers.content_hash", remember)
    monkeypatch.setattr("infra.layers.built_once", lambda _, name, key, *__: Path(name + key()))
    typst_layer(THIS_MACHINE)
    assert template in hashed
    assert any(path.suffix == ".ttf" for path in hashed)
