"""Pay a renewal that is not paid: by the default card, on a page, or from credit."""

from billing.console.answers import Answer, FieldError, Notice, Page, Redirect
from billing.console.visit import Visit
from billing.domain.declines import Failure
from billing.domain.errors import BillingError, NotFound
from billing.domain.renewal import OpenRenewal, open_renewal
from billing.domain.subscription import PaymentWay
from billing.words.decline_texts import why_not_paid
from billing.words.history_texts import say_line

HERE = "/console/plan/pay"
_PLAN = "/console/plan"
_WAYS: tuple[PaymentWay, ...] = ("card", "page", "credit")
_SAID = frozenset({"card_required", "payment_pending", "not_enough_credit"})
_MOST_KEY_CHARACTERS = 64


def show(visit: Visit, *, errors: tuple[FieldError, ...] = ()) -> Answer:
    """What is to be paid, and how. Who comes back from Stripe's page sees what was paid there."""
    if "returned" in visit.query:
        return _returned(visit)
    found = _open(visit)
    if found is None:
        return Redirect(_PLAN, Notice("nothing_to_pay", tone="info"))
    wallet = visit.customer.wallet
    facts = {
        "due_micros": found.charge.card_micros,
        "lines": [(say_line(each, visit.speaker.language), each) for each in found.charge.lines],
        "has_credit": wallet.paid_micros >= found.charge.price_micros,
        "credit_micros": found.charge.price_micros,
    }
    return Page("renewal_pay.html", "check_renewal", facts, errors=errors)


def _open(visit: Visit) -> OpenRenewal | None:
    wallet = visit.customer.wallet
    return open_renewal(wallet, visit.store.plans.versions(wallet.plan_keys), visit.now)


def pay(visit: Visit) -> Answer:
    """Pay what the page before has said; where it is another amount by now, it is asked again."""
    from billing.domain.renewal_payment import Wish
    from billing.services.adjust_balance import digest
    from billing.services.pay_renewal import pay_renewal

    found = _open(visit)
    way = next((each for each in _WAYS if each == visit.form.get("way")), None)
    key = visit.form.get("key", "")[:_MOST_KEY_CHARACTERS]
    if found is None or way is None or not key or visit.form.get("charge") != str(found.charge.card_micros):
        return Redirect(HERE)
    try:
        paid = pay_renewal(
            visit.store,
            visit.gateway(),
            visit.account_id,
            Wish(way, digest("console", key)),
            return_url=visit.address(f"{HERE}?returned={{CHECKOUT_SESSION_ID}}"),
            now=visit.now,
        )
    except BillingError as refusal:
        code = f"refused_{refusal.code}" if refusal.code in _SAID else "plan_declined"
        return show(visit, errors=(FieldError("", visit.speaker.plain(code)),))
    if paid.status == "Checkout" and paid.url is not None:
        return Redirect(paid.url)
    if paid.status == "Failed":
        why = why_not_paid(paid.failure or Failure("card_declined"), visit.speaker.language)
        return show(visit, errors=(FieldError("", why),))
    return Redirect(f"/console/history/{paid.transaction_id}?done=1")


def _returned(visit: Visit) -> Answer:
    from billing.services.stripe_events import finish_page

    session_id = visit.query.get("returned", "")
    if session_id:
        page = visit.gateway().session(session_id)
        if page.foreign or page.account_id != visit.account_id:
            raise NotFound("there is no such page")
        finish_page(visit.store, visit.gateway(), session_id, visit.now)
    return Redirect(_PLAN)
