"""The decision records and the README of the layer, against the code that they name."""

import ast
import re
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from infra.paths import LAYERS, ROOT

DECISIONS = LAYERS / "billing" / "decisions"
README = LAYERS / "billing" / "README.md"
PACKAGE = LAYERS / "billing" / "python" / "billing"
RECORDS = sorted(DECISIONS.glob("[0-9]*.md"))
PAGES = [README, DECISIONS / "README.md", *RECORDS]

HEADINGS = ["Context", "Decision", "What you must do now", "The code that holds it"]
COSTS = "What it costs"
"""A record may say this, too, before what you must do."""

_TOKEN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)+/?|[\w-]+/|[\w.-]+\.(?:toml|md|json)|Makefile")
_NAME = r"`[A-Za-z_]\w*(?:\.[a-z_]\w*)?(?:\(\))?`"
# A path, perhaps as a link, and the names right behind it: "`a/b.py`: `one()`, `Two`", "[`a/b.py`](c) `one()`".
_NAMED = re.compile(rf"`([^`\n]+)`(?:\]\([^)]*\))?:?\s+({_NAME}(?:,?\s+(?:and\s+)?{_NAME})*)")
_LINK = re.compile(r"\[`([^`]+)`\]\(([^)]+)\)")
_ROOMS = {room.name for room in PACKAGE.iterdir() if room.is_dir()}
_SUFFIXES = (".py", ".md", ".json", ".toml", ".yml", ".txt")


def title(record: Path) -> str:
    return record.read_text().partition("\n")[0]


def resolved(token: str) -> Path | None:
    """The file or folder that a token in backticks means; None where it means none.

    Paths start at the repository's root. Those that begin with a room, such as `domain/`, start at the package.
    """
    if not _PATH.fullmatch(token):
        return None
    first = token.partition("/")[0]
    if first in _ROOMS and "/" in token:
        return PACKAGE / token
    is_ours = (ROOT / first).exists() or token.endswith(_SUFFIXES)
    return ROOT / token if is_ours else None


def paths_of(page: Path) -> dict[str, Path]:
    found = {token: resolved(token) for token in _TOKEN.findall(page.read_text())}
    return {token: path for token, path in found.items() if path is not None}


@cache
def names_in(path: Path) -> dict[str, bool]:
    """What a module defines, members by their class's name, too; true for what can be called."""
    return dict(_defined(ast.parse(path.read_text()).body, ""))


def _defined(body: list[ast.stmt], within: str) -> Iterator[tuple[str, bool]]:
    for node in body:
        match node:
            case ast.FunctionDef(name=name, decorator_list=decorators):
                yield (
                    within + name,
                    not any(isinstance(each, ast.Name) and "property" in each.id for each in decorators),
                )
            case ast.ClassDef(name=name, body=members):
                yield name, False
                yield from _defined(members, f"{name}.")
            case ast.AnnAssign(target=ast.Name(id=name)) | ast.Assign(targets=[ast.Name(id=name)]):
                yield within + name, False
            case ast.Assign(targets=[ast.Tuple(elts=several)]):
                yield from ((each.id, False) for each in several if isinstance(each, ast.Name))
            case _:
                pass


def named_in(page: Path) -> Iterator[tuple[Path, str]]:
    for token, names in _NAMED.findall(page.read_text()):
        path = resolved(token)
        if path is not None:
            yield from ((path, name) for name in _TOKEN.findall(names))


def section(page: Path, heading: str) -> str:
    """What stands under a heading of the second level."""
    return re.split(r"^## ", page.read_text(), flags=re.MULTILINE)[headings(page).index(heading) + 1]


def headings(page: Path) -> list[str]:
    return re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE)


def rows(page: Path, heading: str) -> list[list[str]]:
    """The cells of a section's first table, its head first."""
    lines = [line for line in section(page, heading).splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if not set(line) <= set("|- ")]


def test_numbers_have_no_gap_and_each_file_is_named_by_its_number_and_title() -> None:
    assert RECORDS
    for number, record in enumerate(RECORDS, start=1):
        words = re.sub(r"[^a-z0-9]+", "-", title(record).partition(". ")[2].lower().replace("'", ""))
        assert title(record).startswith(f"# {number}. "), record.name
        assert record.name == f"{number:04d}-{words}.md"


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.stem)
def test_a_decision_has_its_headings_and_names_the_code_and_the_test_that_hold_it(record: Path) -> None:
    assert [heading for heading in headings(record) if heading != COSTS] == HEADINGS
    held_by = {token.partition("/")[0] for token in _TOKEN.findall(section(record, HEADINGS[-1])) if resolved(token)}
    assert "tests" in held_by
    assert held_by - {"tests"}


