"""DynamoDB's requests, and what each of its answers means to us.

PynamoDB's models say what an item holds; the low-level client carries it. PynamoDB's own transactions reorder their
items, so that the reasons of a cancellation would not match, and cost twice the CPU at a hundred items.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from botocore.exceptions import ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as BotocoreConnectionError
from pynamodb.constants import NUMBER
from pynamodb.models import Model

from billing.domain.errors import InvalidValue
from billing.store.tables import item_update, raw_item

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

M = TypeVar("M", bound=Model)

Item = dict[str, Any]

MAX_TRANSACTION_ITEMS = 100
_MAX_BATCH_GET_KEYS = 100
_BATCH_GET_ATTEMPTS = 8
_MAX_REQUESTS_A_PAGE = 40
_WRITE_ATTEMPTS = 8

_CONDITION_FAILED = "ConditionalCheckFailed"
_BUSY_ERRORS = frozenset(
    {
        "InternalServerError",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
        "TransactionConflictException",
        "TransactionInProgressException",
    }
)

Pause = Callable[[int], None]
"""Waits before another attempt: bounded, jittered, longer each time. Comes from outside: tests need not wait."""


class StoreBusy(Exception):
    """The database could not serve the request now: capacity, or another transaction on the same items."""


@dataclass(frozen=True, slots=True)
class Canceled:
    """A transaction that changed nothing: for each of its items, in order, None or the reason that stopped it."""

    reasons: tuple["Reason | None", ...]

    @property
    def refused(self) -> bool:
        """Whether a condition did not hold. Else others were at work on the items, or capacity was short."""
        return any(reason is not None and reason.condition_failed for reason in self.reasons)


@dataclass(frozen=True, slots=True)
class Reason:
    """Why one item stopped a transaction; `item` is what the table held when its condition failed."""

    code: str
    item: Item | None

    @property
    def condition_failed(self) -> bool:
        return self.code == _CONDITION_FAILED


@dataclass(frozen=True, slots=True)
class Page:
    """Some items and where to go on; `next_key` is None at the end."""

    items: list[Item]
    next_key: Item | None


class Database:
    """The tables of one deployment. Raises StoreBusy where trying again later may help."""

    def __init__(self, client: "DynamoDBClient", tables: Mapping[str, str], pause: Pause) -> None:
        self.client = client
        self.pause = pause
        self._tables = tables

    def table(self, model: type[Model]) -> str:
        return self._tables[model.Meta.table_name]

    def get(self, model: type[M], key: Mapping[str, Any]) -> M | None:
        """Read one item, strongly consistent."""
        with _busy_errors():
            answer = self.client.get_item(TableName=self.table(model), Key=raw_item(model, **key), ConsistentRead=True)
        item = answer.get("Item")
        return None if item is None else model.from_raw_data(item)

    def get_many(self, model: type[Model], keys: Iterable[Mapping[str, Any]]) -> Iterator[Item]:
        """Read distinct keys, strongly consistent, in as few requests as can be. What is not there is left out."""
        wanted = [raw_item(model, **key) for key in keys]
        for start in range(0, len(wanted), _MAX_BATCH_GET_KEYS):
            batch = wanted[start : start + _MAX_BATCH_GET_KEYS]
            for _, item in self._batch_get({self.table(model): {"Keys": batch, "ConsistentRead": True}}):
                yield item

    def get_together(self, keys: Mapping[type[Model], Mapping[str, Any]]) -> dict[type[Model], Item]:
        """Read one item of each table, strongly consistent, in one request. What is not there is left out."""
        models = {self.table(model): model for model in keys}
        pending = {
            self.table(model): {"Keys": [raw_item(model, **key)], "ConsistentRead": True} for model, key in keys.items()
        }
        return {models[table]: item for table, item in self._batch_get(pending)}

    def _batch_get(self, pending: Any) -> Iterator[tuple[str, Item]]:
        for attempt in range(_BATCH_GET_ATTEMPTS):
            with _busy_errors():
                answer = self.client.batch_get_item(RequestItems=pending)
            for table, items in answer["Responses"].items():
                for item in items:
                    yield table, item
            pending = answer.get("UnprocessedKeys")
            if not pending:
                return
            self.pause(attempt)
        raise StoreBusy(f"keys were left unread after {_BATCH_GET_ATTEMPTS} attempts")

    def add(self, model: type[Model], item: Item, key_attribute: str) -> bool:
        """Write one item where there is none of its key. Returns False, having written nothing, where there is."""
        condition = f"attribute_not_exists({key_attribute})"
        return self._conditional(
            lambda: self.client.put_item(TableName=self.table(model), Item=item, ConditionExpression=condition)
        )

    def move(self, model: type[Model], item: Item, *, condition: str, **compared: Any) -> bool:
        """Make the row of the item's keys what `item` says, there or not: see `item_update`.

        Returns False, having written nothing, when `condition` does not hold.
        """
        arguments = item_update(model, item, condition=condition, **compared)
        return self._conditional(lambda: self.client.update_item(TableName=self.table(model), **arguments))

    def update(self, model: type[Model], key: Mapping[str, Any], **arguments: Any) -> bool:
        """Update one item. Returns False, having written nothing, when its condition does not hold."""
        return self._conditional(
            lambda: self.client.update_item(TableName=self.table(model), Key=raw_item(model, **key), **arguments)
        )

    def delete(self, model: type[Model], key: Mapping[str, Any]) -> bool:
        """Delete one item. Returns False when there was none."""
        with _busy_errors():
            answer = self.client.delete_item(
                TableName=self.table(model), Key=raw_item(model, **key), ReturnValues="ALL_OLD"
            )
        return bool(answer.get("Attributes"))

    def page(
        self,
        operation: str,
        model: type[Model],
        key: Sequence[str],
        *,
        limit: int,
        start: Item | None,
        **arguments: Any,
    ) -> Page:
        """At most `limit` items of a `query` or `scan`, in order, although a filter passes over some.

        `key` names the attributes that say where an item stands. A page may be short where a filter passes over very
        many: `next_key` then goes on from there. Raises InvalidValue for a `start` of other types than the table's, and
        for one outside what is asked for, as a cursor of another span is.
        """
        _require_types(model, start or {})
        given = start
        items: list[Item] = []
        for _ in range(_MAX_REQUESTS_A_PAGE):
            if start is not None:
                arguments["ExclusiveStartKey"] = start
            with _busy_errors(), _start_errors(is_given=start is not None and start is given):
                answer = getattr(self.client, operation)(TableName=self.table(model), Limit=limit + 1, **arguments)
            items.extend(answer["Items"])
            start = answer.get("LastEvaluatedKey")
            if len(items) > limit:
                return Page(items[:limit], {name: items[limit - 1][name] for name in key})
            if start is None:
                return Page(items, None)
        return Page(items, start)

    def pages(
        self, operation: str, model: type[Model], *, limit: int | None = _MAX_BATCH_GET_KEYS, **arguments: Any
    ) -> Iterator[list[Item]]:
        """All items of a `query` or `scan`, in order, as they come: the next ones are read when they are asked for.

        A page has at most `limit` items; without it, a megabyte of them.
        """
        return (page.items for page in self.places(operation, model, limit=limit, **arguments))

    def places(
        self, operation: str, model: type[Model], *, limit: int | None = None, **arguments: Any
    ) -> Iterator[Page]:
        """The same, each page with the key up to which it was read: a filter may have left nothing of it."""
        if limit is not None:
            arguments["Limit"] = limit
        while True:
            with _busy_errors():
                answer = getattr(self.client, operation)(TableName=self.table(model), **arguments)
            yield Page(answer["Items"], answer.get("LastEvaluatedKey"))
            if "LastEvaluatedKey" not in answer:
                return
            arguments["ExclusiveStartKey"] = answer["LastEvaluatedKey"]

    def transact(self, items: Sequence[Item]) -> Canceled | None:
        """Write all of the items or none. Returns None when written, else why not.

        The client sends one token with all its retries, so that an answer that was lost is not written twice.
        """
        with _busy_errors():
            try:
                self.client.transact_write_items(TransactItems=items)  # type: ignore[arg-type]
            except ClientError as error:
                if error.response["Error"]["Code"] == "TransactionCanceledException":
                    return _canceled(error)
                raise
        return None

    def write_all(self, items: Sequence[Item]) -> bool:
        """Write all of the items or none. False, having written nothing, when a condition does not hold.

        Tries again, a bounded number of times, where others work on the same items at the same moment.
        """
        for attempt in range(_WRITE_ATTEMPTS):
            canceled = self.transact(items)
            if canceled is None:
                return True
            if canceled.refused:
                return False
            self.pause(attempt)
        raise StoreBusy(f"canceled {_WRITE_ATTEMPTS} times")

    def put_new(self, model: type[Model], item: Item, key_attribute: str) -> Item:
        """A transaction's item: write `item` where there is none of its key."""
        return {
            "Put": {
                "TableName": self.table(model),
                "Item": item,
                "ConditionExpression": f"attribute_not_exists({key_attribute})",
                "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
            }
        }

    def _conditional(self, request: Callable[[], object]) -> bool:
        with _busy_errors():
            try:
                request()
            except ClientError as error:
                if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                    return False
                raise
        return True


