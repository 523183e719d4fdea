"""The tables: what an item of each holds, its key and its indexes. Models describe; the Database moves.

Each table is built from its model, on AWS (infra) as in the tests, so that there is one truth about keys.
"""

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from pynamodb.attributes import (
    BinaryAttribute,
    BooleanAttribute,
    ListAttribute,
    MapAttribute,
    TTLAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.constants import STREAM_NEW_AND_OLD_IMAGE
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex, KeysOnlyProjection
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
    stripe_customer_id = UnicodeAttribute(null=True)


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
    bought = IntegerMapAttribute(null=True)
    payment = UnicodeAttribute(null=True)


class WalletsWaiting(GlobalSecondaryIndex[Any]):
    """Wallets in which something waits for a moment: auto-refill for its next try, promotional credit for its end.

    The earliest first. Sparse; keys only: calls do not write it.
    """

    class Meta:
        index_name = "waiting"
        projection = KeysOnlyProjection()

    waiting = UnicodeAttribute(hash_key=True)
    waits_until = InstantAttribute(range_key=True)


class WalletsDueForRenewal(GlobalSecondaryIndex[Any]):
    """Wallets by the day on which their subscription needs something, spread over shards, the earliest first.

    A wallet is under one day only. Keys only: calls do not write it.
    """

    class Meta:
        index_name = "renewals"
        projection = KeysOnlyProjection()

    renews = UnicodeAttribute(hash_key=True)
    renews_at = InstantAttribute(range_key=True)


class WalletItem(Model):
    """The hot item of an account: each write is conditioned on `version`."""

    class Meta:
        table_name = "wallets"
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

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
    subscription = JsonAttribute(null=True)
    renews = UnicodeAttribute(null=True)
    renews_at = InstantAttribute(null=True)
    default_card = JsonAttribute(null=True)
    refill = JsonAttribute(null=True)
    waiting = UnicodeAttribute(null=True)
    waits_until = InstantAttribute(null=True)
    alert_thresholds = JsonAttribute(null=True)
    alerted_micros = IntegerAttribute(null=True)

    by_moment = WalletsWaiting()
    due_for_renewal = WalletsDueForRenewal()


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
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    rejection_id = UnicodeAttribute(hash_key=True)
    status = UnicodeAttribute()
    rejected_at = InstantAttribute()
    arrived_at = InstantAttribute()
    code = UnicodeAttribute()
    detail = UnicodeAttribute()
    field = UnicodeAttribute(null=True)
    event_id = UnicodeAttribute(null=True)
    account_id = UnicodeAttribute(null=True)
    replay_event_id = UnicodeAttribute(null=True)
    contents = UnicodeSetAttribute(null=True)
    payload = UnicodeAttribute()

    by_status = RejectionsByStatus()


class LeasePageItem(Model):
    """A page of an account's concurrency leases: each write is conditioned on `version`; `leases` is packed."""

    class Meta:
        table_name = "leases"

    account_id = UnicodeAttribute(hash_key=True)
    page_number = IntegerAttribute(range_key=True)
    version = IntegerAttribute()
    pages = IntegerAttribute()
    leases = BinaryAttribute(legacy_encoding=False)
    delete_after = TTLAttribute(null=True)


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


class WebhookEndpointItem(Model):
    """An address that hears of notices. Its secret is in a table of its own: who reads addresses need not sign."""

    class Meta:
        table_name = "webhook_endpoints"
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    endpoint_id = UnicodeAttribute(hash_key=True)
    url = UnicodeAttribute()
    events = JsonAttribute()
    description = UnicodeAttribute()
    created_at = InstantAttribute()
    enabled = BooleanAttribute()
    disabled_reason = UnicodeAttribute(null=True)
    failing_since = InstantAttribute(null=True)


class WebhookSecretItem(Model):
    """What an endpoint's deliveries are signed with; `previous` as well, until it ends."""

    class Meta:
        table_name = "webhook_secrets"

    endpoint_id = UnicodeAttribute(hash_key=True)
    current = UnicodeAttribute()
    previous = UnicodeAttribute(null=True)
    previous_until = InstantAttribute(null=True)


class DueDeliveries(GlobalSecondaryIndex[Any]):
    """The deliveries that an attempt is due for, of each shard the earliest first. Sparse: only pending ones."""

    class Meta:
        index_name = "due"
        projection = AllProjection()

    due_shard = UnicodeAttribute(hash_key=True)
    due_at = InstantAttribute(range_key=True)


class DeliveriesOfDestination(GlobalSecondaryIndex[Any]):
    class Meta:
        index_name = "by_destination"
        projection = AllProjection()

    destination = UnicodeAttribute(hash_key=True)
    created_at = InstantAttribute(range_key=True)


class DeliveryItem(Model):
    """A notice for one destination. Its key makes it one, however often the notice is heard."""

    class Meta:
        table_name = "deliveries"

    destination = UnicodeAttribute(hash_key=True)
    event_id = UnicodeAttribute(range_key=True)
    event_type = UnicodeAttribute()
    account_id = UnicodeAttribute(null=True)
    payload = UnicodeAttribute()
    created_at = InstantAttribute()
    status = UnicodeAttribute()
    attempts = IntegerAttribute()
    due_shard = UnicodeAttribute(null=True)
    due_at = InstantAttribute(null=True)
    last_attempt_at = InstantAttribute(null=True)
    last_status = IntegerAttribute(null=True)
    last_error = UnicodeAttribute(null=True)
    expires_at = TTLAttribute()

    due = DueDeliveries()
    by_destination = DeliveriesOfDestination()


class TransactionsOfAccount(GlobalSecondaryIndex[Any]):
    """An account's billing history. `position` is the moment and the id."""

    class Meta:
        index_name = "by_account"
        projection = AllProjection()

    account_id = UnicodeAttribute(hash_key=True)
    position = UnicodeAttribute(range_key=True)


class OpenTransactions(GlobalSecondaryIndex[Any]):
    """What something may still follow on, the first to be looked at first. Sparse."""

    class Meta:
        index_name = "open"
        projection = KeysOnlyProjection()

    open = UnicodeAttribute(hash_key=True)
    check_at = InstantAttribute(range_key=True)


class TransactionItem(Model):
    """A row of the billing history: a payment or an adjustment; each write is conditioned on `version`."""

    class Meta:
        table_name = "transactions"
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    transaction_id = UnicodeAttribute(hash_key=True)
    version = IntegerAttribute()
    account_id = UnicodeAttribute()
    position = UnicodeAttribute()
    kind = UnicodeAttribute()
    status = UnicodeAttribute()
    amount_micros = IntegerAttribute()
    currency = UnicodeAttribute()
    open = UnicodeAttribute(null=True)
    check_at = InstantAttribute(null=True)
    payment_method_id = UnicodeAttribute(null=True)
    card_fingerprint = UnicodeAttribute(null=True)
    card = JsonAttribute(null=True)
    payment_intent_id = UnicodeAttribute(null=True)
    session_id = UnicodeAttribute(null=True)
    url = UnicodeAttribute(null=True)
    paid_at = InstantAttribute(null=True)
    failure_code = UnicodeAttribute(null=True)
    failure_message = UnicodeAttribute(null=True)
    refunds = JsonAttribute(null=True)
    dispute_id = UnicodeAttribute(null=True)
    dispute_status = UnicodeAttribute(null=True)
    lines = JsonAttribute(null=True)
    fingerprint = UnicodeAttribute(null=True)
    attempt = IntegerAttribute()

    by_account = TransactionsOfAccount()
    open_transactions = OpenTransactions()


class OpenPaymentMethods(GlobalSecondaryIndex[Any]):
    """Cards of which a verification or a removal is under way, the oldest first. Sparse."""

    class Meta:
        index_name = "open"
        projection = KeysOnlyProjection()

    open = UnicodeAttribute(hash_key=True)
    added_at = InstantAttribute(range_key=True)


class PaymentMethodItem(Model):
    """A card of an account. Its key is Stripe's fingerprint: that is what makes the same card twice impossible."""

    class Meta:
        table_name = "payment_methods"
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    account_id = UnicodeAttribute(hash_key=True)
    card_fingerprint = UnicodeAttribute(range_key=True)
    payment_method_id = UnicodeAttribute()
    brand = UnicodeAttribute()
    last4 = UnicodeAttribute()
    exp_month = IntegerAttribute()
    exp_year = IntegerAttribute()
    verification = UnicodeAttribute()
    open = UnicodeAttribute(null=True)
    added_at = InstantAttribute()
    failure_code = UnicodeAttribute(null=True)
    failure_message = UnicodeAttribute(null=True)
    expiry_told_days = IntegerAttribute(null=True)

    open_cards = OpenPaymentMethods()


class StripeEventItem(Model):
    """An event of Stripe's that was taken in; `done` once what it is about was brought up to date."""

    class Meta:
        table_name = "stripe_inbox"

    event_id = UnicodeAttribute(hash_key=True)
    type = UnicodeAttribute()
    object_id = UnicodeAttribute()
    received_at = InstantAttribute()
    done = BooleanAttribute()
    forget_at = TTLAttribute()


ALL_TABLES: tuple[type[Model], ...] = (
    PlanVersionItem,
    AccountItem,
    WorkspaceItem,
    WalletItem,
    LedgerEntryItem,
    DailyUsageItem,
    RejectedEventItem,
    LeasePageItem,
    ApiKeyItem,
    TransactionItem,
    PaymentMethodItem,
    StripeEventItem,
    WebhookEndpointItem,
    WebhookSecretItem,
    DeliveryItem,
)


def raw_item(model: type[Model], /, **values: Any) -> dict[str, Any]:
    """An item in DynamoDB's types, each value written by the model's attribute of its name; None is left out.

    It is what the model's instance would serialize, in a third of the CPU: settling writes thousands of them.
    """
    writers = _writers(model)
    item: dict[str, Any] = {}
    for name, value in values.items():
        if value is not None:
            kind, serialize = writers[name]
            item[name] = {kind: serialize(value)}
    return item


@cache
def _writers(model: type[Model]) -> dict[str, tuple[str, Callable[[Any], Any]]]:
    """DynamoDB's type of each attribute, and what writes its value."""
    return {name: (attribute.attr_type, attribute.serialize) for name, attribute in model.get_attributes().items()}


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
    stream = getattr(model.Meta, "stream_view_type", None)
    if stream:
        definition["StreamSpecification"] = {"StreamEnabled": True, "StreamViewType": stream}
    return cast("CreateTableInputTypeDef", definition)


def expiry_attribute(model: type[Model]) -> str | None:
    """The attribute by which DynamoDB removes an item some time after it expired; None where items stay."""
    names = [name for name, attribute in model.get_attributes().items() if isinstance(attribute, TTLAttribute)]
    return names[0] if names else None


def _hash_first(key_schema: Any) -> list[dict[str, str]]:
    return sorted(key_schema, key=lambda key: key["KeyType"] != "HASH")
