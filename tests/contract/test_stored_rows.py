"""What is stored is pinned: a row that a release has written is read by all later ones, and reads as it was meant."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from infra.paths import ROOT
from tests.contract.stored import Stored
from tests.contract.stored_values import VALUES

ROWS = Path(__file__).with_name("rows")
WRITTEN = {name: stored for name, stored in VALUES.items() if stored.write is not None}


def as_json(item: dict[str, Any]) -> str:
    """A row in DynamoDB's JSON, as a golden file holds it: bytes are base64, as on the wire."""
    return json.dumps(item, indent=2, sort_keys=True, ensure_ascii=False, default=_base64) + "\n"


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()


def golden(name: str) -> dict[str, Any]:
    row: dict[str, Any] = json.loads((ROWS / f"{name}.json").read_text(encoding="utf-8"))
    return {key: {"B": base64.b64decode(typed["B"])} if "B" in typed else typed for key, typed in row.items()}


def row_of(database: Database, stored: Stored) -> dict[str, Any]:
    key = {name: {"N": str(part)} if isinstance(part, int) else {"S": part} for name, part in stored.key.items()}
    return database.client.get_item(TableName=stored.table, Key=key, ConsistentRead=True)["Item"]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_row_is_written_as_its_golden_row(name: str, database: Database) -> None:
    stored = VALUES[name]
    assert stored.write is not None
    stored.write(database)
    written = row_of(database, stored)
    said = f"{name}: a row is for ever. Where this change is meant, add this as a row of the new release:\n"
    assert written == golden(name), said + as_json(written)


@pytest.mark.parametrize("name", VALUES)
def test_a_golden_row_reads_as_it_was_meant(name: str, database: Database) -> None:
    stored = VALUES[name]
    database.client.put_item(TableName=stored.table, Item=golden(name))
    assert stored.read(database) == stored.value


def test_every_table_has_a_golden_row_and_every_golden_row_is_read() -> None:
    assert {stored.table for stored in VALUES.values()} == {model.Meta.table_name for model in ALL_TABLES}
    files = {path.relative_to(ROWS).with_suffix("").as_posix() for path in ROWS.rglob("*.json")}
    assert files == set(VALUES)


def test_golden_rows_are_only_ever_added_to() -> None:
    """Held to the history, where there is one: a row that was changed would prove nothing of the rows out there."""
    if not (ROOT / ".git").exists():
        return
    command = ["git", "log", "--no-renames", "--diff-filter=MD", "--name-only", "--format=%h", "--", str(ROWS)]
    changed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    pending = ["git", "diff", "--no-renames", "--diff-filter=MD", "--name-only", "HEAD", "--", str(ROWS)]
    assert changed + subprocess.run(pending, cwd=ROOT, capture_output=True, text=True, check=True).stdout == ""
