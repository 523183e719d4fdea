"""Money in: cards, top-ups, auto-refill, the billing history, refunds."""

from collections.abc import Callable
from uuid import uuid4

from billing.api.accounts import AccountStatusView, LiftedHoldBody
from billing.api.long_files import LONG_FILE_REFUSALS, or_parts
from billing.api.payment_refusals import refuse_unpaid
from billing.api.payments import (
    AutoRefillBody,
    AutoRefillView,
    CardChangeBody,
    CardPage,
    CardView,
    HostedPageView,
    NewCardBody,
    RefundBody,
    RemovedCardView,
    TopUpBody,
    TopUpView,
    TransactionPage,
    TransactionsQuery,
    TransactionView,
)
from billing.api.transactions_csv import TRANSACTION_COLUMNS, transaction_rows
from billing.domain.transaction import transaction_id as transaction_id_of
from billing.payments.gateway import Gateway
from billing.services.accounts import find_account
from billing.services.add_card import open_card_page
from billing.services.cards import list_cards, make_default, remove_card
from billing.services.dispute import lift_dispute_holds
from billing.services.documents import documents_of
from billing.services.refund import refund_payment
from billing.services.renew_subscription import renew_now
from billing.services.set_auto_refill import set_auto_refill
from billing.services.top_up import top_up
from billing.services.transactions import find_transaction, transactions_file
from billing.store.store import Store
from billing.web.csv_file import CSV, MOST_LINES, csv_file
from billing.web.routing import KEY_REQUIRED, PAYMENT_REFUSALS, Call, File, Keyed, route
from billing.web.values import DEFAULT_PAGE, PageQuery


