"""The documents are complete and true: every list in them is compared with the code, in both directions.

`test_decisions.py` holds the records and the page of the billing layer.
"""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest

from billing.domain.notice_types import NOTICE_TYPES
from billing.domain.permission import PermissionCode
from billing.store.all_tables import ALL_TABLES
from billing.web.http import RefusalCode
from infra.functions import FUNCTION_SIZES
from infra.paths import EVENTS, FUNCTIONS, INFRA, LAYERS, ROOT
from infra.stages import Stage
from tests.described import description
from tests.infra.test_alarms import alarms_of

BILLING = LAYERS / "billing" / "python" / "billing"
_BUILT = {".local", ".venv", ".pytest_cache", "cdk.out"}
DOCUMENTS = [path for path in sorted(ROOT.rglob("*.md")) if not _BUILT & set(path.relative_to(ROOT).parts)]


def text_of(folder: Path) -> str:
    return (folder / "README.md").read_text()


def section(text: str, heading: str) -> str:
    """What stands under a heading, to the next one of its level or above."""
    level, _, _ = heading.partition(" ")
    start = text.index(f"\n{heading}\n") + len(heading) + 2
    end = re.compile(rf"^#{{1,{len(level)}}} ", re.MULTILINE).search(text, start)
    return text[start : end.start() if end else None]


def first_column(text: str) -> list[str]:
    """What the rows of the tables in a text name first, in code."""
    return re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE)


def test_the_readme_is_short() -> None:
    assert len(text_of(ROOT).splitlines()) <= 150


def test_each_function_has_its_row() -> None:
    assert first_column(text_of(FUNCTIONS)) == sorted(FUNCTION_SIZES)


def test_each_table_has_its_row() -> None:
    assert first_column(section(text_of(INFRA), "## Tables")) == sorted(each.Meta.table_name for each in ALL_TABLES)


def test_each_field_of_a_stage_has_its_row() -> None:
    assert first_column(section(text_of(INFRA), "## A stage")) == [each.name for each in fields(Stage)]


def test_each_make_target_has_its_row_and_its_line_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {f"make {target}" for target in targets} == set(first_column(section(text_of(INFRA), "## make")))
    comment = makefile[: makefile.index(".PHONY")]
    assert set(re.findall(r"make ([a-z]+)", comment)) == targets


def test_each_metric_of_our_own_with_an_alarm_has_its_row(resources: dict[str, Any]) -> None:
    metrics = {alarm["MetricName"] for alarm in alarms_of(resources) if alarm.get("Namespace") == "Talktime"}
    assert set(first_column(section(text_of(INFRA), "## Metrics with an alarm"))) == metrics


def test_each_event_of_our_own_has_its_row() -> None:
    assert first_column(section(text_of(EVENTS), "## Events out")) == sorted(NOTICE_TYPES)


def test_each_reason_for_which_an_event_is_kept_has_its_row() -> None:
    raised = re.compile(r'(?:InvalidEvent|UnratableLine|Rejection|_reject)\(\s*(?:[a-z]+, )?"([a-z_]+)"')
    codes = {code for path in BILLING.rglob("*.py") for code in raised.findall(path.read_text())}
    assert {"longer_than_the_call", "unknown_workspace"} <= codes
    listed = first_column(section(text_of(EVENTS), "### Rejected events"))
    assert listed == sorted(codes | {"malformed_json"})


def test_each_error_code_of_the_api_has_its_row_with_its_status() -> None:
    described = {
        (code, int(status))
        for methods in description().document["paths"].values()
        for operation in methods.values()
        for status in operation["responses"]
        for code in (description().response(operation, int(status)) or {}).get("x-codes", ())
    }
    rows = re.findall(r"^\| `([a-z_]+)` \| ([0-9]+) \|", section(text_of(EVENTS), "## Error codes"), re.MULTILINE)
    assert [code for code, _ in rows] == sorted({code for code, _ in rows})
    undescribed = {("method_not_allowed", 405), ("route_not_found", 404)}  # of no operation
    assert {(code, int(status)) for code, status in rows} == described | undescribed
    assert set(get_args(RefusalCode)) | set(get_args(PermissionCode)) - {"allowed"} <= {code for code, _ in rows}


def test_each_helper_of_the_tests_has_its_row() -> None:
    helpers = {path.name for path in (ROOT / "tests").glob("*.py")}
    named = re.findall(r"`(\w+\.py)`", section(text_of(ROOT / "tests"), "## Which world do I need?"))
    assert sorted(named) == sorted(helpers)
    suites = {path.name for path in (ROOT / "tests").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert set(first_column(section(text_of(ROOT / "tests"), "## The suites"))) == suites


def test_what_the_first_page_promises_is_one_step_away() -> None:
    page = section(text_of(ROOT), "## Where is ...?")
    for question in ("the rule for negative pauses", "who may write the ledger", "how to add a route"):
        assert f"| {question}" in page


def anchors(path: Path) -> set[str]:
    """As a hosting site makes them of the headings."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_link_leads_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", path.read_text()):
        if target.startswith("http"):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_file_that_is_named_exists(path: Path) -> None:
    for name in re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|json|toml|md))`", path.read_text()):
        places = (ROOT / name, BILLING / name, path.parent / name)
        is_made_by_running = name.startswith(".local/")
        assert is_made_by_running or any(place.exists() for place in places), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_file_of_a_command_exists(path: Path) -> None:
    for block in re.findall(r"^```(?:console|sh)\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL):
        for name in re.findall(r"\b((?:tests|infra|events)/[\w./]+)", block):
            assert (ROOT / name).exists(), name
        for module in re.findall(r"-m ((?:tests|infra)\.[\w.]+)", block):
            assert (ROOT / f"{module.replace('.', '/')}.py").exists(), module


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_each_test_that_is_named_exists(path: Path) -> None:
    tests = "".join(each.read_text() for each in (ROOT / "tests").rglob("test_*.py"))
    for name in re.findall(r"`(test_\w+)`", path.read_text()):
        assert f"def {name}(" in tests, name


def test_the_how_tos_are_the_five() -> None:
    guide = (ROOT / ".github" / "CONTRIBUTING.md").read_text()
    how_tos = [heading for heading in re.findall(r"^## (.+)$", guide, re.MULTILINE) if heading.startswith("Add ")]
    assert how_tos == [
        "Add a permission code", "Add a bus event", "Add a route", "Add a field to a feature", "Add a table",
    ]  # fmt: skip
