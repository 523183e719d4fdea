"""The layers as Lambda would load them: alone, but for what its runtime brings."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import boto3
import pytest

from infra.layers import AWS, THIS_MACHINE, Target, billing_layer, dependencies_layer
from infra.paths import FUNCTIONS

_RUNTIME = ("boto3", "botocore", "s3transfer")
_UNCHECKED_HASH = 0b01

_LOAD = """
import importlib, pkgutil, sys
sys.path[:0] = sys.argv[1:]
import billing
for module in pkgutil.walk_packages(billing.__path__, "billing."):
    importlib.import_module(module.name)
assert callable(importlib.import_module("handler").handler)
"""


@pytest.mark.parametrize("function", sorted(handler.parent.name for handler in FUNCTIONS.glob("*/handler.py")))
def test_a_function_finds_all_that_it_imports_in_its_own_folder_and_the_layers(function: str, tmp_path: Path) -> None:
    for package in _RUNTIME:
        (tmp_path / package).symlink_to(Path(boto3.__file__).parents[1] / package)
    layers = [dependencies_layer(THIS_MACHINE) / "python", billing_layer(THIS_MACHINE) / "python"]
    path = [str(folder) for folder in (FUNCTIONS / function, *layers, tmp_path)]
    environment = {"AWS_DEFAULT_REGION": "us-east-1", "POWERTOOLS_METRICS_NAMESPACE": "Talktime"}
    # -I -S: without the packages of this environment; -B: a function's folder is shipped as it is found.
    command = [sys.executable, "-I", "-S", "-B", "-c", _LOAD, *path]
    loaded = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert loaded.returncode == 0, loaded.stderr


def test_the_runtime_own_sdk_is_not_shipped_again() -> None:
    assert not [name for name in _RUNTIME if (dependencies_layer(AWS) / "python" / name).exists()]


def test_native_code_for_aws_fits_arm64_and_python_3_13() -> None:
    native = [file.name for file in dependencies_layer(AWS).rglob("*.so")]
    assert native
    assert all("cpython-313-aarch64" in name for name in native), native


@pytest.mark.parametrize("build", [dependencies_layer, billing_layer])
def test_byte_code_is_loaded_without_a_look_at_its_source(build: Callable[[Target], Path]) -> None:
    compiled = list(build(THIS_MACHINE).rglob("*.pyc"))
    assert compiled
    assert {file.read_bytes()[4] for file in compiled} == {_UNCHECKED_HASH}
