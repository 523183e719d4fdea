"""Changes of a subscription: what starts now, what waits for the renewal, and what is due now.

    asked for                                   starts           costs now
    more units of a rented feature              now              their price for the rest of the month
    fewer units                                 at the renewal   nothing
    a plan whose month costs as much or more    now              the difference for the rest of the month
    a cheaper plan                              at the renewal   nothing

A plan's month is priced with the units asked for. A free plan is a plan like any other, and so is another version.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.change import Added, Change
from billing.domain.charge_limits import most_by_stripe_micros
from billing.domain.decimals import format_millionths
from billing.domain.errors import CardRequired, Conflict, InvalidValue
from billing.domain.money import Money
from billing.domain.plan import Plan, PlanKey
from billing.domain.proration import Charge, Item, Month, charge_for, items_of, lines_of
from billing.domain.renewal import keep_as_credit, post_subscription
from billing.domain.subscription import ChangePending, Subscription, check_quantities, month_after
from billing.domain.subscription_life import change_terms, subscribe
from billing.domain.terms import PendingChange, Terms
from billing.domain.transaction import LineCode, Transaction, TransactionLine, new_charge, transaction_id
from billing.domain.wallet import Posted, Wallet


class RenewalUnpaid(Conflict):
    """The period is not paid: its price must be settled before another one is made of it."""

    def __init__(self) -> None:
        super().__init__(
            "the last renewal is not paid: pay it by card, on a page or from credit, or cancel and subscribe again",
            code="subscription_past_due",
        )


class RenewalPending(Conflict):
    """The renewal's second has come and its charge is not answered yet."""

    def __init__(self) -> None:
        super().__init__("the renewal is being charged; ask again in a minute", code="renewal_pending")


@dataclass(frozen=True, slots=True)
class IncludedQuantity:
    """How much of a usage feature the present month includes, before and after a change, in millionths of priced units.

    What is scheduled for the next renewal changes nothing of it.
    """

    feature: str
    now_millionths: int
    after_millionths: int


@dataclass(frozen=True, slots=True)
class Quote:
    """What a change costs and what it leads to; the same for who only asks.

    `before` is the wallet as of the change, `after` is what it is once the charge is paid. `as_of` is the second for
    which it is priced, `plan` the plan that is asked for.
    """

    before: Wallet
    after: Wallet
    change: PendingChange
    charge: Charge
    renewal_month: Month
    renewal_charge: Charge
    as_of: datetime
    plan: PlanKey
    included: tuple[IncludedQuantity, ...]

    @property
    def changes_nothing(self) -> bool:
        return self.after == self.before


def choose_terms(
    wallet: Wallet, plans: Mapping[PlanKey, Plan], plan: Plan, quantities: Mapping[str, int] | None
) -> Terms:
    """A plan with the units of its recurring features that are asked for. `plans` holds the versions the wallet names.

    `quantities` are the whole of it: a feature left out is at its included units. None leaves what is rented as it is:
    as it is to be, where the next renewal is under the same plan, else as it is at present; what the plan does not rent
    out goes with the old one. A new subscription has the included units. Raises InvalidValue, as `check_quantities`
    does, also for units that are more than another plan's maximum.
    """
    if quantities is None:
        rented = {} if wallet.running is None else _kept_units(wallet.running, plans, plan)
        quantities = {key: rented[key] for key in plan.recurring_features if key in rented}
    return Terms(plan.plan_id, plan.version, check_quantities(plan, quantities))


def _kept_units(running: Subscription, plans: Mapping[PlanKey, Plan], plan: Plan) -> Mapping[str, int]:
    present, coming = running.terms, running.coming_terms
    rented = _rented_units(plans, present)
    if coming.plan_id != plan.plan_id:
        return rented
    # Another version of the plan that is to come may not have all of its features.
    not_coming = {key: units for key, units in rented.items() if key not in coming.quantities}
    return not_coming | _rented_units(plans, coming)


def _rented_units(plans: Mapping[PlanKey, Plan], terms: Terms) -> dict[str, int]:
    """The units of each feature that more is rented of than the plan includes: those that come with it go with it."""
    features = plans[terms.plan_key].recurring_features
    return {key: units for key, units in terms.quantities.items() if units > features[key].included}


