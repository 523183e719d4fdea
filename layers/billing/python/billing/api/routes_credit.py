"""Credit by hand: adjustments and grants."""

from billing.api.credit import AdjustmentBody, CreditGrantBody, LedgerEntryView
from billing.services.adjust_balance import adjust_balance, give_credit, id_from_key
from billing.store.store import Store
from billing.web.routing import KEY_REQUIRED, Call, route


class CreditRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store

    @route("POST", "/v1/accounts/{account_id}/adjustments", scope="admin", status=201, keyed=KEY_REQUIRED)
    def adjust_balance(self, call: Call, account_id: str, body: AdjustmentBody) -> LedgerEntryView:
        """Add paid credit, or with a negative amount take it: a wire transfer, a correction. Answers the entry.

        The billing history shows it, too, with the reason: as `adjustment`, `Paid`, without a card. With `received`, it
        is money: a whole number of the currency's smallest unit, which is told as a payment and gets a receipt.
        """
        entry = adjust_balance(
            self._store,
            account_id,
            micros=body.amount,
            reason=body.reason,
            by=body.by,
            received=body.received,
            adjustment_id=id_from_key(account_id, call.require_key()),
            now=call.now,
        )
        return LedgerEntryView.of(entry)

    @route(
        "POST",
        "/v1/accounts/{account_id}/credit-grants",
        scope="admin",
        status=201,
        keyed=KEY_REQUIRED,
        refusals={409: ("too_many_grants",)},
    )
    def grant_credit(self, call: Call, account_id: str, body: CreditGrantBody) -> LedgerEntryView:
        """Give promotional credit, which is spent before paid credit and expires. Answers the entry.

        An account has at most 8 grants that are neither spent nor expired; one more is refused (`too_many_grants`).
        """
        entry = give_credit(
            self._store,
            account_id,
            micros=body.amount,
            expires_at=body.expires_at,
            reason=body.reason,
            grant_id=id_from_key(account_id, call.require_key()),
            now=call.now,
        )
        return LedgerEntryView.of(entry)
