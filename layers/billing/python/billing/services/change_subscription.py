"""Change a subscription, or ask what a change would cost: the same numbers, without the change."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.declines import Failure
from billing.domain.errors import CardDeclined, Conflict
from billing.domain.plan import Plan, PlanKey
from billing.domain.plan_change import Quote, RenewalPending, RenewalUnpaid, choose_terms, quote, start
from billing.domain.plan_choice import own_versions, require_takeable
from billing.domain.price_promise import PriceChanged, Promise, is_kept
from billing.domain.transaction import Transaction
from billing.domain.wallet import Wallet
from billing.payments.errors import PaymentsUnavailable
from billing.payments.gateway import Gateway
from billing.services.accounts import find_wallet
from billing.services.adjust_balance import digest
from billing.services.change_wallet import change_wallet
from billing.services.charge_card import charge_card, find_charge, withdraw
from billing.services.plans import find_plan
from billing.services.renew_subscription import renew_now
from billing.services.wallet_as_of import as_of
from billing.store.store import Store
from billing.words.decline_texts import why_not_paid


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a customer asks for. `quantities` are units in all, None for those that there are (see `choose_terms`).

    Without `version`, the version that the account has of the plan, or the current one where it has another plan. Who
    names nothing but the plan that is to come leaves all that is to come as it is, its version, too.

    With a `promise` it is had at that price or not at all. `by_customer`: he may choose what is on offer and his own.
    """

    plan_id: str
    quantities: Mapping[str, int] | None = None
    version: int | None = None
    promise: Promise | None = None
    by_customer: bool = False

    @property
    def fingerprint(self) -> str:
        """The digest of the request: the same one is the same change."""
        quantities = None if self.quantities is None else sorted(self.quantities.items())
        promised = [] if self.promise is None else [self.promise.as_of.isoformat(), self.promise.due_micros]
        return digest("subscription", self.plan_id, self.version, quantities, *promised)


class ConfirmationRequired(CardDeclined):
    """The bank wants the customer, who is not there: a change is charged to the default card, and not kept open."""

    code = "authentication_required"

    def __init__(self, why: Failure) -> None:
        super().__init__(
            f"{why_not_paid(why)} Here that is not possible: make another card the default, and try again."
        )


class PaymentPending(Conflict):
    """Stripe has not answered yet. The same request again goes on with the same charge."""

    def __init__(self) -> None:
        super().__init__(
            "the payment is not answered yet; ask again in a minute: nothing is charged twice", code="payment_pending"
        )


def preview_subscription(store: Store, account_id: str, wanted: Wanted, *, now: datetime) -> Quote:
    """What `change_subscription` would do now. Raises what it raises, but for what has to do with cards."""
    _require_recent(wanted, now)
    return _quote(store, find_wallet(store, account_id), wanted, now)


def change_subscription(store: Store, gateway: Gateway, account_id: str, wanted: Wanted, *, now: datetime) -> Quote:
    """Put the account on what is wanted, and charge what is due for it to the default card.

    The same once more changes nothing. The charge is recorded with the wallet before Stripe is asked, and the change
    comes with the payment: in one transaction, whoever brings the news.

    Raises PlanNotFound, PlanArchived, AccountNotFound, InvalidValue, Conflict (`currency_mismatch`), CardRequired,
    CardDeclined (as ConfirmationRequired where the bank wants the customer), PaymentPending, ChangePending (the change
    of somebody who was faster), RenewalPending, RenewalUnpaid, StoreBusy; PriceChanged where a promise cannot be kept.
    """
    _require_recent(wanted, now)
    _finish_what_is_open(store, gateway, account_id, wanted, now)
    started = change_wallet(
        store,
        account_id,
        lambda wallet: start(_quote(store, wallet, wanted, now), wallet, now, fingerprint=wanted.fingerprint),
    ).answer
    if started.charge is not None:
        _require_paid(charge_card(store, gateway, started.charge, return_url="", now=now))
    return started.quote


def _finish_what_is_open(store: Store, gateway: Gateway, account_id: str, wanted: Wanted, now: datetime) -> None:
    """A renewal whose second has come, or a change that somebody began: what they cost decides what this one does."""
    _finish_change(store, gateway, find_wallet(store, account_id), wanted, now)
    if renew_now(store, gateway, account_id, now) == "unknown":
        raise PaymentPending


def _finish_change(store: Store, gateway: Gateway, wallet: Wallet, wanted: Wanted, now: datetime) -> None:
    """Go on with the charge of a change that was asked for as this one. Another one is taken back, if this can be had.

    What was recorded by a release that kept no request goes on. Raises PaymentPending while it is not answered.
    """
    if wallet.pending_change is None:
        return
    pending = find_charge(store, wallet.pending_change.transaction_id)
    if pending.fingerprint in {None, wanted.fingerprint}:
        ended = charge_card(store, gateway, pending, return_url="", now=now)
    else:
        with suppress(RenewalPending, RenewalUnpaid):
            _quote(store, replace(wallet, pending_change=None), wanted, now)
        try:
            ended = withdraw(store, gateway, pending, now)
        except PaymentsUnavailable as trouble:
            raise PaymentPending from trouble
    if ended.status == "Processing":
        raise PaymentPending


def _require_paid(charged: Transaction) -> None:
    if charged.status == "Failed":
        if charged.failure is not None and charged.failure.needs_customer:
            raise ConfirmationRequired(charged.failure)
        raise CardDeclined(why_not_paid(charged.failure or Failure("card_declined")))
    if charged.status != "Paid":
        raise PaymentPending


def _quote(store: Store, wallet: Wallet, wanted: Wanted, now: datetime) -> Quote:
    present, _ = as_of(store, wallet, now)
    plan = _chosen(store, present, wanted)
    if plan.currency != wallet.currency:
        raise Conflict(
            f"the plan is in {plan.currency} and the account in {wallet.currency}",
            code="currency_mismatch",
            field="plan_id",
        )
    versions = store.plans.versions(present.plan_keys | {plan.key})
    terms = choose_terms(present, versions, plan, wanted.quantities)
    quoted = quote(present, versions, terms, now)
    if wanted.promise is None or quoted.changes_nothing:
        return quoted
    as_promised = quote(present, versions, terms, now, priced_at=wanted.promise.as_of)
    if not is_kept(wanted.promise, as_promised, store.plans.written_at(plan.key), now):
        raise PriceChanged(quoted)
    return as_promised


def _require_recent(wanted: Wanted, now: datetime) -> None:
    if wanted.promise is not None:
        wanted.promise.require_recent(now)


def _chosen(store: Store, wallet: Wallet, wanted: Wanted) -> Plan:
    if wanted.version is None:
        for plan_id, version in _kept_versions(wallet, wanted):
            if plan_id == wanted.plan_id:
                return store.plans.version(plan_id, version)
    own = own_versions(wallet)
    plan = find_plan(
        store,
        wanted.plan_id,
        wanted.version,
        own=own if wanted.by_customer else None,
        field="plan_id" if wanted.version is None else "version",
    )
    require_takeable(store.plans.current(plan.plan_id) or plan, own)
    return plan


def _kept_versions(wallet: Wallet, wanted: Wanted) -> list[PlanKey]:
    """The versions that the account keeps where none is named, the one first that is to stay where nothing else is."""
    if wallet.running is None:
        return []
    present, coming = wallet.running.terms.plan_key, wallet.running.coming_terms.plan_key
    return [coming, present] if wanted.quantities is None else [present]
