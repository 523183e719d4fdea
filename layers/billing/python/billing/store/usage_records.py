"""Usage records in the ledger: the entries of an account that say what was used, found by what they say."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.domain.instants import format_instant, parse_stored_instant
from billing.domain.ledger import LedgerEntry
from billing.domain.usage import CLOCK_TOLERANCE
from billing.store.attributes import JsonAttribute
from billing.store.books import ENTRY_KEY, EntriesOfAccount, LedgerEntryItem, read_entry
from billing.store.database import Database
from billing.store.paging import cursor_to, start_key

_JSON = JsonAttribute()


@dataclass(frozen=True, slots=True)
class UsageFilter:
    """Usage that ended in [from, to), of these workspaces, with a line of this feature, with this key and value."""

    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
    workspaces: tuple[str, ...] = ()
    feature: str | None = None
    dimension: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class UsagePage:
    """Some entries, the latest posted first. All that was posted from `read_to` on has been read: None at the end."""

    items: list[LedgerEntry]
    next_cursor: str | None
    read_to: datetime | None


class UsageRecords:
    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, account_id: str, limit: int, cursor: str | None, wanted: UsageFilter) -> UsagePage:
        """At most `limit` entries; fewer, though more are to come, where the filter passes over very many."""
        page = self._database.page(
            "query",
            LedgerEntryItem,
            ENTRY_KEY,
            limit=limit,
            start=start_key(cursor, ENTRY_KEY, {"account_id": {"S": account_id}}),
            ScanIndexForward=False,
            **_query(account_id, wanted),
        )
        reached = page.next_key
        return UsagePage(
            [read_entry(item) for item in page.items],
            cursor_to(reached),
            None if reached is None else parse_stored_instant(reached["position"]["S"].partition("#")[0]),
        )

    def oldest_first(
        self, account_id: str, wanted: UsageFilter, *, after: str | None
    ) -> Iterator[tuple[list[tuple[str, LedgerEntry]], str | None]]:
        """All entries with their positions, `after` one of them, in pages of what DynamoDB reads of a megabyte.

        Each page with the position up to which it was read, also where nothing of it was let through; None at the end.
        """
        query = _query(account_id, wanted)
        if after is not None:
            query["KeyConditionExpression"] = "account_id = :account AND #position > :settled_from"
            query["ExpressionAttributeNames"] = {**query.get("ExpressionAttributeNames", {}), "#position": "position"}
            query["ExpressionAttributeValues"][":settled_from"] = {"S": after}
        for page in self._database.places("query", LedgerEntryItem, **query):
            reached = None if page.next_key is None else page.next_key["position"]["S"]
            yield [(item["position"]["S"], read_entry(item)) for item in page.items], reached


def _query(account_id: str, wanted: UsageFilter) -> dict[str, Any]:
    key = "account_id = :account"
    conditions = ["kind = :usage"]
    values = {":account": {"S": account_id}, ":usage": {"S": "usage"}}
    arguments: dict[str, Any] = {"IndexName": EntriesOfAccount.Meta.index_name}
    if wanted.occurred_from is not None:
        # An event is settled after it occurred, but for the tolerance between clocks.
        key += " AND #position >= :settled_from"
        arguments["ExpressionAttributeNames"] = {"#position": "position"}
        values[":settled_from"] = {"S": format_instant(wanted.occurred_from - CLOCK_TOLERANCE)}
        conditions.append("occurred_at >= :from")
        values[":from"] = {"S": format_instant(wanted.occurred_from)}
    if wanted.occurred_to is not None:
        conditions.append("occurred_at < :to")
        values[":to"] = {"S": format_instant(wanted.occurred_to)}
    if wanted.workspaces:
        names = {f":workspace{place}": {"S": each} for place, each in enumerate(wanted.workspaces)}
        conditions.append(f"workspace_id IN ({', '.join(names)})")
        values |= names
    # Lines and dimensions are compact JSON: in it, a key or a value in quotes is a whole one.
    if wanted.feature is not None:
        conditions.append("contains(#lines, :feature)")
        arguments.setdefault("ExpressionAttributeNames", {})["#lines"] = "lines"
        values[":feature"] = {"S": f"[{_JSON.serialize(wanted.feature)},"}
    if wanted.dimension is not None:
        conditions.append("contains(dimensions, :dimension)")
        name, value = map(_JSON.serialize, wanted.dimension)
        values[":dimension"] = {"S": f"{name}:{value}"}
    return {
        **arguments,
        "KeyConditionExpression": key,
        "FilterExpression": " AND ".join(conditions),
        "ExpressionAttributeValues": values,
    }
