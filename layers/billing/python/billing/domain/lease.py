"""Leases: the holds of running calls on their account's concurrency slots.

An account's slots lie in pages of PAGE_SLOTS: page 0 has the slots 0 to 49, and so on up to the limit. A page is an
immutable value with a version, and whoever writes one does so only where the table still has that version. Each page
keeps to its own share of the limit, so that writers of different pages need not meet and the limit holds all the same.
An expired lease is one whose moment has passed, whether or not its record is still there: nobody has to sweep.

A lease is looked for in all pages. A new one goes to its home page, which follows from its key; where that is full, to
the next with room, and then the home page is written with it, so that two requests for the same lease meet there.
"""

import hashlib
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

PAGE_SLOTS = 50
"""Fifty leases and their page's own attributes stay within 1 KB, the unit in which writes are paid."""

KEY_BYTES = 12
MIN_TTL_SECONDS = 10
MAX_TTL_SECONDS = 4 * 3600

LeaseKey = bytes


def lease_key(workspace_id: str, lease_id: str) -> LeaseKey:
    """What stands for a lease in a page: 96 bits, of which no two among a million live leases will be the same."""
    text = f"{len(workspace_id)}:{workspace_id}{lease_id}"
    return hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).digest()


@dataclass(frozen=True, slots=True)
class LeasePage:
    """Expiries by lease, in whole seconds since 1970. `version` counts writes; 0 is a page that was never written.

    `pages`, of page 0 only, is how many pages the account ever had: a reader of page 0 knows whether there are more.
    """

    number: int
    leases: Mapping[LeaseKey, int] = field(default_factory=dict)
    version: int = 0
    pages: int = 1

    def live(self, now: datetime) -> dict[LeaseKey, int]:
        moment = int(now.timestamp())
        return {key: expiry for key, expiry in self.leases.items() if expiry > moment}


@dataclass(frozen=True, slots=True)
class Held:
    """A lease that is held once `pages` are written: all of them or none, each where its version still stands."""

    pages: tuple[LeasePage, ...]
    expires_at: datetime
    in_use: int


@dataclass(frozen=True, slots=True)
class Lease:
    """A lease as it stands. `limit` is None where the plan sets none: nothing is kept of it then, `in_use` is 0."""

    new: bool
    expires_at: datetime
    limit: int | None
    in_use: int


def in_use(pages: Sequence[LeasePage], now: datetime) -> int:
    """How many leases are live."""
    return sum(len(page.live(now)) for page in pages)


def extend(pages: Sequence[LeasePage], key: LeaseKey, *, ttl_seconds: int, now: datetime) -> Held | None:
    """The live lease with its time to live counted from `now`; None where there is none."""
    for page in pages:
        live = page.live(now)
        if key in live:
            expiry = _expiry(ttl_seconds, now)
            return _held([replace(page, leases={**live, key: expiry})], expiry, in_use(pages, now))
    return None


def take(pages: Sequence[LeasePage], key: LeaseKey, *, limit: int, ttl_seconds: int, now: datetime) -> Held:
    """A new lease. The caller saw that fewer than `limit` leases are live, so that some page has room.

    While a lowered limit leaves a page with more than its share, page 0 is written with each new lease, too: the free
    slots are then fewer than the pages have room for, and racers must meet.
    """
    of_number = {page.number: replace(page, leases=page.live(now)) for page in pages}
    count = math.ceil(limit / PAGE_SLOTS)

    def page(number: int) -> LeasePage:
        return of_number.get(number) or LeasePage(number)

    def room(number: int) -> int:
        return max(0, min(PAGE_SLOTS, limit - number * PAGE_SLOTS)) - len(page(number).leases)

    home = int.from_bytes(key[:8], "big") % limit // PAGE_SLOTS
    chosen = next(number for step in range(count) if room(number := (home + step) % count) > 0)
    lowered = any(room(number) < 0 for number in of_number)
    grown = page(0).pages < count
    written = {number: page(number) for number in {home, chosen, *((0,) if lowered or grown else ())}}
    expiry = _expiry(ttl_seconds, now)
    written[chosen] = replace(written[chosen], leases={**written[chosen].leases, key: expiry})
    if 0 in written:
        written[0] = replace(written[0], pages=max(count, written[0].pages))
    return _held(written.values(), expiry, in_use(pages, now) + 1)


def give_back(pages: Sequence[LeasePage], keys: Collection[LeaseKey], now: datetime) -> list[LeasePage]:
    """The pages that hold any of the leases, without them. Each may be written for itself."""
    return [
        replace(page, leases={key: expiry for key, expiry in page.live(now).items() if key not in keys})
        for page in pages
        if not page.leases.keys().isdisjoint(keys)
    ]


def _expiry(ttl_seconds: int, now: datetime) -> int:
    """In whole seconds, and never sooner than was asked for."""
    return math.ceil(now.timestamp()) + ttl_seconds


def _held(pages: Collection[LeasePage], expiry: int, in_use: int) -> Held:
    return Held(tuple(pages), datetime.fromtimestamp(expiry, UTC), in_use)
