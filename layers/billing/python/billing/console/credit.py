"""Buy credit: the amount, a page that says what is paid with which card, and then the payment, once."""

from billing.console.answers import Answer, FieldError, Page, Redirect
from billing.console.banner import resumes_micros
from billing.console.forms import read_amount
from billing.console.rendering import amounts
from billing.console.visit import Visit
from billing.domain.charge_limits import largest_charge_micros, least_charge_micros
from billing.domain.debt import debt_payment
from billing.domain.errors import BillingError
from billing.domain.money import Money
from billing.domain.transaction import chargeable, transaction_id
from billing.services.transactions import find_transaction
from billing.words.decline_texts import why_not_paid
from billing.words.formats import money_typed

NEW_CARD = "new"
_SUGGESTED = (1, 2, 5, 10)
"""Times the least top-up, or ten of the currency's cards' least charges where that is small."""
_MOST_KEY_CHARACTERS = 64


def least_micros(visit: Visit) -> int:
    """The least top-up of the plan, or what a card can be charged at all."""
    plan, currency = visit.customer.plan, visit.currency
    minimum = 0 if plan is None else min(plan.minimum_top_up_micros, largest_charge_micros(currency))
    return chargeable(max(least_charge_micros(currency), minimum), currency)


def show(visit: Visit) -> Answer:
    """The form; after a decline (`after`) with what the bank said, and the same amount."""
    failed = visit.query.get("after")
    if not failed:
        return _form(visit)
    declined = find_transaction(visit.store, visit.account_id, failed)
    if declined.failure is None:
        return Redirect(f"/console/history/{declined.transaction_id}")
    amount = money_typed(Money(declined.amount_micros, visit.currency))
    why = FieldError("card", why_not_paid(declined.failure, visit.speaker.language))
    return _form(visit, amount, declined.payment_method_id, errors=(why,))


def _form(visit: Visit, amount: str = "", card: str | None = None, *, errors: tuple[FieldError, ...] = ()) -> Page:
    usable = [each for each in visit.customer.cards if each.is_usable]
    default = visit.customer.default_card
    usable.sort(key=lambda each: each != default)
    chosen = card if card in {each.payment_method_id for each in usable} else None
    if chosen is None:
        chosen = usable[0].payment_method_id if usable else NEW_CARD
    facts = {
        "amount": amount or visit.query.get("amount", ""),
        "chosen": NEW_CARD if card == NEW_CARD else chosen,
        "cards": usable,
        "suggestions": [] if visit.customer.wallet.status == "canceled" else _suggestions(visit),
        "least_micros": least_micros(visit),
        "resumes_micros": resumes_micros(visit.customer) if visit.customer.wallet.paused else None,
    }
    return Page("add_credit.html", "add_credit", facts, errors=errors)


def _suggestions(visit: Visit) -> list[tuple[str, int]]:
    """Amounts to choose from, as they are typed, the one that resumes calls first where they are paused."""
    wallet, currency = visit.customer.wallet, visit.currency
    least = max(least_micros(visit), chargeable(10 * 2 * least_charge_micros(currency), currency))
    found = {least * times for times in _SUGGESTED}
    if wallet.paused:
        found = {resumes_micros(visit.customer), *(each for each in found if each > resumes_micros(visit.customer))}
    largest = largest_charge_micros(currency)
    return [(money_typed(Money(each, currency)), each) for each in sorted(found) if each <= largest]


def check(visit: Visit) -> Answer:
    """Say what is paid with which card, and what the balance becomes. Nothing is charged yet."""
    typed = visit.query.get("other") or visit.query.get("amount", "")
    card_id = visit.query.get("card", "")
    micros, error = _micros(visit, typed)
    cards = {each.payment_method_id: each for each in visit.customer.cards if each.is_usable}
    errors = [] if error is None else [error]
    if card_id != NEW_CARD and card_id not in cards:
        errors.append(FieldError("card", visit.speaker.plain("choose_a_card")))
    if errors:
        return _form(visit, typed, card_id, errors=tuple(errors))
    wallet = visit.customer.wallet
    facts = {
        "micros": micros,
        "amount": money_typed(Money(micros, visit.currency)),
        "card": cards.get(card_id),
        "card_id": card_id,
        "after_micros": wallet.balance_micros + micros,
        "still_paused": wallet.paused and wallet.balance_micros + micros <= 0,
    }
    return Page("add_credit_check.html", "check_payment", facts)


def _micros(visit: Visit, typed: str) -> tuple[int, FieldError | None]:
    """What a card is charged for what was typed; a canceled account pays its debt, and no more."""
    speaker, money, currency = visit.speaker, amounts(visit.currency)["money"], visit.currency
    micros = read_amount(typed, currency)
    largest = largest_charge_micros(currency)
    wallet = visit.customer.wallet
    if wallet.status == "canceled":
        try:
            return chargeable(debt_payment(wallet, micros or 0), currency), None
        except BillingError:
            owed = money(chargeable(max(0, -wallet.balance_micros), currency))
            return 0, FieldError("other", speaker.plain("only_the_debt", debt=owed))
    least = least_micros(visit)
    if micros is None or not least <= micros <= largest:
        return 0, FieldError("other", speaker.plain("amount_between", least=money(least), most=money(largest)))
    return chargeable(micros, currency), None


def buy(visit: Visit) -> Answer:
    """Pay what the page before has said, once for its key, and lead to what became of it."""
    from billing.services.top_up import top_up  # it brings Stripe's SDK, which pages that only show do without

    micros, error = _micros(visit, visit.form.get("amount", ""))
    key = visit.form.get("key", "")[:_MOST_KEY_CHARACTERS]
    card_id = visit.form.get("card", "")
    if error is not None or not key:
        return _form(visit, visit.form.get("amount", ""), card_id, errors=() if error is None else (error,))
    payment = transaction_id(visit.account_id, "top_up", f"console:{key}")
    paid = top_up(
        visit.store,
        visit.gateway(),
        visit.account_id,
        micros=micros,
        payment_method_id=None if card_id == NEW_CARD else card_id,
        transaction_id=payment,
        return_url=visit.address(f"/console/history/{payment}?returned={{CHECKOUT_SESSION_ID}}"),
        now=visit.now,
    )
    if paid.status == "Checkout" and paid.url is not None:
        return Redirect(paid.url)
    if paid.status == "Failed":
        return Redirect(f"/console/add-credit?after={payment}")
    return Redirect(f"/console/history/{payment}?done=1")
