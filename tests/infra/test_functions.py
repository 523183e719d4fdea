"""The two pages about functions, against the folders that are deployed."""

import pytest

from infra.functions import FUNCTION_SIZES
from infra.paths import FUNCTIONS
from infra.permissions import TABLE_ACCESS


def test_each_folder_with_a_handler_has_a_size_and_its_permissions_and_nothing_else_has() -> None:
    folders = {handler.parent.name for handler in FUNCTIONS.glob("*/handler.py")}
    assert folders
    assert set(FUNCTION_SIZES) == folders
    assert set(TABLE_ACCESS) == folders


@pytest.mark.parametrize("folder", sorted(FUNCTION_SIZES))
def test_a_handler_translates_and_no_more_which_takes_at_most_forty_lines(folder: str) -> None:
    assert len((FUNCTIONS / folder / "handler.py").read_text().splitlines()) <= 40


@pytest.mark.parametrize("folder", sorted(FUNCTION_SIZES.keys() - {"api"}))
def test_a_handler_has_no_batch_loop_of_its_own(folder: str) -> None:
    code = (FUNCTIONS / folder / "handler.py").read_text()
    assert not [word for word in ("batchItemFailures", "except ", "getLogger") if word in code]


@pytest.mark.parametrize("folder", sorted(FUNCTION_SIZES))
def test_a_handler_imports_the_wiring_before_all_else_of_ours(folder: str) -> None:
    """It stops the collector, which would look through all that a start imports: up to a tenth of the start."""
    code = (FUNCTIONS / folder / "handler.py").read_text().splitlines()
    first = next(line for line in code if line.startswith(("from billing", "import billing", "from aws_lambda")))
    assert first.startswith("from billing.runtime import wiring  # the first")