class PaymentsRoutes:
    """`return_url` is where Stripe's pages send customers back to, where a request does not say."""

    def __init__(self, store: Store, gateway: Callable[[], Gateway], return_url: str) -> None:
        self._store = store
        self._gateway = gateway
        self._return_url = return_url

    @route(
        "POST",
        "/v1/accounts/{account_id}/payment-methods",
        scope="billing:write",
        status=201,
        refusals={409: ("too_many_cards",), **PAYMENT_REFUSALS},
    )
    def add_card(self, call: Call, account_id: str, body: NewCardBody | None) -> HostedPageView:
        """Start Stripe's page on which the customer adds a card. It is listed once it was entered there.

        The card is then verified by a hold of about 1.00, which is voided at once and never charged. One whose hold is
        declined is not kept, and the list says why. A card that is there already, entered with another expiry date,
        takes the place of the old one.
        """
        return_url = (body and body.return_url) or self._return_url
        url = open_card_page(
            self._store, self._gateway(), account_id, key=uuid4().hex, return_url=return_url, now=call.now
        )
        return HostedPageView(url=url)

    @route("GET", "/v1/accounts/{account_id}/payment-methods", scope="billing:read")
    def list_cards(self, account_id: str, query: PageQuery) -> CardPage:
        """The account's cards, and those that were not kept, with the reason."""
        found = list_cards(self._store, account_id, query.limit, query.cursor)
        items = [CardView.of(card, found.default_id) for card in found.cards.items]
        return CardPage(items=items, next_cursor=found.cards.next_cursor)

    @route(
        "PATCH",
        "/v1/accounts/{account_id}/payment-methods/{payment_method_id}",
        scope="billing:write",
        refusals={404: ("payment_method_not_found",), 409: ("card_not_verified",), **PAYMENT_REFUSALS},
    )
    def change_card(self, call: Call, account_id: str, payment_method_id: str, body: CardChangeBody) -> CardView:
        """Make a verified card the default: renewals and auto-refill use it from now on, an unpaid renewal at once."""
        del body  # it can say one thing only
        card = make_default(self._store, account_id, payment_method_id, call.now)
        renew_now(self._store, self._gateway(), account_id, call.now)
        return CardView.of(card, card.payment_method_id)

    @route(
        "DELETE",
        "/v1/accounts/{account_id}/payment-methods/{payment_method_id}",
        scope="billing:write",
        refusals={
            404: ("payment_method_not_found",),
            409: ("card_is_default", "card_not_verified"),
            **PAYMENT_REFUSALS,
        },
    )
    def remove_card(self, account_id: str, payment_method_id: str) -> RemovedCardView:
        """Remove a card. The default one only as the last: make another one the default first."""
        removed = remove_card(self._store, self._gateway(), account_id, payment_method_id)
        return RemovedCardView(
            payment_method_id=payment_method_id, auto_refill_switched_off=removed.auto_refill_switched_off
        )

    @route("DELETE", "/v1/accounts/{account_id}/dispute-hold", scope="admin")
    def lift_dispute_hold(self, call: Call, account_id: str, body: LiftedHoldBody) -> AccountStatusView:
        """Ask cards again though a payment by them is disputed: an unpaid renewal and auto-refill with the next sweep.

        Nothing is asked in the same moment. The ledger keeps who lifted it and why. Where nothing is held, nothing
        changes.
        """
        wallet = lift_dispute_holds(self._store, account_id, reason=body.reason, by=body.by, now=call.now)
        return AccountStatusView.of(wallet)

    @route(
        "POST",
        "/v1/accounts/{account_id}/top-ups",
        scope="billing:write",
        status=201,
        keyed=Keyed(required_with="a saved card"),
        refusals={
            402: ("card_declined", "authentication_required"),
            404: ("payment_method_not_found",),
            409: ("card_not_verified", "account_canceled"),
            **PAYMENT_REFUSALS,
        },
    )
    def top_up(self, call: Call, account_id: str, body: TopUpBody) -> TopUpView:
        """Buy credit. Answers once it is paid, with the address of Stripe's page, or as `Processing`.

        A decline is a 402 `card_declined`, with the reason. Where the bank demands the customer, it is a 402
        `authentication_required` with the `url` of a page on which the same payment can be made. If the page has
        expired, the same request with the same key answers a new one.

        A canceled account can pay its debt, and no more: else it is a 409 `account_canceled`. The plan's minimum does
        not count then. A debt below what a card can be charged is paid with that, and the rest stays credit.
        """
        key = call.require_key() if body.payment_method is not None else call.idempotency_key
        transaction = top_up(
            self._store,
            self._gateway(),
            account_id,
            micros=body.amount,
            payment_method_id=body.payment_method,
            transaction_id=transaction_id_of(account_id, "top_up", key or uuid4().hex),
            return_url=body.return_url or self._return_url,
            now=call.now,
        )
        refuse_unpaid(transaction, by_saved_card=body.payment_method is not None)
        return TopUpView.of(transaction)

    @route("PUT", "/v1/accounts/{account_id}/auto-refill", scope="billing:write", refusals={402: ("card_required",)})
    def put_auto_refill(self, call: Call, account_id: str, body: AutoRefillBody) -> AutoRefillView:
        """Say when auto-refill starts and how much it charges, or switch it off.

        Switched on below the threshold, it refills now. It charges `amount`, or the smallest multiple of it that
        reaches the threshold, within `monthly_limit`. Two refills start a minute apart, ten a day (UTC) at most. Where
        more is missing than is charged at once, nothing is charged, and it is suspended. Saving the settings lifts a
        suspension, but for one by a card's declines.
        """
        wallet = set_auto_refill(self._store, account_id, body.to_settings(), call.now)
        return AutoRefillView.of(wallet)

    @route(
        "GET",
        "/v1/accounts/{account_id}/transactions",
        scope="billing:read",
        file=CSV,
        refusals=LONG_FILE_REFUSALS,
    )
    def list_transactions(self, call: Call, account_id: str, query: TransactionsQuery) -> TransactionPage | File:
        """The billing history, newest first.

        With `Accept: text/csv` a file with a row for each transaction, up to 25,000. Of more, `too_many_lines` has the
        parts.
        """
        find_account(self._store, account_id)
        if call.accepts(CSV):
            wanted = query.to_filter()
            history, cursor = or_parts(
                lambda: transactions_file(self._store, account_id, wanted, query.cursor, most=MOST_LINES)
            )
            rows = transaction_rows(history, self._store.receipts.of_history(history))
            more = None if cursor is None else query.link_to(cursor)
            name = f"transactions-{call.now.date().isoformat()}"
            return csv_file(call, name, TRANSACTION_COLUMNS, rows, more=more)
        page = self._store.transactions.page(account_id, query.limit or DEFAULT_PAGE, query.cursor, query.to_filter())
        documents = self._store.receipts.of_history(page.items)
        items = [TransactionView.of(each, documents) for each in page.items]
        return TransactionPage(items=items, next_cursor=page.next_cursor)

    @route(
        "GET",
        "/v1/accounts/{account_id}/transactions/{transaction_id}",
        scope="billing:read",
        refusals={404: ("transaction_not_found",)},
    )
    def get_transaction(self, call: Call, account_id: str, transaction_id: str) -> TransactionView:
        """One transaction with its lines, tax and refunds. A paid one that has no receipt yet gets it now."""
        transaction = find_transaction(self._store, account_id, transaction_id)
        return TransactionView.of(transaction, documents_of(self._store, transaction, lambda: call.now))

    @route(
        "POST",
        "/v1/accounts/{account_id}/transactions/{transaction_id}/refunds",
        scope="admin",
        status=201,
        keyed=KEY_REQUIRED,
        refusals={404: ("transaction_not_found",), 409: ("not_refundable",), **PAYMENT_REFUSALS},
    )
    def refund_transaction(
        self, call: Call, account_id: str, transaction_id: str, body: RefundBody | None
    ) -> TransactionView:
        """Give a payment back to its card, and take the credit with it. Answers the transaction.

        What no card paid cannot be given back (`not_refundable`): an adjustment is taken back by another one.
        """
        transaction = refund_payment(
            self._store,
            self._gateway(),
            account_id,
            transaction_id,
            micros=None if body is None else body.amount,
            refund_key=transaction_id_of(account_id, "refund", transaction_id, call.require_key()),
            now=call.now,
        )
        return TransactionView.of(transaction, self._store.receipts.of_history([transaction]))
