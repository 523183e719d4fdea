"""What a subscription needs next, and what follows for its account: another month, its charge, another try, its end."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.auto_refill import with_refill
from billing.domain.change import Added, Change
from billing.domain.plan import Plan, PlanKey
from billing.domain.renewal import Unasked, fail_renewal, next_try, note_asked
from billing.domain.renewal_order import RenewalOrder
from billing.domain.subscription_life import advance
from billing.domain.transaction import Transaction
from billing.domain.wallet import Posted, Wallet, expire_grants


@dataclass(frozen=True, slots=True)
class Step:
    """What is due: `posted` has the wallet in its present month, `charge` is what that month waits for, if for any.

    `moved`: a month that costs nothing began, or the subscription ended. `unasked`: a try's day came, and there was no
    card to ask.
    """

    posted: Posted
    charge: Transaction | None = None
    moved: bool = False
    unasked: bool = False


@dataclass(frozen=True, slots=True)
class Looked:
    """What looking after a subscription came to: the charge that is to be made or was made, or a move without one.

    `page` is one on which the customer may be paying: what came of it must be known before a card is asked.
    """

    charge: Transaction | None = None
    moved: bool = False
    unasked: bool = False
    page: Transaction | None = None


def is_due(wallet: Wallet, order: RenewalOrder, moment: datetime) -> bool:
    """Whether there is still something to do for an order. Once it is done, the order is void."""
    when = None if wallet.subscription is None else wallet.subscription.due_at
    return when is not None and when <= moment and order.due_at in {None, when}


def go_on_with(wallet: Wallet, charge: Transaction) -> Change[Looked]:
    """A charge that was made before, and is not answered yet: also one of a month that is over by now.

    Until it is answered, no other month is charged.
    """
    return Change(Posted(note_asked(wallet, charge.created_at)), Looked(charge))


def next_step(wallet: Wallet, plans: Mapping[PlanKey, Plan], moment: datetime, *, now: datetime) -> Step:
    """What a wallet that is due needs as of `moment`; `now` is the clock's. Credit that has expired is written off.

    `plans` holds the versions that the wallet names.
    """
    expired = expire_grants(wallet, now)
    present = advance(expired.wallet, plans, moment)
    found = next_try(present, plans, moment, asked_at=now)
    posted = replace(expired, wallet=present if found is None else found.wallet)
    if expired.entries:
        posted = with_refill(posted, now)
    if found is None:
        return Step(posted, moved=present != expired.wallet)
    return Step(posted, unasked=True) if isinstance(found, Unasked) else Step(posted, found.transaction)


def take(step: Step, stored: Transaction | None, moment: datetime) -> Change[Looked]:
    """Record the step's charge, once: `stored` is what there is of it already.

    A charge without a card has failed before it is asked for.
    """
    if step.charge is None or stored is not None:
        return Change(step.posted, Looked(stored, moved=step.moved, unasked=step.unasked))
    wallet = step.posted.wallet
    if step.charge.status != "Processing":
        wallet = fail_renewal(wallet, step.charge, moment)
    return Change(replace(step.posted, wallet=wallet), Looked(step.charge), (Added(step.charge),))
