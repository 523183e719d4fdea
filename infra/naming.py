"""How a logical name looks where it is used: one rule each, so that two sides of a deployment agree."""


def pascal(name: str) -> str:
    """`ledger_entries` as a construct id and in an output: `LedgerEntries`."""
    return "".join(word.capitalize() for word in name.split("_"))


def table_variable(table: str) -> str:
    """The environment variable that tells a function a table's physical name: `LEDGER_ENTRIES_TABLE`."""
    return f"{table.upper()}_TABLE"
