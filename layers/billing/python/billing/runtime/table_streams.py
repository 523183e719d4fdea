"""The streams of tables: what Lambda delivers of a changed row, and where a change goes that nobody can read."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from billing.runtime.batch import Record
from billing.store.row_changes import RowChange, read_change

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class TableStreams:
    """Reads the records of some tables, which `tables` names by their logical names."""

    def __init__(self, tables: Mapping[str, str]) -> None:
        self._logical = {physical: logical for logical, physical in tables.items()}

    def facts(self, record: Record) -> Mapping[str, object]:
        """What the log says of a record."""
        return {"table": self._table_of(record), "event_id": record["eventID"]}

    def change(self, record: Record) -> RowChange:
        """Raises where a row cannot be read: a bug."""
        row = record["dynamodb"]
        at = datetime.fromtimestamp(row["ApproximateCreationDateTime"], UTC)
        return read_change(self._table_of(record), row.get("OldImage"), row.get("NewImage"), at)

    def _table_of(self, record: Record) -> str:
        return self._logical[record["eventSourceARN"].split("/")[1]]


class UnreadableChanges:
    """The queue of changes that could not be read, which must not hold up all others of their shard.

    Each is kept whole, with an alarm. Invoking the function with it, once it can be read, tells what it says.
    """

    def __init__(self, client: "SQSClient", url: str) -> None:
        self._client = client
        self._url = url

    def keep(self, record: Record) -> None:
        """Raises what SQS raises: then the whole batch comes again."""
        self._client.send_message(QueueUrl=self._url, MessageBody=json.dumps({"Records": [record]}))
