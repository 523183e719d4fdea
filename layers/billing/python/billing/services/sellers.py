"""Sellers: find one, and say who bills."""

from dataclasses import replace

from billing.domain.errors import NotFound
from billing.domain.seller import Seller, require_one_rate_a_country, require_same_prefix
from billing.store.database import StoreBusy
from billing.store.store import Store

_ATTEMPTS = 8


class SellerNotFound(NotFound):
    code = "seller_not_found"

    def __init__(self, seller_id: str, *, field: str | None = None) -> None:
        super().__init__(f'there is no seller "{seller_id}"', field=field)


def find_seller(store: Store, seller_id: str, *, field: str | None = None) -> Seller:
    """Raises SellerNotFound, which blames `field` of the request."""
    seller = store.sellers.get(seller_id)
    if seller is None:
        raise SellerNotFound(seller_id, field=field)
    return seller


def put_seller(store: Store, seller: Seller) -> Seller:
    """Make the seller what is asked for, there or not. What was issued before stays as it is.

    Raises InvalidValue for two tax rates of one country, Conflict (`receipt_prefix_taken`, `receipt_prefix_fixed`),
    StoreBusy.
    """
    require_one_rate_a_country(seller.tax_rates)
    for attempt in range(_ATTEMPTS):
        before = store.sellers.get(seller.seller_id)
        after = seller
        if before is not None:
            after = replace(
                seller, created_at=before.created_at, is_numbering=before.is_numbering, version=before.version
            )
            require_same_prefix(before, after)
        if store.sellers.put(before, after):
            return after
        store.pause(attempt)
    raise StoreBusy(f"seller {seller.seller_id} changed {_ATTEMPTS} times")
