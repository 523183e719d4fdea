"""The tables: what an item of each holds, its key and its indexes. Models describe; the Database moves.

Each table is built from its model, on AWS (infra) as in the tests, so that there is one truth about keys.
"""

from typing import TYPE_CHECKING, Any, cast

from pynamodb.attributes import BooleanAttribute, ListAttribute, MapAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from billing.store.attributes import InstantAttribute, IntegerAttribute, IntegerMapAttribute, JsonAttribute

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import CreateTableInputTypeDef


class PlanVersionItem(Model):
    """One immutable version of a plan, or its current one once more as version 0 (`current`), which lists page over."""

    class Meta:
        table_name = "plans"

    plan_id = UnicodeAttribute(hash_key=True)
    version = IntegerAttribute(range_key=True)
    current_version = IntegerAttribute(null=True)
    name = UnicodeAttribute()
    currency = UnicodeAttribute()
    kind = UnicodeAttribute()
    base_price_micros = IntegerAttribute()
    minimum_top_up_micros = IntegerAttribute()
    usage_features = JsonAttribute()
    recurring_features = JsonAttribute()
    created_at = InstantAttribute()


class AccountItem(Model):
    """Who pays. What changes with each call is the wallet's."""

    class Meta:
        table_name = "accounts"

    account_id = UnicodeAttribute(hash_key=True)
    name = UnicodeAttribute()
    email = UnicodeAttribute()
    currency = UnicodeAttribute()
    language = UnicodeAttribute()
    created_at = InstantAttribute()


class WorkspaceItem(Model):
    """A business of an account; calls come from it."""

    class Meta:
        table_name = "workspaces"

    workspace_id = UnicodeAttribute(hash_key=True)
    account_id = UnicodeAttribute()


class GrantMap(MapAttribute[str, Any]):
    grant_id = UnicodeAttribute()
    remaining_micros = IntegerAttribute()
    expires_at = InstantAttribute()


class PeriodMap(MapAttribute[str, Any]):
    plan_id = UnicodeAttribute()
    plan_version = IntegerAttribute()
    starts_at = InstantAttribute()
    ends_at = InstantAttribute()
    used = IntegerMapAttribute()


class WalletItem(Model):
    """The hot item of an account: each write is conditioned on `version`."""

    class Meta:
        table_name = "wallets"

    account_id = UnicodeAttribute(hash_key=True)
    version = IntegerAttribute()
    sequence = IntegerAttribute()
    posted_at = InstantAttribute(null=True)
    currency = UnicodeAttribute()
    paid_micros = IntegerAttribute()
    grants = ListAttribute(of=GrantMap)
    paused = BooleanAttribute()
    lock_reason = UnicodeAttribute(null=True)
    canceled = BooleanAttribute()
    anchor_day = IntegerAttribute(null=True)
    period = PeriodMap(null=True)
    previous_period = PeriodMap(null=True)
    quantities = IntegerMapAttribute()


class EntriesOfAccount(GlobalSecondaryIndex[Any]):
    """An account's entries in order. `position` is the moment and the sequence, both rising together."""

    class Meta:
        index_name = "by_account"
        projection = AllProjection()

    account_id = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class LedgerEntryItem(Model):
    """One immutable entry. Its key is its cause, in the whole table: that is what makes a duplicate impossible."""

    class Meta:
        table_name = "ledger_entries"

    cause = UnicodeAttribute(hash_key=True)
    account_id = UnicodeAttribute()
    position = UnicodeAttribute()
    kind = UnicodeAttribute()
    amount_micros = IntegerAttribute()
    balance_after_micros = IntegerAttribute()
    currency = UnicodeAttribute()
    postings = IntegerMapAttribute()
    fingerprint = UnicodeAttribute(null=True)
    description = UnicodeAttribute(null=True)
    by = UnicodeAttribute(null=True)
    event_type = UnicodeAttribute(null=True)
    call_id = UnicodeAttribute(null=True)
    workspace_id = UnicodeAttribute(null=True)
    occurred_at = InstantAttribute(null=True)
    plan_id = UnicodeAttribute(null=True)
    plan_version = IntegerAttribute(null=True)
    lines = JsonAttribute(null=True)

    by_account = EntriesOfAccount()


class DailyUsageItem(Model):
    """A workspace's day: beside its key, counters by name that each settlement adds to (see daily_usage)."""

    class Meta:
        table_name = "daily_usage"

    account_id = UnicodeAttribute(hash_key=True)
    day_workspace = UnicodeAttribute(range_key=True)


class RejectionsByStatus(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "by_status"
        projection = AllProjection()

    status = UnicodeAttribute(hash_key=True)
    rejected_at = InstantAttribute(range_key=True)


class RejectedEventItem(Model):
    """An event that could not be charged, kept whole with its reason until an operator replays it."""

    class Meta:
        table_name = "rejected_events"

    rejection_id = UnicodeAttribute(hash_key=True)
    status = UnicodeAttribute()
    rejected_at = InstantAttribute()
    arrived_at = InstantAttribute()
    code = UnicodeAttribute()
    detail = UnicodeAttribute()
    field = UnicodeAttribute(null=True)
    event_id = UnicodeAttribute(null=True)
    account_id = UnicodeAttribute(null=True)
    payload = UnicodeAttribute()

    by_status = RejectionsByStatus()


class ApiKeyItem(Model):
    """An API key: its hash, never the key."""

    class Meta:
        table_name = "api_keys"

    key_id = UnicodeAttribute(hash_key=True)
    secret_hash = UnicodeAttribute()
    name = UnicodeAttribute()
    scopes = UnicodeAttribute()
    account_id = UnicodeAttribute(null=True)
    created_at = InstantAttribute()


ALL_TABLES: tuple[type[Model], ...] = (
    PlanVersionItem,
    AccountItem,
    WorkspaceItem,
    WalletItem,
    LedgerEntryItem,
    DailyUsageItem,
    RejectedEventItem,
    ApiKeyItem,
)


def raw_item(model: type[Model], /, **values: Any) -> dict[str, Any]:
    """An item in DynamoDB's types, each value written by the model's attribute of its name; None is left out.

    It is what the model's instance would serialize, in a third of the CPU: settling writes thousands of them.
    """
    attributes = model.get_attributes()
    return {
        name: {attributes[name].attr_type: attributes[name].serialize(value)}
        for name, value in values.items()
        if value is not None
    }


def table_definition(model: type[Model]) -> "CreateTableInputTypeDef":
    """The arguments of CreateTable that say a table's name, keys and indexes, for an on-demand table."""
    schema = model._get_schema()  # noqa: SLF001  (PynamoDB offers a model's keys nowhere else)
    definition: dict[str, Any] = {
        "TableName": model.Meta.table_name,
        "BillingMode": "PAY_PER_REQUEST",
        "KeySchema": _hash_first(schema["key_schema"]),
        "AttributeDefinitions": schema["attribute_definitions"],
    }
    indexes = [
        {
            "IndexName": index["index_name"],
            "KeySchema": _hash_first(index["key_schema"]),
            "Projection": {"ProjectionType": index["projection"]["ProjectionType"]},
        }
        for index in schema["global_secondary_indexes"]
    ]
    if indexes:
        definition["GlobalSecondaryIndexes"] = indexes
    return cast("CreateTableInputTypeDef", definition)


def _hash_first(key_schema: Any) -> list[dict[str, str]]:
    return sorted(key_schema, key=lambda key: key["KeyType"] != "HASH")
