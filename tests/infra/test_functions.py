"""The two pages about functions, against the folders that are deployed."""

from infra.functions import FUNCTION_SIZES
from infra.paths import FUNCTIONS
from infra.permissions import TABLE_ACCESS


def test_each_folder_with_a_handler_has_a_size_and_its_permissions_and_nothing_else_has() -> None:
    folders = {handler.parent.name for handler in FUNCTIONS.glob("*/handler.py")}
    assert folders
    assert set(FUNCTION_SIZES) == folders
    assert set(TABLE_ACCESS) == folders
