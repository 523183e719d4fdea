"""Give leases back: a call's slot is free again before its lease would expire. Apart from taking them, for settling."""

import logging
from collections.abc import Collection, Mapping
from datetime import datetime

from billing.domain import lease
from billing.domain.lease import LeaseKey, LeasePage
from billing.store.database import StoreBusy
from billing.store.store import Store

_ATTEMPTS = 12
_ATTEMPTS_AFTER_SETTLING = 3

log = logging.getLogger(__name__)


class LeaseReturns:
    """The use case with its store."""

    def __init__(self, store: Store) -> None:
        self._pause = store.pause
        self._leases = store.leases

    def give_back(self, account_id: str, key: LeaseKey, now: datetime) -> None:
        """Free the lease's slot, also where it is free already. Raises StoreBusy after bounded attempts."""
        self._without(account_id, {key}, self._leases.of_account(account_id), now, attempts=_ATTEMPTS)

    def give_back_ended(self, ended: Mapping[str, Collection[LeaseKey]], now: datetime) -> None:
        """Free the slots of calls that ended, by account: one read for a hundred accounts, a write for each page that
        holds any. An account that cannot be written now, or read, holds up no other: its leases expire by themselves.
        """
        for account_id, first in self._leases.first_pages(ended).items():
            try:
                pages = self._leases.with_further_pages(first, account_id)
                self._without(account_id, ended[account_id], pages, now, attempts=_ATTEMPTS_AFTER_SETTLING)
            except StoreBusy as busy:
                log.warning("leases are left to expire", extra={"account_id": account_id, "reason": str(busy)})
            except Exception:
                log.exception("leases are left to expire", extra={"account_id": account_id})

    def _without(
        self, account_id: str, keys: Collection[LeaseKey], pages: list[LeasePage], now: datetime, *, attempts: int
    ) -> None:
        for attempt in range(attempts):
            given_back = lease.give_back(pages, keys, now)
            if all(self._leases.write(account_id, [page], now) for page in given_back):
                return
            self._pause(attempt)
            pages = self._leases.of_account(account_id)
        raise StoreBusy(f"lost {attempts} races to give a slot back")