def quote(
    wallet: Wallet, plans: Mapping[PlanKey, Plan], wanted: Terms, now: datetime, *, priced_at: datetime | None = None
) -> Quote:
    """Price a change of the wallet as of `now` to `wanted`, to the second.

    `priced_at` is an earlier second of the present month whose price holds. `plans` holds the versions that the wallet
    and `wanted` name. Raises ChangePending, RenewalPending, RenewalUnpaid; InvalidValue where more is due, now or at
    the next renewal, than Stripe charges at once.
    """
    if wallet.pending_change is not None:
        raise ChangePending
    running = wallet.running
    if running is not None and running.period.payment != "paid":
        raise RenewalUnpaid if running.period.payment == "failed" else RenewalPending
    second = now.replace(microsecond=0)
    # The version moves with each write: the same wallet can start one change only, whoever asks how often.
    transaction = transaction_id(wallet.account_id, "plan_change", wallet.version)
    if running is not None:
        at_once, later = _divided(running.terms, plans, wanted)
        change = PendingChange(transaction, at_once, later, starts_at=None)
    else:
        change = PendingChange(transaction, wanted, later=None, starts_at=second)
    after = apply_change(wallet, change)
    subscription = after.require_subscription()
    priced_at = priced_at or second
    charge = charge_for(_due_lines(running, subscription, plans, priced_at), wallet.currency)
    renewal = renewal_charge(subscription, plans, wallet.currency)
    _require_chargeable(max(charge.card_micros, renewal.card_micros), wallet.currency)
    included = _included(plans, running, subscription)
    month = coming_month(subscription)
    return Quote(wallet, after, change, charge, month, renewal, priced_at, wanted.plan_key, included)


def _included(
    plans: Mapping[PlanKey, Plan], before: Subscription | None, after: Subscription
) -> tuple[IncludedQuantity, ...]:
    old = {} if before is None else plans[before.period.plan_key].usage_features
    new = plans[after.period.plan_key].usage_features
    return tuple(
        IncludedQuantity(
            key,
            old[key].included_millionths if key in old else 0,
            new[key].included_millionths if key in new else 0,
        )
        for key in {**new, **old}
    )


def apply_change(wallet: Wallet, change: PendingChange) -> Wallet:
    if change.starts_at is None:
        return change_terms(wallet, change.terms, later=change.later)
    return subscribe(wallet, change.terms, change.starts_at, later=change.later)


def _divided(present: Terms, plans: Mapping[PlanKey, Plan], wanted: Terms) -> tuple[Terms, Terms | None]:
    """Split a change into what starts now and what waits for the renewal; None if nothing waits.

    Rented: 3 numbers, 4 seats. Asked: 5 numbers, 2 seats. Now: 5 and 4. At the renewal: 5 and 2. What starts now never
    costs less a month than what runs, so nothing is ever refunded.
    """
    old, new = plans[present.plan_key], plans[wanted.plan_key]
    if new.key != old.key and (_price(plans, wanted) < _price(plans, present) or not _counts_alike(old, new)):
        return present, wanted
    at_once = replace(wanted, quantities=_most(new, _rented_units(plans, present), wanted))
    return at_once, wanted if at_once != wanted else None


def _most(plan: Plan, rented: Mapping[str, int], wanted: Terms) -> dict[str, int]:
    """Of each feature the units that are wanted or rented, whichever are more, within the plan's maximum."""
    most: dict[str, int] = {}
    for key, units in wanted.quantities.items():
        maximum = plan.recurring_features[key].maximum
        had = rented.get(key, 0)
        most[key] = max(units, had if maximum is None else min(had, maximum))
    return most


def _counts_alike(old: Plan, new: Plan) -> bool:
    """Whether what was counted under `old` can go on under `new`: 600 seconds must not become 600 minutes."""
    shared = old.usage_features.keys() & new.usage_features.keys()
    return all(old.usage_features[key].metered_unit == new.usage_features[key].metered_unit for key in shared)


def _price(plans: Mapping[PlanKey, Plan], terms: Terms) -> int:
    return plans[terms.plan_key].monthly_price_micros(terms.quantities)


def _require_chargeable(micros: int, currency: str) -> None:
    """Raises InvalidValue."""
    most = most_by_stripe_micros(currency)
    if micros > most:
        raise InvalidValue(
            f"must not cost more than a card can be charged at once, {format_millionths(most)} {currency}: "
            f"{format_millionths(micros)} would be due",
            field="quantities",
        )


