"""A row of every kind, written and read by each oracle: the golden rows, as `tests/contract/rows/` holds them."""

import pytest

from billing.store.database import Database
from tests.contract.store.oracles import MINISTACK, ORACLES
from tests.contract.stored_values import VALUES
from tests.contract.test_stored_rows import WRITTEN, golden, row_of

# Against MiniStack `test_stored_rows` tries them.
elsewhere = pytest.mark.parametrize("database", [each for each in ORACLES if each != MINISTACK], indirect=True)


@elsewhere
@pytest.mark.parametrize("name", WRITTEN)
def test_a_row_is_written_as_its_golden_row(name: str, database: Database) -> None:
    stored = VALUES[name]
    assert stored.write is not None
    stored.write(database)
    assert row_of(database, stored) == golden(name)


@elsewhere
@pytest.mark.parametrize("name", VALUES)
def test_a_golden_row_reads_as_it_was_meant(name: str, database: Database) -> None:
    stored = VALUES[name]
    database.client.put_item(TableName=stored.table, Item=golden(name))
    assert stored.read(database) == stored.value
