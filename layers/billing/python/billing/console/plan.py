"""The plan: what it includes and costs, what is rented, and what a change costs before it is made."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from billing.console.answers import Answer, FieldError, Notice, Page, Redirect
from billing.console.forms import Form
from billing.console.visit import Visit
from billing.domain.errors import BillingError, CardDeclined, InvalidValue, NotFound
from billing.domain.money import Money
from billing.domain.plan import Plan, RecurringFeature
from billing.domain.price_promise import KEPT_FOR, PriceChanged, Promise
from billing.domain.transaction import TransactionLine
from billing.words.formats import money
from billing.words.history_texts import say_line

if TYPE_CHECKING:
    from billing.domain.plan_change import Quote
    from billing.services.change_subscription import Wanted

HERE = "/console/plan"
_UNITS = "q."
_MOST_DIGITS = 7
_MOST_SECONDS = 10**12
_SAID = frozenset(
    {
        "card_required",
        "change_pending",
        "renewal_pending",
        "payment_pending",
        "subscription_past_due",
        "plan_archived",
        "currency_mismatch",
    }
)


@dataclass(frozen=True, slots=True)
class Rented:
    """What is rented by the month: how many are included, how many there are, and how many are to be."""

    feature: RecurringFeature
    units: int
    coming: int
    typed: str

    @property
    def field(self) -> str:
        return f"{_UNITS}{self.feature.key}"


def show(visit: Visit, *, errors: tuple[FieldError, ...] = (), typed: Form | None = None) -> Page:
    wallet, plan = visit.customer.wallet, visit.customer.plan
    running = wallet.running
    present = plan if running is not None else None
    coming = None
    if running is not None and running.next_terms is not None:
        coming = visit.store.plans.version(*running.next_terms.plan_key)
    facts = {
        "plan": present,
        "coming": coming,
        "rented": [] if present is None else _rented(visit, present, typed or {}),
        "others": _others(visit, present, coming),
        "chosen": (typed or {}).get("plan_id", ""),
        "is_busy": wallet.pending_change is not None,
        "is_unpaid": wallet.is_past_due,
    }
    return Page("plan.html", "plan", facts, errors=errors)


def _rented(visit: Visit, plan: Plan, typed: Form) -> list[Rented]:
    running = visit.customer.wallet.running
    if running is None:
        return []
    now, later = running.quantities, running.coming_terms.quantities
    found = []
    for feature in plan.recurring_features.values():
        units, coming = now.get(feature.key, feature.included), later.get(feature.key, feature.included)
        found.append(Rented(feature, units, coming, typed.get(f"{_UNITS}{feature.key}", str(coming))))
    return found


def _others(visit: Visit, present: Plan | None, coming: Plan | None) -> list[Plan]:
    """Plans on offer in the account's currency that it is neither on nor moves to."""
    own = {each.plan_id for each in (coming or present,) if each is not None}
    offered = [each.key for each in visit.store.plans.list_current() if each.on_offer and each.key[0] not in own]
    plans = visit.store.plans.get_many(offered)
    found = [plans[key] for key in sorted(plans) if plans[key].currency == visit.currency]
    return sorted(found, key=lambda plan: (plan.base_price_micros, plan.plan_id))


def preview(visit: Visit) -> Answer:
    """What a change costs now, and what from the renewal on. Nothing is changed, and no card is looked at."""
    return _preview(visit, visit.query, changed=visit.query.get("changed") == "1")


def _preview(visit: Visit, asked: Form, *, changed: bool = False) -> Answer:
    from billing.services.change_subscription import preview_subscription

    try:
        quote = preview_subscription(visit.store, visit.account_id, _wanted(asked, None), now=visit.now)
    except NotFound:
        return show(visit, errors=(FieldError("", visit.speaker.plain("choose_a_plan")),))
    except BillingError as refusal:
        return show(visit, errors=(_said(visit, refusal),), typed=asked)
    if quote.changes_nothing:
        return Redirect(HERE, Notice("same_plan", tone="info"))
    return Page("plan_preview.html", "check_plan", _quoted(visit, quote, asked, changed=changed))


def _quoted(visit: Visit, quote: "Quote", asked: Form, *, changed: bool) -> Mapping[str, object]:
    plan = visit.store.plans.version(*quote.plan)
    features = {**plan.usage_features}
    if visit.customer.plan is not None:
        features = {**visit.customer.plan.usage_features, **features}
    return {
        "plan": plan,
        "asked": {name: text for name, text in asked.items() if name == "plan_id" or name.startswith(_UNITS)},
        "as_of": int(quote.as_of.timestamp()),
        "held_until": quote.as_of + KEPT_FOR,
        "due_micros": quote.charge.card_micros,
        "lines": [_line(each, visit) for each in quote.charge.lines],
        "renews_at": quote.renewal_month.start,
        "renewal_micros": quote.renewal_charge.card_micros,
        "renewal_lines": [_line(each, visit) for each in quote.renewal_charge.lines],
        "included": [
            (features[each.feature], each) for each in quote.included if each.now_millionths != each.after_millionths
        ],
        "undoes_cancellation": visit.customer.wallet.is_ending,
        "changed": changed,
    }


