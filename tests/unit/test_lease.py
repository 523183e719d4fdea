"""Leases: what holds a slot, for how long, and on which page."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from billing.domain.lease import PAGE_SLOTS, Held, LeasePage, extend, give_back, in_use, lease_key, take
from tests.builders import NOW

TTL = 60
SECOND = timedelta(seconds=1)


def key(name: object) -> bytes:
    return lease_key("42", str(name))


def after(pages: Sequence[LeasePage], held: Held) -> list[LeasePage]:
    """The pages as they are once `held` is written."""
    return list({page.number: page for page in (*pages, *held.pages)}.values())


def filled(count: int, limit: int) -> list[LeasePage]:
    """The pages of `count` leases, each taken in its turn."""
    pages: list[LeasePage] = []
    for number in range(count):
        pages = after(pages, take(pages, key(number), limit=limit, ttl_seconds=TTL, now=NOW))
    return pages


def test_a_lease_lives_until_its_time_to_live_is_over() -> None:
    pages = filled(1, limit=1)
    assert [in_use(pages, NOW + TTL * SECOND - SECOND / 2), in_use(pages, NOW + TTL * SECOND)] == [1, 0]


def test_a_lease_never_ends_sooner_than_was_asked_for() -> None:
    asked_at = NOW + timedelta(milliseconds=1)
    assert take([], key("a"), limit=1, ttl_seconds=TTL, now=asked_at).expires_at == NOW + timedelta(seconds=TTL + 1)


def test_extending_counts_from_now_and_takes_no_further_slot() -> None:
    pages = filled(2, limit=2)
    extended = extend(pages, key(0), ttl_seconds=TTL, now=NOW + 30 * SECOND)
    assert extended is not None
    assert (extended.expires_at, extended.in_use) == (NOW + 90 * SECOND, 2)
    assert in_use(after(pages, extended), NOW + TTL * SECOND) == 1


def test_an_expired_lease_cannot_be_extended() -> None:
    assert extend(filled(1, limit=1), key(0), ttl_seconds=TTL, now=NOW + TTL * SECOND) is None


def test_the_slot_of_an_expired_lease_is_free_and_its_record_goes_when_the_page_is_written() -> None:
    pages = after(filled(3, limit=3), take(filled(3, 3), key("new"), limit=3, ttl_seconds=TTL, now=NOW + TTL * SECOND))
    assert [set(page.leases) for page in pages] == [{key("new")}]


def test_leases_of_the_same_id_in_two_workspaces_are_two() -> None:
    assert lease_key("1", "23") != lease_key("12", "3")


def test_giving_back_frees_the_slots_of_these_leases_only() -> None:
    (page,) = give_back(filled(3, limit=3), {key(0), key(2), key("never taken")}, NOW)
    assert set(page.leases) == {key(1)}


def test_giving_back_what_is_not_held_writes_nothing() -> None:
    assert give_back(filled(3, limit=3), {key("never taken")}, NOW) == []


@pytest.mark.parametrize("limit", [1, PAGE_SLOTS, PAGE_SLOTS + 1, 5 * PAGE_SLOTS - 1])
def test_every_slot_can_be_taken_and_no_page_holds_more_than_its_share(limit: int) -> None:
    pages = filled(limit, limit)
    assert in_use(pages, NOW) == limit
    assert [len(page.leases) for page in sorted(pages, key=lambda page: page.number)] == [
        min(PAGE_SLOTS, limit - start) for start in range(0, limit, PAGE_SLOTS)
    ]


def test_page_0_says_that_there_are_others_before_anything_is_on_them() -> None:
    first = take([], key("a"), limit=1000, ttl_seconds=TTL, now=NOW)
    assert {page.number: page.pages for page in first.pages}[0] == 20


def test_a_lease_whose_home_page_is_full_is_written_together_with_that_page() -> None:
    limit = 2 * PAGE_SLOTS
    at_home = [page for page in filled(limit, limit) if page.number == 0]
    news = [take(at_home, key(f"new {n}"), limit=limit, ttl_seconds=TTL, now=NOW) for n in range(20)]
    assert {tuple(sorted(page.number for page in held.pages)) for held in news} == {(0, 1), (1,)}


def test_while_a_lowered_limit_is_exceeded_somewhere_every_new_lease_writes_page_0() -> None:
    limit = 4 * PAGE_SLOTS
    last_full = [page for page in filled(limit, limit) if page.number == 3]
    news = [take(last_full, key(f"new {n}"), limit=3 * PAGE_SLOTS, ttl_seconds=TTL, now=NOW) for n in range(20)]
    assert all(0 in {page.number for page in held.pages} for held in news)
