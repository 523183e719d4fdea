"""Turns the CDK app into templates, once for each content of what they are made of: synthesis takes 6 to 15 s."""

import json
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from infra.building import built_once, content_hash, run
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
from infra.paths import FUNCTIONS, INFRA, ROOT

LOCAL_STAGE = "local"

_TIMEOUT_SECONDS = 300


class NodeMissingError(Exception):
    """CDK is written in TypeScript: also from Python it runs on Node."""

    def __init__(self) -> None:
        super().__init__("Node.js 20 or later is needed to synthesise the stacks, and `node` is not on the PATH.")


def synthesise(stage: str = LOCAL_STAGE) -> Path:
    """The folder of the synthesised app, as `cdk synth` would write it.

    Raises CommandError where the app fails or a template breaks a rule, NodeMissingError.
    """
    if not shutil.which("node"):
        raise NodeMissingError
    target = THIS_MACHINE if stage == LOCAL_STAGE else AWS
    _layers(target)  # here, where their progress is seen
    cdk_json = ROOT / "cdk.json"
    context = json.loads(cdk_json.read_text())["context"] | {"stage": stage}
    # How the CDK command line, too, talks to an app; and nothing of the caller's AWS can matter.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    environment["CDK_CONTEXT_JSON"] = json.dumps(context)

    def run_app(output: Path) -> None:
        command = [sys.executable, "-m", "infra.app"]
        run(*command, environment=environment | {"CDK_OUTDIR": str(output)}, timeout_seconds=_TIMEOUT_SECONDS)

    doing = f"Synthesising the stacks of stage {stage}"
    return built_once("synthesis", stage, lambda: made_of(target), doing, run_app)


def made_of(target: Target) -> str:
    """Changes with all that a synthesised app holds. A layer's folder is named by its content, fonts and all."""
    sources = [file for folder in (INFRA, FUNCTIONS) for file in folder.rglob("*.py")]
    return content_hash([*sources, ROOT / "cdk.json"], *(layer.name for layer in _layers(target)))


def _layers(target: Target) -> list[Path]:
    """All layers, built side by side where they are not yet."""
    builds = (dependencies_layer, stripe_layer, typst_layer, console_layer, billing_layer)
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda build: build(target), builds))


if __name__ == "__main__":
    print(synthesise(*sys.argv[1:]))