def test_the_list_names_each_decision_with_its_very_title_and_says_it_in_a_sentence() -> None:
    listed = re.findall(
        r"^\* (\d{4}) \[(.+?)\]\((.+?)\): ((?:.|\n  )+)", (DECISIONS / "README.md").read_text(), re.MULTILINE
    )
    assert [(number, name, target) for number, name, target, _ in listed] == [
        (record.name[:4], title(record).partition(". ")[2], record.name) for record in RECORDS
    ]
    assert all(sentence.strip().endswith(".") for *_, sentence in listed)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_path_that_is_named_exists(page: Path) -> None:
    assert [token for token, path in paths_of(page).items() if not path.exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_name_that_is_given_with_a_path_is_defined_there(page: Path) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} {name}"
        for path, name in named_in(page)
        if path.suffix == ".py" and not _is_defined(path, name)
    ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_each_test_that_is_named_is_one(page: Path) -> None:
    tests = {name for file in (ROOT / "tests").rglob("test_*.py") for name in names_in(file)}
    named = {token for token in _TOKEN.findall(page.read_text()) if re.fullmatch(r"test_\w+", token)}
    assert named - tests == set()


def _is_defined(path: Path, name: str) -> bool:
    """Only what can be called may be written with parentheses."""
    is_callable = names_in(path).get(name.removesuffix("()"))
    return is_callable is not None and (is_callable or not name.endswith("()"))


def test_what_is_read_of_a_page_is_what_it_says() -> None:
    """The two tests above find nothing where they read nothing."""
    assert len(paths_of(README)) > 60
    assert len(list(named_in(README))) > 60
    assert "test_nothing_due_is_nothing_charged" in _TOKEN.findall(README.read_text())
    for record in RECORDS:
        paths = [token for token in paths_of(record) if token.endswith(".py")]
        assert len({path for path, _ in named_in(record)}) >= len(paths) / 2, record.name


def test_a_link_that_is_called_by_a_path_leads_there() -> None:
    links = _LINK.findall(README.read_text())
    assert links
    assert [text for text, target in links if (README.parent / target).resolve() != resolved(text)] == []


def test_the_readme_of_the_layer_is_short_enough_to_be_read() -> None:
    assert len(README.read_text().splitlines()) <= 350


def test_where_is_the_rule_answers_thirty_questions_and_the_first_three_that_everybody_asks() -> None:
    _, *answers = rows(README, "Where is the rule for ...?")
    assert len(answers) >= 30
    questions = [question for question, *_ in answers]
    assert len(questions) == len(set(questions))
    assert [question.lower() for question in questions[:3]] == [
        "the rule for negative pauses",
        "who may write the ledger",
        "how to add a route",
    ]
    assert "../../.github/CONTRIBUTING.md#add-a-route" in answers[2][1]
    assert all(any(resolved(token) for token in _TOKEN.findall(cells[1])) for cells in answers[:2] + answers[3:])


def test_each_invariant_is_numbered_and_names_the_code_and_the_test_that_hold_it() -> None:
    _, *invariants = rows(README, "Invariants")
    assert [row[0] for row in invariants] == [str(number) for number in range(1, len(invariants) + 1)]
    for _, says, code, test in invariants:
        assert says.endswith(".")
        assert any(resolved(token) for token in _TOKEN.findall(code)), says
        assert any(token.startswith("tests/") for token in _TOKEN.findall(test)), says


def test_the_storeys_are_those_that_the_import_linter_knows() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    # In parentheses the linter has rooms that need not be there.
    there = [re.sub(r"\s*\|\s*\(.+?\)", "", layer).replace("billing.", "") for layer in layers]
    assert f"`{' > '.join(there)}`" in section(README, "Storeys")
    _, *storeys = rows(README, "Storeys")
    named = [row[0].strip("`/") for row in storeys]
    assert sorted(["functions", *named]) == sorted(re.findall(r"\w+", " ".join(there)))
