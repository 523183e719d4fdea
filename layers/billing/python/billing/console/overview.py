"""The overview: what there is, what is included, what comes next, and how credit is refilled."""

from dataclasses import dataclass

from billing.console.answers import FieldError, Page
from billing.console.banner import resumes_micros
from billing.console.visit import Visit
from billing.domain.auto_refill import month_of
from billing.domain.decimals import format_millionths
from billing.domain.money import Money
from billing.domain.plan import Plan
from billing.domain.plan_change import coming_month, renewal_charge
from billing.domain.subscription import Subscription
from billing.domain.transaction import TransactionLine
from billing.words.formats import money_typed
from billing.words.history_texts import say_line


@dataclass(frozen=True, slots=True)
class Allowance:
    """What of a feature is included in the period, in its priced units, in millionths; `used` is within it."""

    name: str
    unit: str
    used_millionths: int
    included_millionths: int

    def meter(self, millionths: int) -> str:
        return format_millionths(millionths)


@dataclass(frozen=True, slots=True)
class RefillFields:
    """The form of auto-refill, as it was typed or as it is kept."""

    enabled: bool
    threshold: str
    amount: str
    monthly_limit: str


def show(visit: Visit, *, typed: RefillFields | None = None, errors: tuple[FieldError, ...] = ()) -> Page:
    wallet, plan = visit.customer.wallet, visit.customer.plan
    running = wallet.running
    facts = {
        "steps": _first_steps(visit),
        "allowances": [] if plan is None or running is None else allowances(running, plan, visit),
        "renewal": None if running is None or running.cancel_at_period_end else _renewal(visit, running),
        "refill": wallet.refill,
        "typed": typed or kept_fields(visit),
        "charged_micros": charged_this_month(visit),
        "least_micros": resumes_micros(visit.customer),
        "promotional_until": min((grant.expires_at for grant in wallet.grants), default=None),
    }
    return Page("overview.html", "overview", facts, errors=errors)


def _first_steps(visit: Visit) -> list[tuple[str, str, bool]]:
    """What is left to do before the first call: code, page, and whether it is done. Empty once all is."""
    customer = visit.customer
    steps = [
        ("step_plan", "/console/plan", customer.wallet.subscription is not None),
        ("step_card", "/console/payment-methods", customer.wallet.default_card is not None),
        ("step_call", "", customer.wallet.sequence > 0),
    ]
    return [] if customer.wallet.sequence and customer.wallet.subscription is not None else steps


def allowances(running: Subscription, plan: Plan, visit: Visit) -> list[Allowance]:
    """What is included and can be drawn: nothing of a month that is not paid."""
    period = running.period
    if not running.entitles(period, visit.now):
        return []
    found = []
    for feature in plan.usage_features.values():
        if feature.included_millionths:
            left = feature.remaining_millionths(period.used_of(feature.key), period.bought_of(feature.key))
            included = feature.included_millionths
            found.append(Allowance(feature.name, feature.priced_unit, included - left, included))
    return found


def _renewal(visit: Visit, running: Subscription) -> dict[str, object]:
    """What the next renewal charges, and for what."""
    plans = visit.store.plans.versions(visit.customer.wallet.plan_keys)
    charge = renewal_charge(running, plans, visit.currency)
    return {
        "at": coming_month(running).start,
        "micros": charge.card_micros,
        "lines": [_line(each, visit) for each in charge.lines],
        "changes": running.next_terms is not None,
    }


def _line(line: TransactionLine, visit: Visit) -> dict[str, object]:
    return {
        "text": say_line(line, visit.speaker.language),
        "quantity": line.quantity,
        "micros": line.amount_micros,
    }


def kept_fields(visit: Visit) -> RefillFields:
    refill, currency = visit.customer.wallet.refill, visit.currency
    if refill is None or not refill.amount_micros:
        return RefillFields(enabled=False, threshold="", amount="", monthly_limit="")
    limit = refill.monthly_limit_micros
    return RefillFields(
        refill.enabled,
        money_typed(Money(refill.threshold_micros, currency)),
        money_typed(Money(refill.amount_micros, currency)),
        "" if limit is None else money_typed(Money(limit, currency)),
    )


def charged_this_month(visit: Visit) -> int:
    refill = visit.customer.wallet.refill
    return 0 if refill is None or refill.month != month_of(visit.now) else refill.charged_micros
