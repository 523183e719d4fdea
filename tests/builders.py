"""Builders for what a test needs and does not care about; the interesting value stands in the test."""

from collections.abc import Mapping
from dataclasses import fields as fields_of
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from billing.contracts.json_text import compact
from billing.domain.dunning import Dunning, FailedTry
from billing.domain.instants import format_instant
from billing.domain.plan import TIME_UNIT_MILLISECONDS, Plan, RecurringFeature, UsageFeature, VolumeDiscount
from billing.domain.queued_event import QueuedEvent
from billing.domain.subscription import Period, Subscription
from billing.domain.usage import UsageEvent, UsageLine
from billing.domain.wallet import Wallet
from billing.domain.workspace import new_workspace
from billing.services.settle_usage import Received
from billing.store.accounts import Accounts
from billing.store.database import Database
from billing.store.store import Store
from billing.store.workspaces import Workspaces

MICROS = 1_000_000
BILLING_URL = "https://portal.example/bills"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
PERIOD_START = datetime(2026, 11, 1, tzinfo=UTC)
PERIOD_END = datetime(2026, 12, 1, tzinfo=UTC)

# What people type is in no script of ours.
CUSTOMER = "شركة الاتصالات – Łódź GmbH 株式会社"
WIRE = "przelew nr 4711 – حوالة 電匯"
"""Why money was put to an account by hand."""
ADMINISTRATOR = "Łukasz 小野 – مدير"
CALL_MINUTES = "دقائق المكالمات – 通話"
PHONE_NUMBERS = "أرقام الهاتف – 電話番号"


def calls_feature(
    *,
    included_minutes: int = 0,
    price_per_minute: str = "0.12",
    increment_seconds: str = "1",
    minimum_seconds: str = "0",
    discounts: Mapping[int, int] | None = None,
) -> UsageFeature:
    """`call_minutes`, metered by the second and priced by the minute; discounts are percent by minutes of the month."""
    return UsageFeature(
        key="call_minutes",
        name=CALL_MINUTES,
        metered_unit="second",
        priced_unit="minute",
        metered_per_priced_millionths=60 * MICROS,
        included_millionths=included_minutes * MICROS,
        unit_price_micros=micros(price_per_minute),
        increment_millionths=micros(increment_seconds),
        minimum_millionths=micros(minimum_seconds),
        volume_discounts=tuple(
            VolumeDiscount(minutes * MICROS, percent * MICROS) for minutes, percent in (discounts or {}).items()
        ),
    )


def detection_feature(*, price: str = "0.01") -> UsageFeature:
    return UsageFeature(
        key="voicemail_detection",
        name="Wykrywanie poczty głosowej – 留守電",
        metered_unit="detection",
        priced_unit="detection",
        metered_per_priced_millionths=MICROS,
        included_millionths=0,
        unit_price_micros=micros(price),
    )


def plan_name(plan_id: str) -> str:
    """What people call a plan of these tests."""
    return f"{plan_id.capitalize()} – خطة 方案"


def plan(
    *features: UsageFeature,
    plan_id: str = "free",
    version: int = 1,
    base_price: str = "0",
    currency: str = "USD",
    recurring: tuple[RecurringFeature, ...] = (),
) -> Plan:
    usage = features or (calls_feature(), detection_feature())
    return Plan(
        plan_id=plan_id,
        version=version,
        name=plan_name(plan_id),
        currency=currency,
        kind="fixed",
        base_price_micros=micros(base_price),
        minimum_top_up_micros=0,
        usage_features={feature.key: feature for feature in usage},
        recurring_features={feature.key: feature for feature in recurring},
    )


def wallet(
    account_id: str = "acme",
    *,
    paid: str = "0",
    on: Plan | None = None,
    used_seconds: int = 0,
    **fields: object,
) -> Wallet:
    """A wallet in November 2026, on plan `on` where one is given. A subscription's fields are passed on to it."""
    subscription = None
    if on is not None:
        used = {"call_minutes": used_seconds * MICROS}
        subscription = Subscription(Period(on.plan_id, on.version, PERIOD_START, PERIOD_END, used), anchor_day=1)
    return change(Wallet(account_id, "USD", paid_micros=micros(paid), subscription=subscription), **fields)