def _line(line: TransactionLine, visit: Visit) -> dict[str, object]:
    return {"text": say_line(line, visit.speaker.language), "line": line}


def change(visit: Visit) -> Answer:
    """Make the change that the page before has shown, at that price or not at all."""
    from billing.services.change_subscription import change_subscription

    promise = _promise(visit.form)
    if promise is None:
        return _again(visit.form)
    try:
        quote = change_subscription(
            visit.store, visit.gateway(), visit.account_id, _wanted(visit.form, promise), now=visit.now
        )
    except PriceChanged:
        return _again(visit.form)
    except InvalidValue as refusal:
        return _again(visit.form) if refusal.field == "as_of" else show(visit, errors=(_said(visit, refusal),))
    except NotFound:
        return show(visit, errors=(FieldError("", visit.speaker.plain("choose_a_plan")),))
    except BillingError as refusal:
        return show(visit, errors=(_said(visit, refusal),), typed=visit.form)
    paid = quote.charge.card_micros
    if paid:
        amount = money(Money(paid, visit.currency))
        return Redirect(HERE, Notice("plan_changed_paid", {"amount": amount}))
    return Redirect(HERE, Notice("plan_changed"))


def _again(form: Form) -> Answer:
    """Show what it costs by now: nothing was charged."""
    fields = {name: text for name, text in form.items() if name == "plan_id" or name.startswith(_UNITS)}
    return Redirect(f"{HERE}/preview?{urlencode({**fields, 'changed': '1'})}")


def _promise(form: Form) -> Promise | None:
    as_of, due = form.get("as_of", ""), form.get("due", "")
    if not (as_of.isascii() and as_of.isdigit() and due.isascii() and due.isdigit()) or int(as_of) > _MOST_SECONDS:
        return None
    return Promise(datetime.fromtimestamp(int(as_of), UTC), int(due))


def _wanted(form: Form, promise: Promise | None) -> "Wanted":
    """Raises InvalidValue, with the field, for what is no whole number of units."""
    from billing.services.change_subscription import Wanted

    units = {name.removeprefix(_UNITS): text for name, text in form.items() if name.startswith(_UNITS)}
    for key, text in units.items():
        if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
            raise InvalidValue("must be a whole number", field=f"quantities.{key}")
    quantities = {key: int(text) for key, text in units.items()} or None
    return Wanted(form.get("plan_id", ""), quantities, promise=promise, by_customer=True)


def _said(visit: Visit, refusal: BillingError) -> FieldError:
    """The refusal in the customer's words, at the field that it blames."""
    speaker = visit.speaker
    if isinstance(refusal, CardDeclined):
        # Its sentence is English: which bank said what is in the billing history.
        return FieldError("", speaker.plain("plan_declined"))
    field = refusal.field or ""
    if field.startswith("quantities."):
        key = field.removeprefix("quantities.")
        plan = visit.customer.plan
        feature = None if plan is None else plan.recurring_features.get(key)
        if feature is not None and feature.maximum is not None:
            return FieldError(f"{_UNITS}{key}", speaker.plain("units_up_to", most=str(feature.maximum)))
        return FieldError(f"{_UNITS}{key}", speaker.plain("units_whole"))
    code = f"refused_{refusal.code}" if refusal.code in _SAID else "refused"
    return FieldError("", speaker.plain(code))


def check_cancel(visit: Visit) -> Answer:
    """What ends, what stays, and when."""
    running = visit.customer.wallet.running
    if running is None:
        return Redirect(HERE)
    facts = {"at_once": running.period.payment == "failed", "ends_at": running.period.end}
    return Page("plan_cancel.html", "check_cancel", facts)


def cancel(visit: Visit) -> Answer:
    from billing.services.cancel_subscription import cancel_subscription

    try:
        cancel_subscription(visit.store, visit.account_id, visit.now)
    except BillingError as refusal:
        return show(visit, errors=(_said(visit, refusal),))
    return Redirect(HERE, Notice("plan_canceled", tone="info"))


def keep(visit: Visit) -> Answer:
    """Take a cancellation back. It costs nothing now, or is not done."""
    from billing.services.change_subscription import Wanted, change_subscription

    running = visit.customer.wallet.running
    if running is None:
        return Redirect(HERE)
    promise = Promise(visit.now.replace(microsecond=0), 0)
    wanted = Wanted(running.coming_terms.plan_id, promise=promise, by_customer=True)
    try:
        change_subscription(visit.store, visit.gateway(), visit.account_id, wanted, now=visit.now)
    except BillingError as refusal:
        return show(visit, errors=(_said(visit, refusal),))
    return Redirect(HERE, Notice("plan_kept"))
