"""Auto-refill: nothing is charged by saving it that the page before did not say, with its amount."""

from dataclasses import replace
from urllib.parse import urlencode

from billing.console.answers import Answer, FieldError, Notice, Page, Redirect
from billing.console.credit import least_micros
from billing.console.forms import Form, read_amount
from billing.console.overview import RefillFields, show
from billing.console.rendering import amounts
from billing.console.visit import Visit
from billing.domain.auto_refill import with_refill
from billing.domain.charge_limits import largest_charge_micros
from billing.domain.errors import BillingError
from billing.domain.refill_settings import RefillSettings, configure
from billing.domain.wallet import Posted


def save(visit: Visit) -> Answer:
    """Keep the settings. Where that would charge the card now, it is asked first, with the amount.

    `charge` is what that question said, in micro-units: where it would be another amount by now, it is asked again.
    """
    from billing.services.set_auto_refill import set_auto_refill  # it brings Stripe's SDK

    typed = _typed(visit.form)
    if not typed.enabled:
        set_auto_refill(visit.store, visit.account_id, _kept_off(visit, typed), visit.now)
        return Redirect("/console", Notice("refill_off"))
    wanted, errors = _wanted(visit, typed)
    if wanted is None:
        return show(visit, typed=typed, errors=errors)
    due = _due_micros(visit, wanted)
    if due and visit.form.get("charge") != str(due):
        fields = {"enabled": "on", "threshold": typed.threshold, "amount": typed.amount, "limit": typed.monthly_limit}
        return Redirect(f"/console/auto-refill/check?{urlencode(fields)}")
    set_auto_refill(visit.store, visit.account_id, wanted, visit.now)
    return Redirect("/console", Notice("refill_charging" if due else "refill_on"))


def check(visit: Visit) -> Answer:
    """What saving charges now."""
    typed = _typed(visit.query)
    wanted, errors = _wanted(visit, typed)
    if wanted is None:
        return show(visit, typed=typed, errors=errors)
    facts = {"typed": typed, "wanted": wanted, "due_micros": _due_micros(visit, wanted)}
    return Page("refill_check.html", "check_refill", facts)


def _due_micros(visit: Visit, wanted: RefillSettings) -> int:
    """What saving these settings would charge in the same moment."""
    wallet = visit.customer.wallet
    saved = with_refill(Posted(configure(wallet, wanted)), visit.now)
    return 0 if saved.refill is None else saved.refill.amount_micros


def _typed(form: Form) -> RefillFields:
    names = ("threshold", "amount", "limit")
    return RefillFields(form.get("enabled") == "on", *(form.get(name, "") for name in names))


def _kept_off(visit: Visit, typed: RefillFields) -> RefillSettings | None:
    """Switched off, the numbers stay for the next time: those that were typed, if they are good."""
    wanted, _ = _wanted(visit, replace(typed, enabled=False))
    return None if wanted is None else replace(wanted, enabled=False)


def _wanted(visit: Visit, typed: RefillFields) -> tuple[RefillSettings | None, tuple[FieldError, ...]]:
    """What was typed as settings, or what is wrong with it, in the customer's words."""
    speaker, money = visit.speaker, amounts(visit.currency)["money"]
    largest, least = largest_charge_micros(visit.currency), least_micros(visit)
    threshold = read_amount(typed.threshold, visit.currency)
    amount = read_amount(typed.amount, visit.currency)
    limit = read_amount(typed.monthly_limit, visit.currency) if typed.monthly_limit else None
    errors = []
    if threshold is None or not 0 < threshold <= largest:
        errors.append(FieldError("threshold", speaker.plain("amount_up_to", most=money(largest))))
    if amount is None or not least <= amount <= largest:
        errors.append(FieldError("amount", speaker.plain("amount_between", least=money(least), most=money(largest))))
    if typed.monthly_limit and (limit is None or (amount is not None and limit < amount)):
        errors.append(FieldError("limit", speaker.plain("limit_below_amount")))
    if typed.enabled and visit.customer.wallet.default_card is None:
        errors.append(FieldError("enabled", speaker.plain("refill_needs_card")))
    if errors or threshold is None or amount is None:
        return None, tuple(errors)
    wanted = RefillSettings(typed.enabled, threshold, amount, limit)
    try:
        configure(visit.customer.wallet, wanted)
    except BillingError:
        # Such as an amount that a card is charged as a little more, with a limit between the two.
        return None, (FieldError("limit", speaker.plain("limit_below_amount")),)
    return wanted, ()
