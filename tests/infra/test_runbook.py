"""Every alarm has its row in the runbook, and every row its alarm."""

import re
from typing import Any

from infra.paths import ROOT
from tests.infra.test_alarms import alarms_of, kind_of

COLUMNS = ["alarm", "symptom", "what it means for customers", "check", "remedy"]


def rows() -> list[list[str]]:
    """The cells of the runbook's rows, its head first."""
    text = (ROOT / "infra" / "README.md").read_text()
    section = text[text.index("## Alarms and the runbook") :]
    lines = [line for line in section.splitlines() if line.startswith("|") and not set(line) <= set("|- ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_each_alarm_names_a_row_of_the_runbook_and_each_row_is_named(resources: dict[str, Any]) -> None:
    head, *runbook = rows()
    assert head == COLUMNS
    named = [re.sub(r"\*\*(.+)\*\*", r"\1", row[0]) for row in runbook]
    assert named == sorted(set(named)), "each once, in the order of the alphabet"
    assert set(named) == {kind_of(alarm) for alarm in alarms_of(resources)}


def test_each_row_says_symptom_meaning_check_and_remedy() -> None:
    for row in rows():
        assert len(row) == len(COLUMNS)
        assert all(len(cell) > 2 for cell in row), row[0]


def test_what_the_runbook_says_of_the_log_is_what_the_code_writes() -> None:
    code = "".join(
        path.read_text()
        for folder in ("functions", "layers/billing/python/billing")
        for path in (ROOT / folder).rglob("*.py")
    )
    for line in (
        "money arrived that was not credited",
        "not answered for an hour",
        "a delivery is given up",
        "our key is refused",
        "cannot be finished",
        "a series of numbers is broken",
        "a document was missing",
        "events of Stripe's are out of reach",
        "request failed",
        "Stripe did not answer",
    ):
        assert f'"{line}' in code, line
        assert any(f"`{line}`" in cell for row in rows() for cell in row), line