def _due_lines(
    before: Subscription | None, after: Subscription, plans: Mapping[PlanKey, Plan], now: datetime
) -> list[TransactionLine]:
    month, new = Month(after.period.start, after.period.end), after.terms
    new_plan = plans[new.plan_key]
    if before is None:
        return lines_of(items_of(new_plan, new.quantities), month, month.start)
    old = before.terms
    if old.plan_key == new.plan_key:
        return lines_of(_more(new_plan, old, new), month, now, above_micros=_price(plans, old))
    unused = lines_of(items_of(plans[old.plan_key], old.quantities), month, now)
    return [
        *lines_of(items_of(new_plan, new.quantities), month, now),
        *(_given_back(line) for line in unused),
    ]


def _given_back(line: TransactionLine) -> TransactionLine:
    code: LineCode = "plan_unused" if line.code == "plan" else "rental_unused"
    return replace(line, amount_micros=-line.amount_micros, code=code)


def _more(plan: Plan, old: Terms, new: Terms) -> list[Item]:
    extra = [
        (each, each.extra_units(new.quantities) - each.extra_units(old.quantities))
        for each in plan.recurring_features.values()
    ]
    return [Item(each.name, units, units * each.unit_price_micros) for each, units in extra if units > 0]


def coming_month(subscription: Subscription) -> Month:
    """The month after the present one."""
    start = subscription.period.end
    return Month(start, month_after(start, subscription.anchor_day))


def renewal_charge(subscription: Subscription, plans: Mapping[PlanKey, Plan], currency: str) -> Charge:
    """What the next renewal charges as things stand."""
    terms, month = subscription.coming_terms, coming_month(subscription)
    return charge_for(lines_of(items_of(plans[terms.plan_key], terms.quantities), month, month.start), currency)


@dataclass(frozen=True, slots=True)
class Started:
    """A change that is on its way: what it costs, and the charge that it waits for, None where nothing is due."""

    quote: Quote
    charge: Transaction | None


def start(quoted: Quote, wallet: Wallet, now: datetime, *, fingerprint: str | None = None) -> Change[Started]:
    """Make the change where nothing is due for it. Else the wallet waits for the charge of its default card.

    `wallet` is as it is stored: a change to what there is already writes nothing. `fingerprint` is the digest of the
    request. Raises CardRequired.
    """
    if quoted.changes_nothing:
        return Change(Posted(wallet), Started(quoted, None))
    if quoted.charge.card_micros == 0:
        return Change(Posted(_changed(quoted.after, quoted.change, now)), Started(quoted, None))
    wallet = quoted.before
    card = wallet.default_card
    if card is None:
        raise CardRequired("something is due now, and the account has no default card")
    charge = new_charge(
        quoted.change.transaction_id,
        wallet.account_id,
        "plan_change",
        Money(quoted.charge.card_micros, wallet.currency),
        card,
        now=now,
        lines=quoted.charge.lines,
    )
    charge = replace(charge, fingerprint=fingerprint)
    waiting = replace(wallet, pending_change=quoted.change)
    return Change(Posted(waiting), Started(quoted, charge), (Added(charge),))


def complete_change(wallet: Wallet, transaction: Transaction, now: datetime) -> Posted:
    """The change is what was asked for. Money for one that the account no longer waits for becomes its credit."""
    change = wallet.pending_change
    if change is None or change.transaction_id != transaction.transaction_id:
        return keep_as_credit(wallet, transaction, now)
    return post_subscription(
        wallet,
        _changed(apply_change(wallet, change), change, now),
        transaction,
        cause=f"plan_change:{transaction.transaction_id}",
        code="subscription_started" if change.starts_at else "subscription_changed",
        now=now,
    )


def _changed(wallet: Wallet, change: PendingChange, now: datetime) -> Wallet:
    """A price that was asked for before is none of these terms. Of a new subscription its own start says so."""
    if change.starts_at is not None:
        return wallet
    return replace(wallet, subscription=replace(wallet.require_subscription(), changed_at=now))


def abandon_change(wallet: Wallet, transaction: Transaction) -> Wallet:
    """Nothing was changed, and another change may be asked for."""
    change = wallet.pending_change
    if change is None or change.transaction_id != transaction.transaction_id:
        return wallet
    return replace(wallet, pending_change=None)
