"""Credit by hand, decided on values: once for its cause, with its row of the history, and within its bounds."""

from dataclasses import replace
from datetime import timedelta

import pytest

from billing.domain.change import Added, Change
from billing.domain.credit_by_hand import adjust_by_hand, give_credit, post_once
from billing.domain.errors import Conflict, IdempotencyKeyReused, InvalidValue
from billing.domain.ledger import LedgerEntry
from billing.domain.transaction import record_adjustment
from billing.domain.wallet import MAX_GRANTS, Grant, Wallet
from tests.builders import NOW, micros, wallet

LATER = NOW + timedelta(days=30)


def wire(before: Wallet) -> Change[LedgerEntry]:
    return adjust_by_hand(
        before, micros("500"), adjustment_id="wire-1", reason="تحويل", by="ops", now=NOW, fingerprint="f"
    )


def test_an_adjustment_is_an_entry_and_a_row_of_the_history_in_one_change() -> None:
    change = wire(wallet(paid="-1"))
    assert change.wallet.paid_micros == micros("499")
    assert (change.answer.cause, change.answer.description) == ("adjustment:acme:wire-1", "تحويل")
    assert change.also == (Added(record_adjustment(change.answer, "wire-1")),)


def test_credit_that_has_expired_is_written_off_before_it_and_the_answer_is_its_own_entry() -> None:
    change = wire(wallet(grants=(Grant("g1", micros("3"), NOW),)))
    assert [entry.kind for entry in change.posted.entries] == ["grant_expiry", "adjustment"]
    assert (change.answer, change.wallet.balance_micros) == (change.posted.entries[-1], micros("500"))


def test_a_repetition_answers_the_first_entry_and_writes_nothing() -> None:
    first = wire(wallet())
    again = post_once(first.wallet, first.answer, "f", wire)
    assert (again.wallet, again.answer, again.also, again.posted.entries) == (first.wallet, first.answer, (), ())
    with pytest.raises(IdempotencyKeyReused):
        post_once(first.wallet, replace(first.answer, fingerprint="another"), "f", wire)


def test_a_grant_must_end_later_and_an_account_has_only_so_many() -> None:
    def give(before: Wallet, expires_at: object = LATER) -> Change[LedgerEntry]:
        return give_credit(
            before,
            micros("5"),
            grant_id="new",
            expires_at=expires_at,  # type: ignore[arg-type]
            reason="welcome",
            now=NOW,
            fingerprint="f",
        )

    full = tuple(Grant(f"g{number}", 1, LATER) for number in range(MAX_GRANTS))
    with pytest.raises(InvalidValue):
        give(wallet(), NOW)
    with pytest.raises(Conflict):
        give(wallet(grants=full))
    one_has_expired = (Grant("g0", 1, NOW), *full[1:])
    change = give(wallet(grants=one_has_expired))
    assert (len(change.wallet.grants), change.also) == (MAX_GRANTS, ())
