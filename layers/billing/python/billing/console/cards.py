"""Payment methods: add a card on Stripe's page, choose the default one, remove one."""

import secrets

from billing.console.answers import Answer, FieldError, Notice, Page, Redirect
from billing.console.rendering import card_text
from billing.console.visit import Visit
from billing.domain.card import Card
from billing.domain.declines import Failure
from billing.domain.errors import BillingError, Conflict, NotFound
from billing.domain.plan_change import renewal_charge
from billing.domain.renewal import open_renewal
from billing.services.visits import find_customer
from billing.words.decline_texts import why_not_paid

_HERE = "/console/payment-methods"
_REFUSALS = frozenset({"card_is_default", "card_not_verified", "too_many_cards"})


def show(visit: Visit) -> Answer:
    """The cards. Who comes back from Stripe's page (`returned`) sees what became of the card that was entered there."""
    returned = visit.query.get("returned")
    if returned is None:
        return _list(visit)
    return Redirect(_HERE, _entered(visit, returned) if returned else Notice("no_card_added", tone="info"))


def _entered(visit: Visit, session_id: str) -> Notice | None:
    """Take over what was entered, as the webhook would, and say what came of it.

    The address is the visitor's: a page of another account tells nothing, and changes nothing.
    """
    from billing.services.stripe_events import finish_page

    gateway = visit.gateway()
    page = gateway.session(session_id)
    if page.foreign or page.account_id != visit.account_id or page.mode != "setup":
        raise NotFound("there is no such page")
    finish_page(visit.store, gateway, session_id, visit.now)
    after = find_customer(visit.store, visit.account_id, visit.session.seller_id, visit.now)
    card = next((each for each in after.cards if each.payment_method_id == page.payment_method_id), None)
    if card is None:
        return Notice("card_known" if page.payment_method_id else "no_card_added", tone="info")
    if card.verification == "pending":
        return None  # the list says it
    if card.verification == "failed":
        why = why_not_paid(card.failure or Failure("card_declined"), visit.speaker.language)
        return Notice("card_not_kept", {"card": card_text(card), "why": why}, tone="bad")
    is_default = after.default_card == card
    return Notice("card_added_default" if is_default else "card_added", {"card": card_text(card)})


def _list(visit: Visit, *, errors: tuple[FieldError, ...] = ()) -> Page:
    customer = visit.customer
    shown = [
        {
            "card": card,
            "is_default": card == customer.default_card,
            "why": None if card.failure is None else why_not_paid(card.failure, visit.speaker.language),
            "expires": f"{card.exp_month:02}/{card.exp_year}",
        }
        for card in customer.cards
    ]
    return Page("cards.html", "payment_methods", {"cards": shown}, errors=errors)


def add(visit: Visit) -> Answer:
    """Lead to Stripe's page on which a card is entered."""
    from billing.services.add_card import open_card_page

    try:
        url = open_card_page(
            visit.store,
            visit.gateway(),
            visit.account_id,
            key=visit.form.get("key") or secrets.token_hex(16),
            return_url=visit.address(f"{_HERE}?returned={{CHECKOUT_SESSION_ID}}"),
            now=visit.now,
        )
    except Conflict as refusal:
        return _refused(visit, refusal)
    return Redirect(url)


def _card(visit: Visit, payment_method_id: str) -> Card:
    """Raises NotFound, also for another account's."""
    for card in visit.customer.cards:
        if card.payment_method_id == payment_method_id:
            return card
    raise NotFound("there is no such card")


def check_default(visit: Visit, payment_method_id: str) -> Answer:
    """What the card is charged as soon as it is the default: a renewal that is not paid."""
    card = _card(visit, payment_method_id)
    facts = {"card": card, "due_micros": _due_micros(visit)}
    return Page("card_default.html", "check_default", facts)


def _due_micros(visit: Visit) -> int:
    wallet = visit.customer.wallet
    found = open_renewal(wallet, visit.store.plans.versions(wallet.plan_keys), visit.now)
    return 0 if found is None else found.charge.card_micros


def make_default(visit: Visit, payment_method_id: str) -> Answer:
    """Use the card from now on. If that charges it with a renewal, the page before has said how much."""
    from billing.services import cards
    from billing.services.renew_subscription import renew_now

    card, due = _card(visit, payment_method_id), _due_micros(visit)
    if due and visit.form.get("charge") != str(due):
        return Redirect(f"{_HERE}/{payment_method_id}/default")
    try:
        cards.make_default(visit.store, visit.account_id, payment_method_id, visit.now)
        renew_now(visit.store, visit.gateway(), visit.account_id, visit.now)
    except Conflict as refusal:
        return _refused(visit, refusal)
    return Redirect(_HERE, Notice("card_is_default_now", {"card": card_text(card)}))


def check_removal(visit: Visit, payment_method_id: str) -> Answer:
    """What goes with the card."""
    card = _card(visit, payment_method_id)
    customer = visit.customer
    wallet, is_default = customer.wallet, customer.default_card == card
    others = [each for each in customer.cards if each.is_usable and each != card]
    if is_default and others:
        return _list(visit, errors=(FieldError("", visit.speaker.plain("refused_card_is_default")),))
    running = wallet.running
    renews_at = None
    if is_default and running is not None and not running.cancel_at_period_end:
        plans = visit.store.plans.versions(wallet.plan_keys)
        if renewal_charge(running, plans, visit.currency).card_micros:
            renews_at = running.period.end
    refill_stops = is_default and wallet.refill is not None and wallet.refill.enabled
    return Page(
        "card_remove.html", "check_removal", {"card": card, "renews_at": renews_at, "refill_stops": refill_stops}
    )


def remove(visit: Visit, payment_method_id: str) -> Answer:
    from billing.services import cards

    card = _card(visit, payment_method_id)
    try:
        removed = cards.remove_card(visit.store, visit.gateway(), visit.account_id, payment_method_id)
    except Conflict as refusal:
        return _refused(visit, refusal)
    code = "card_removed_refill_off" if removed.auto_refill_switched_off else "card_removed"
    return Redirect(_HERE, Notice(code, {"card": card_text(card)}))


def _refused(visit: Visit, refusal: BillingError) -> Answer:
    code = f"refused_{refusal.code}" if refusal.code in _REFUSALS else "refused"
    return _list(visit, errors=(FieldError("", visit.speaker.plain(code)),))
