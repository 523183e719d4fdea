"""Plans: find one, and list them, for who may see them all or for a customer (see `plan_choice`)."""

from collections.abc import Collection
from datetime import datetime

from billing.domain.errors import NotFound
from billing.domain.plan import Plan, PlanKey
from billing.domain.plan_choice import own_versions
from billing.services.wallet_as_of import as_of
from billing.store.paging import Listing, page_of
from billing.store.store import Store


class PlanNotFound(NotFound):
    code = "plan_not_found"


def find_plan(
    store: Store,
    plan_id: str,
    version: int | None = None,
    *,
    own: Collection[PlanKey] | None = None,
    field: str | None = None,
) -> Plan:
    """The current version, or the one asked for.

    `own` makes the caller a customer, and names the versions of the account's own plans: without a version he finds the
    current one where it is on offer, else the first of his own. Raises PlanNotFound, which blames `field` of the
    request and does not tell what a customer may not see from what is not there.
    """
    found = _find(store, plan_id, version) if own is None else _find_for_customer(store, plan_id, version, own)
    if found is None:
        what = f'plan "{plan_id}"' if version is None else f'version {version} of a plan "{plan_id}"'
        raise PlanNotFound(f"there is no {what}", field=field)
    return found


def _find(store: Store, plan_id: str, version: int | None) -> Plan | None:
    return store.plans.current(plan_id) if version is None else store.plans.find(plan_id, version)


def _find_for_customer(store: Store, plan_id: str, version: int | None, own: Collection[PlanKey]) -> Plan | None:
    if version is not None and (plan_id, version) in own:
        return store.plans.version(plan_id, version)
    current = store.plans.current(plan_id)
    if current is not None and current.on_offer and version in {None, current.version}:
        return current
    if version is not None:
        return None
    return next((store.plans.version(*key) for key in own if key[0] == plan_id), None)


def list_plans(store: Store, account_id: str | None, limit: int, cursor: str | None, now: datetime) -> Listing[Plan]:
    """The current version of each plan, by their ids; for a customer of those on offer, and the account's own ones.

    The keys of all plans are read for a page, a hundred bytes each. Raises InvalidValue for a cursor not made here.
    """
    current = store.plans.list_current()
    if account_id is None:
        listed = {each.key for each in current}
    else:
        listed = {each.key for each in current if each.on_offer} | set(own_plans(store, account_id, now))
    page = page_of(listed, lambda key: (key[0], f"{key[1]:07}"), limit, cursor)
    plans = store.plans.get_many(page.items)
    return Listing([plans[key] for key in page.items], page.next_cursor)


def own_plans(store: Store, account_id: str, now: datetime) -> list[PlanKey]:
    """The versions of the account's own plans as of `now`; none where there is no such account."""
    wallet = store.wallets.get(account_id)
    return [] if wallet is None else own_versions(as_of(store, wallet, now)[0])
