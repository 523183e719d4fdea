"""Every command of the documents is run, in its order, as a reader would."""

import dataclasses
import json
import re
import subprocess
from pathlib import Path

from infra.local.deploy import Outputs
from infra.paths import ROOT

# What is done on AWS, and what takes minutes, stands in blocks of another name.
DOCUMENTS = {name: (ROOT / name).read_text() for name in ("README.md", "events/README.md", "infra/README.md")}
BLOCKS = [
    block for text in DOCUMENTS.values() for block in re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
]
TARGETS = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def blocks_of_make() -> list[str]:
    return [block for block in BLOCKS if block.startswith("make ")]


def test_the_commands_of_the_api_by_example_work_in_their_order(platform: Outputs, tmp_path: Path) -> None:
    (tmp_path / ".local").mkdir()
    (tmp_path / ".local" / "outputs.json").write_text(json.dumps(dataclasses.asdict(platform)))
    (tmp_path / "events").symlink_to(ROOT / "events")
    script = "set -eu\n" + "\necho\n".join(block for block in BLOCKS if not block.startswith("make "))
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert '"amount":"-0.072000"' in done.stdout, "93 seconds do not cost what the README says"
    assert '"code":"account_not_found"' in done.stdout
    assert '"code":"missing_field"' in done.stdout
    assert '"allowed":true' in done.stdout


def test_the_make_targets_that_the_documents_name_exist() -> None:
    named = {target for block in blocks_of_make() for target in re.findall(r"^make ([a-z]+)", block, re.MULTILINE)}
    assert {"run", "test", "synth"} <= named
    said = {target for text in DOCUMENTS.values() for target in re.findall(r"`make ([a-z]+)`", text)}
    assert named | said <= TARGETS