def change(before: Wallet, **fields: object) -> Wallet:
    """The wallet with other fields; those of a subscription are changed in the one that it has."""
    own = {name: value for name, value in fields.items() if name not in _OF_SUBSCRIPTION}
    after = replace(before, **own)  # type: ignore[arg-type]
    if own == fields:
        return after
    of_subscription = {name: value for name, value in fields.items() if name in _OF_SUBSCRIPTION}
    return replace(after, subscription=replace(after.require_subscription(), **of_subscription))  # type: ignore[arg-type]


def change_period(before: Wallet, **fields: object) -> Wallet:
    """The wallet with other fields of its subscription's present period."""
    return change(before, period=replace(period_of(before), **fields))  # type: ignore[arg-type]


def subscription_of(wallet: Wallet) -> Subscription:
    return wallet.require_subscription()


def period_of(wallet: Wallet) -> Period:
    return wallet.require_subscription().period


def previous_period_of(wallet: Wallet) -> Period:
    previous = wallet.require_subscription().previous_period
    assert previous is not None
    return previous


def dunning_of(wallet: Wallet) -> Dunning:
    unpaid = wallet.require_subscription().dunning
    assert unpaid is not None
    return unpaid


_OF_SUBSCRIPTION = {field.name for field in fields_of(Subscription)}


def dunning(failed_at: datetime, attempts: int, next_attempt_at: datetime | None, *, locked: bool = False) -> Dunning:
    """A renewal of 30.00 that a card with insufficient funds did not pay."""
    last = FailedTry(f"tx_{attempts}", micros("30"), "insufficient_funds", "visa", "4242")
    return Dunning(failed_at, attempts, next_attempt_at, last, locked=locked)


def call(
    event_id: str = "event-1",
    *,
    seconds: str = "60",
    workspace_id: str = "42",
    ended_at: datetime = NOW,
    arrived_at: datetime | None = None,
    unit: str = "second",
    detections: int = 0,
) -> UsageEvent:
    lines = [UsageLine("call_minutes", Decimal(seconds), unit)]
    if detections:
        lines.append(UsageLine("voicemail_detection", Decimal(detections)))
    return UsageEvent(
        event_id=event_id,
        type="call.ended",
        workspace_id=workspace_id,
        occurred_at=ended_at,
        arrived_at=arrived_at or ended_at,
        lines=tuple(lines),
        call_id=f"call-of-{event_id}",
        started_at=ended_at - _lasted(seconds, unit),
        source="/voice/eu-1",
    )


def _lasted(quantity: str, unit: str = "second") -> timedelta:
    """A call's length: what it is charged for, and a minute at least."""
    milliseconds = int(Decimal(quantity) * TIME_UNIT_MILLISECONDS.get(unit, 0))
    return max(timedelta(minutes=1), timedelta(milliseconds=milliseconds))


def received(event: UsageEvent, message_id: str | None = None, *, redelivered: bool = False) -> Received:
    """The event as a message of the usage queue."""
    queued = QueuedEvent(event, compact({"id": event.event_id, "fingerprint": event.fingerprint}))
    return Received(message_id or f"message-of-{event.event_id}", queued, redelivered=redelivered)


def cloud_event(
    event_id: str, *, seconds: str, workspace_id: str = "42", ended_at: datetime = NOW
) -> dict[str, object]:
    """The CloudEvent of a call as a platform sends it."""
    return {
        "specversion": "1.0",
        "id": event_id,
        "source": "/voice/eu-1",
        "type": "call.ended",
        "time": format_instant(ended_at),
        "data": {
            "call_id": f"call-of-{event_id}",
            "workspace_id": workspace_id,
            "started_at": format_instant(ended_at - max(_lasted(seconds), timedelta(minutes=5))),
            "ended_at": format_instant(ended_at),
            "usage": [{"feature": "call_minutes", "quantity": seconds, "unit": "second"}],
        },
    }


def give_workspace(database: Database, workspace_id: str = "42", account_id: str = "acme") -> None:
    """Make it the account's, which has had it since October."""
    new = new_workspace(workspace_id, account_id, None, PERIOD_START - timedelta(days=31))
    assert Workspaces(database).put(None, new, Accounts(database).must_exist(account_id))


def store_with(**parts: object) -> Store:
    """A store of which only these parts are there, by the names that they have in it."""
    nowhere: Any = None
    store = Store(Database(nowhere, {}, lambda _: None))
    vars(store).update(parts)
    return store


def micros(amount: str) -> int:
    """Micro-units (or millionths) of a decimal string."""
    return int(Decimal(amount) * MICROS)
