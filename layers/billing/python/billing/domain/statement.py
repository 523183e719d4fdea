"""Monthly statements: what an account had, paid and used in a month (UTC), by the moment of posting.

All of it follows from the ledger's entries of the month, so that it agrees with the ledger to the micro-unit: what the
account had before, and each movement of the balance, add up to what it had after. A call that ended in an earlier month
and was posted in this one stands in a line of its own.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Literal, get_args

from billing.domain.complete import complete
from billing.domain.document import Content, Document, Party
from billing.domain.ledger import (
    CARD_CLEARING,
    SUBSCRIPTION_REVENUE,
    EntryCode,
    EntryKind,
    LedgerEntry,
    RatedLine,
    UsageRecord,
)
from billing.domain.month import Month
from billing.domain.plan import Plan, PlanKey
from billing.domain.stored import ByPosition
from billing.domain.transaction import Transaction

FINAL_AFTER = timedelta(days=1)
"""From the second day after a month on it is final. An entry has its writer's clock: by then none comes any more."""

_CLOCKS_DIFFER = timedelta(minutes=1)

MovementCode = Literal[
    "payments",
    "refunds",
    "disputes",
    "subscription",
    "usage",
    "late_usage",
    "adjustments",
    "credit_granted",
    "credit_expired",
]
"""What moved the balance. Of a subscription that is what was paid from credit, and what a charge was rounded up by. A
payment that nothing waited for is credit bought."""

MOVEMENTS: tuple[MovementCode, ...] = get_args(MovementCode)

_MOVEMENT_OF: Mapping[EntryKind, MovementCode | None] = complete(
    {
        "payment": "payments",
        "refund": "refunds",
        "dispute": "disputes",
        "renewal": "subscription",
        "plan_change": "subscription",
        "usage": "usage",
        "adjustment": "adjustments",
        "credit_grant": "credit_granted",
        "grant_expiry": "credit_expired",
        "usage_reset": None,
        "dispute_hold": None,
        "replay_marker": None,
        "void": "usage",
    },
    get_args(EntryKind),
)
"""Those with None move nothing."""


@dataclass(frozen=True, slots=True)
class MoneyLine(ByPosition):
    """Money that moved, or what a subscription cost. `number` is of the receipt or credit note, once there is one.

    Stored by position: a new field goes last, with a default.
    """

    posted_at: datetime
    kind: EntryKind
    code: EntryCode | None
    cause: str
    amount_micros: int
    number: str | None = None


@dataclass(frozen=True, slots=True)
class UsageLine(ByPosition):
    """What was used of a feature. Quantities are millionths of `unit`: the parts add up to `quantity`.

    While a month is summed, the unit is the metered one. In a statement it is the priced one, with the plan's `name`.

    Stored by position: a new field goes last, with a default.
    """

    feature: str
    unit: str
    is_late: bool
    quantity_millionths: int
    included_millionths: int
    bought_millionths: int
    amount_micros: int
    plan_id: str
    plan_version: int
    name: str = ""


@dataclass(frozen=True, slots=True)
class Sums(ByPosition):
    """What entries of a month add up to, in whatever order. Sums of parts of a month are added by `add`.

    Stored by position: a new field goes last, with a default.
    """

    entries: int = 0
    movements: Mapping[str, int] = field(default_factory=dict)
    money: tuple[MoneyLine, ...] = ()
    subscription: tuple[MoneyLine, ...] = ()
    usage: tuple[UsageLine, ...] = ()
    closing_micros: int | None = None


class StatementDiffers(AssertionError):
    """A bug: the movements do not lead from the opening to the closing balance."""


@dataclass(frozen=True, slots=True)
class Statement:
    """A month of an account. `is_final`: nothing is posted in it any more, and it is kept as it is."""

    account_id: str
    currency: str
    month: Month
    is_final: bool
    made_at: datetime
    opening_micros: int
    closing_micros: int
    movements: Mapping[str, int]
    money: tuple[MoneyLine, ...]
    subscription: tuple[MoneyLine, ...]
    usage: tuple[UsageLine, ...]
    customer: Party
    seller: Party | None = None
    languages: tuple[str, ...] = ("en",)

    def __post_init__(self) -> None:
        if self.opening_micros + sum(self.movements.values()) != self.closing_micros:
            raise StatementDiffers(self.account_id, str(self.month))


def is_final(month: Month, now: datetime) -> bool:
    return now >= month.end + FINAL_AFTER


