"""What real clients meet: validators that nobody here wrote, clients made from the document, the SDK of CloudEvents.

A client is made as its author would make it, in an environment of his own, and sends each kind of event over HTTP.
"""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.contract.clients.installed import HERE, client_node, client_python
from tests.contract.clients.served import ServedEvents, document, served_events
from tests.patience import WITHIN_SECONDS

CALL = {
    "specversion": "1.0", "id": "call-1", "source": "/voice/eu-1", "type": "call.ended",
    "data": {
        "call_id": "c-881", "workspace_id": "42", "direction": "outbound",
        "started_at": "2026-11-23T09:09:50Z", "ended_at": "2026-11-23T09:10:02.500Z",
        "usage": [{"feature": "call_minutes", "quantity": "0.2083333333", "unit": "minute"}],
    },
}  # fmt: skip
USED = {
    "specversion": "1.0", "id": "storage-1", "source": "/storage", "type": "usage.recorded", "subject": "المكتب 北京",
    "data": {
        "workspace_id": "42", "occurred_at": "2026-11-23T09:00:00Z",
        "usage": [{"feature": "media_storage_gb", "quantity": "3"}],
    },
}  # fmt: skip
EVENTS = json.dumps([CALL, USED])


@pytest.fixture
def served() -> Iterator[ServedEvents]:
    with served_events() as running:
        yield running


@pytest.fixture(scope="module")
def described(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("document") / "openapi.json"
    file.write_text(document())
    return file


def run(*command: str | Path, cwd: Path | None = None) -> str:
    done = subprocess.run(
        list(map(str, command)), cwd=cwd, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def answers(said: str) -> Mapping[str, tuple[int, Any]]:
    return {way: (status, body) for way, status, body in map(json.loads, said.splitlines())}


def test_a_validator_in_python_finds_the_document_sound(described: Path) -> None:
    assert run(client_python(), "-m", "openapi_spec_validator", described).endswith("OK\n")


def test_a_validator_in_javascript_finds_the_document_sound(described: Path) -> None:
    run(client_node() / "node_modules" / ".bin" / "validate-api", described)


def test_a_client_generated_in_python_and_the_sdk_of_cloudevents_send_each_kind_of_event(
    described: Path, served: ServedEvents, tmp_path: Path
) -> None:
    client = tmp_path / "talktime_client"
    python = client_python()
    run(
        python, "-m", "openapi_python_client", "generate", "--path", described, "--output-path", client,
        "--meta", "none", "--config", HERE / "no_hooks.yaml",
    )  # fmt: skip
    said = answers(run(python, HERE / "send_events.py", served.url, client, EVENTS))
    assert len(said) == 9
    assert {way: answer for way, answer in said.items() if answer != (202, {"accepted": 1, "rejected": []})} == {}
    assert {queued.event.event_id for queued in served.line.sent} == {"call-1", "storage-1"}


def test_a_client_generated_in_typescript_sends_each_kind_of_event(
    described: Path, served: ServedEvents, tmp_path: Path
) -> None:
    node = client_node()
    tools = node / "node_modules" / ".bin"
    (tmp_path / "node_modules").symlink_to(node / "node_modules")
    for file in ("package.json", "tsconfig.json", "send_events.ts"):
        (tmp_path / file).write_text((HERE / file).read_text())
    run(tools / "openapi-typescript", described, "--output", tmp_path / "schema.d.ts")
    run(tools / "tsc", "--project", tmp_path, cwd=tmp_path)
    said = answers(run("node", tmp_path / "send_events.js", served.url, EVENTS))
    assert {way: status for way, (status, _) in said.items()} == dict.fromkeys(said, 202)
    assert {way: body["accepted"] for way, (_, body) in said.items()} == {
        "generated, call.ended": 1,
        "generated, usage.recorded": 1,
        "generated, plain JSON": 1,
        "generated, batch": 2,
        "generated, binary": 1,
    }
    assert len(served.line.sent) == 6
