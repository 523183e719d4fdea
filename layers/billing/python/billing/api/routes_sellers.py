"""Who bills, and whom: what documents say of both."""

from billing.api.sellers import BillingDetailsBody, BillingDetailsView, SellerBody, SellerView
from billing.services.accounts import find_account, set_billing_details
from billing.services.sellers import find_seller, put_seller
from billing.store.store import Store
from billing.web.routing import Call, route


class SellersRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store

    @route(
        "PUT",
        "/v1/sellers/{seller_id}",
        scope="admin",
        refusals={409: ("receipt_prefix_taken", "receipt_prefix_fixed")},
    )
    def put_seller(self, call: Call, seller_id: str, body: SellerBody) -> SellerView:
        """Say who bills. Accounts name their seller, and have the seller `default` if they name none.

        No receipt is issued for an account whose seller is not there yet. What was paid before is numbered when it is
        first asked for.
        """
        return SellerView.of(put_seller(self._store, body.to_seller(seller_id, call.now)))

    @route("GET", "/v1/sellers/{seller_id}", scope="admin", refusals={404: ("seller_not_found",)})
    def get_seller(self, seller_id: str) -> SellerView:
        """Who bills, as documents that are issued from now on say it."""
        return SellerView.of(find_seller(self._store, seller_id))

    @route("PUT", "/v1/accounts/{account_id}/billing-details", scope="billing:write")
    def put_billing_details(self, account_id: str, body: BillingDetailsBody) -> BillingDetailsView:
        """Say what the customer is called on documents, and where its mails go."""
        return BillingDetailsView.of(set_billing_details(self._store, account_id, body.to_details()).details)

    @route("GET", "/v1/accounts/{account_id}/billing-details", scope="billing:read")
    def get_billing_details(self, account_id: str) -> BillingDetailsView:
        """What documents that are issued from now on say of the customer."""
        return BillingDetailsView.of(find_account(self._store, account_id).details)