def _require_types(model: type[Model], start: Item) -> None:
    attributes = model.get_attributes()
    for name, typed in start.items():
        ((kind, text),) = typed.items()
        if kind != attributes[name].attr_type or (kind == NUMBER and not text.isdecimal()):
            raise InvalidValue("is not a cursor of this list", field="cursor")


def _canceled(error: ClientError) -> Canceled:
    reasons: list[Any] = error.response.get("CancellationReasons", [])
    if any(reason["Code"] == "ValidationError" for reason in reasons):
        raise error
    return Canceled(
        tuple(
            None if reason["Code"] == "None" else Reason(reason["Code"], reason.get("Item") or None)
            for reason in reasons
        )
    )


def _raise_if_busy(error: ClientError) -> None:
    code = error.response["Error"]["Code"]
    if code in _BUSY_ERRORS:
        raise StoreBusy(code) from error


@contextmanager
def _start_errors(*, is_given: bool) -> Iterator[None]:
    """All else that a list asks for is our own and valid: what DynamoDB finds invalid is the start that was given."""
    try:
        yield
    except ClientError as error:
        if is_given and error.response["Error"]["Code"] == "ValidationException":
            raise InvalidValue("is not a cursor of this list", field="cursor") from error
        raise


@contextmanager
def _busy_errors() -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        _raise_if_busy(error)
        raise
    except (BotocoreConnectionError, HTTPClientError) as error:
        raise StoreBusy(type(error).__name__) from error