def add(sums: Sums, entries: Iterable[LedgerEntry], month: Month) -> Sums:
    """The sums with more entries of the month, in their order."""
    start = month.start
    count, movements, closing = sums.entries, dict(sums.movements), sums.closing_micros
    money, subscription = list(sums.money), list(sums.subscription)
    usage = {(line.feature, line.unit, line.is_late): line for line in sums.usage}
    for entry in entries:
        count += 1
        closing = entry.balance_after_micros
        code = _movement_of(entry, start)
        if code is not None:
            movements[code] = movements.get(code, 0) + entry.amount_micros
        for account, lines in ((CARD_CLEARING, money), (SUBSCRIPTION_REVENUE, subscription)):
            moved = sum(posting.micros for posting in entry.postings if posting.account == account)
            if moved:
                # What a card paid is a debit of the seller's, and what a subscription costs is revenue.
                amount = -moved if account == CARD_CLEARING else moved
                lines.append(MoneyLine(entry.posted_at, entry.kind, entry.code, entry.cause, amount))
        if entry.usage is not None:
            _add_usage(usage, entry.usage, start)
    return Sums(count, movements, tuple(money), tuple(subscription), tuple(usage.values()), closing)


def name_usage(lines: Iterable[UsageLine], plans: Mapping[PlanKey, Plan]) -> tuple[UsageLine, ...]:
    """Usage in priced units, under the names that the plan of the last call gives, ordered by feature."""
    return tuple(sorted((_named(line, plans) for line in lines), key=lambda line: (line.is_late, line.feature)))


def money_by_hand(history: Iterable[Transaction], month: Month) -> list[MoneyLine]:
    """Money of the month that came by another way than a card: adjustments that say so."""
    return [
        MoneyLine(each.created_at, "adjustment", None, each.transaction_id, each.amount_micros)
        for each in history
        if each.received and month.start <= each.created_at < month.end
    ]


def with_documents(lines: Iterable[MoneyLine], documents: Iterable[Document]) -> tuple[MoneyLine, ...]:
    """Lines by their moments, with the numbers of their receipts and credit notes."""
    known = list(documents)
    numbers = {cause: document.full_number for document in known for cause in _causes_of(document.content)}
    renewals = [each for each in known if each.content.kind == "receipt" and each.content.transaction_kind == "renewal"]
    return tuple(
        replace(line, number=numbers.get(line.cause) or _number_of_renewal(line, renewals))
        for line in sorted(lines, key=lambda line: line.posted_at)
    )


def _causes_of(content: Content) -> tuple[str, ...]:
    """The causes that the entry of the money may have; of an adjustment, what `money_by_hand` has in its place."""
    if content.refund_id is not None:
        return (f"refund:{content.refund_id}",)
    return (f"payment:{content.transaction_id}", f"plan_change:{content.transaction_id}", content.transaction_id)


def _number_of_renewal(line: MoneyLine, renewals: Iterable[Document]) -> str | None:
    """The cause of a renewal is its month: its payment is known by amount and moment, which two clocks gave."""
    if line.kind != "renewal":
        return None
    found = [
        each.full_number
        for each in renewals
        if each.content.amount_micros == line.amount_micros
        and abs(each.content.moved_at - line.posted_at) < _CLOCKS_DIFFER
    ]
    return found[0] if found else None


def _named(line: UsageLine, plans: Mapping[PlanKey, Plan]) -> UsageLine:
    plan = plans.get((line.plan_id, line.plan_version))
    feature = None if plan is None else plan.usage_features.get(line.feature)
    if feature is None or feature.metered_unit != line.unit:
        return replace(line, name=line.feature)
    included = feature.to_priced(line.included_millionths)
    quantity = feature.to_priced(line.quantity_millionths)
    return replace(
        line,
        unit=feature.priced_unit,
        quantity_millionths=quantity,
        included_millionths=included,
        bought_millionths=quantity - included,
        name=feature.name,
    )


def _movement_of(entry: LedgerEntry, start: datetime) -> MovementCode | None:
    if entry.usage is not None and entry.usage.occurred_at < start:
        return "late_usage"
    return _MOVEMENT_OF[entry.kind]


def _add_usage(usage: dict[tuple[str, str, bool], UsageLine], record: UsageRecord, start: datetime) -> None:
    for line in record.lines:
        key = (line.feature, line.unit, record.occurred_at < start)
        before = usage.get(key) or UsageLine(*key, 0, 0, 0, 0, "", 0)
        usage[key] = _with(before, line, record)


def _with(before: UsageLine, line: RatedLine, record: UsageRecord) -> UsageLine:
    return UsageLine(
        before.feature,
        before.unit,
        before.is_late,
        before.quantity_millionths + line.billed_millionths,
        before.included_millionths + line.included_millionths,
        before.bought_millionths + line.bought_millionths,
        before.amount_micros + line.amount_micros,
        record.plan_id,
        record.plan_version,
    )
