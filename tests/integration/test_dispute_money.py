"""A dispute moves money by Stripe's balance transactions: one entry each, in the payment's currency, in any order."""

from dataclasses import replace
from itertools import permutations
from typing import Any

import pytest

from billing.domain.dispute import DisputeMovement, DisputeReport, RateUnknown, former_causes
from billing.domain.ledger import CARD_CLEARING, DISPUTE_EXPENSE, LedgerEntry
from billing.domain.money import Money
from billing.domain.payment import take_back
from billing.domain.transaction import Dispute, DisputeStatus, Transaction
from billing.domain.wallet import Wallet
from billing.payments.gateway import Gateway
from billing.services.dispute import apply_dispute
from billing.store.transactions import Transactions
from tests.builders import NOW, micros
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance


@pytest.fixture
def topped_up(paying: Paying) -> Paying:
    paying.add_card()
    paying.top_up("50", card=paying.cards[0].payment_method_id)
    return paying


@pytest.fixture
def in_euros(paying: Paying) -> Paying:
    """An account in EUR; the seller's money settles in USD."""
    euro = Paying(paying.database, paying.stripe, "euro")
    euro.open(currency="EUR", name="Café Zoë")
    euro.add_card()
    euro.stripe.control("settlement", {"currency": "usd", "rates": {"eur": "1.08"}})
    euro.top_up("50", card=euro.cards[0].payment_method_id)
    return euro


def dispute(paying: Paying, **facts: Any) -> str:
    made = paying.stripe.control("disputes", {"payment_intent": paying.transaction().payment_intent_id, **facts})
    return str(made["id"])


def close(paying: Paying, dispute_id: str, status: str, **facts: Any) -> None:
    paying.stripe.control(f"disputes/{dispute_id}/close", {"status": status, **facts})


def disputed_entries(paying: Paying) -> list[LedgerEntry]:
    return [entry for entry in paying.store.entries(paying.account_id) if entry.kind == "dispute"]


def moved(paying: Paying, account: str) -> int:
    entries = paying.store.entries(paying.account_id)
    return sum(each.micros for entry in entries for each in entry.postings if each.account == account)


def at_stripe(paying: Paying) -> int:
    """What all of Stripe's balance transactions come to, without fees, in micro-units of USD."""
    return sum(int(each["amount"]) for each in paying.read("balance_transactions")) * 10_000


def test_the_refunded_part_of_a_dispute_of_the_whole_comes_back_where_it_went(topped_up: Paying) -> None:
    """50 paid, 20 refunded, 50 disputed and lost: Stripe takes 50 and gives 20 back. The customer has neither."""
    topped_up.refund("tx_1", "20")
    opened = dispute(topped_up)
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == 0
    assert (moved(topped_up, CARD_CLEARING), moved(topped_up, DISPUTE_EXPENSE)) == (micros("20"), micros("-20"))
    close(topped_up, opened, "lost")
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == 0
    assert (moved(topped_up, CARD_CLEARING), moved(topped_up, DISPUTE_EXPENSE)) == (0, 0)
    assert at_stripe(topped_up) == 0
    assert topped_up.transaction().dispute_status == "lost"
    assert_books_balance(topped_up.store)


def test_each_movement_is_one_entry_that_names_it(topped_up: Paying) -> None:
    opened = dispute(topped_up, amount=4000)
    close(topped_up, opened, "won", reinstated=1500)
    topped_up.tell_all()
    topped_up.tell_all(reverse=True)
    (at_its_end,) = topped_up.read("disputes")
    assert [(entry.cause, entry.amount_micros) for entry in disputed_entries(topped_up)] == [
        (f"dispute:{at_its_end['balance_transactions'][0]['id']}", micros("-40")),
        (f"dispute:{at_its_end['balance_transactions'][1]['id']}", micros("15")),
    ]


@pytest.mark.parametrize(("reinstated", "left"), [(0, "0"), (2000, "20"), (5000, "50"), (6000, "50")])
def test_what_a_dispute_won_gives_back_is_what_stripe_gave_back_and_at_most_the_payment(
    topped_up: Paying, reinstated: int, left: str
) -> None:
    opened = dispute(topped_up)
    topped_up.tell_all()
    close(topped_up, opened, "won", reinstated=reinstated)
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == micros(left)
    assert -moved(topped_up, CARD_CLEARING) == at_stripe(topped_up)


def test_without_balance_transactions_nothing_moves_whatever_the_dispute_is_called(topped_up: Paying) -> None:
    opened = dispute(topped_up, with_money=False)
    topped_up.tell_all()
    assert (topped_up.wallet.balance_micros, topped_up.transaction().dispute_status) == (micros("50"), "opened")
    topped_up.stripe.control(f"disputes/{opened}/withdraw")
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == 0


def test_an_inquiry_that_becomes_a_dispute_takes_the_money_then(topped_up: Paying) -> None:
    inquiry = dispute(topped_up, inquiry=True)
    topped_up.tell_all()
    assert (topped_up.wallet.balance_micros, disputed_entries(topped_up)) == (micros("50"), [])
    topped_up.stripe.control(f"disputes/{inquiry}/escalate")
    topped_up.tell_all()
    assert (topped_up.wallet.balance_micros, topped_up.transaction().dispute_status) == (0, "opened")


def test_a_second_dispute_of_a_payment_takes_no_more_than_is_left(topped_up: Paying) -> None:
    first = dispute(topped_up, amount=3000)
    close(topped_up, first, "lost")
    second = dispute(topped_up, amount=4000, again=True)
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == 0
    close(topped_up, second, "won")
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == micros("20")
    assert {each.dispute_id: each.status for each in topped_up.transaction().disputes} == {first: "lost", second: "won"}
    assert -moved(topped_up, CARD_CLEARING) == at_stripe(topped_up)


def test_a_refund_that_the_bank_returns_after_a_dispute_of_the_whole_gives_nothing_twice(topped_up: Paying) -> None:
    refunded = topped_up.refund("tx_1", "20")
    dispute(topped_up)
    topped_up.tell_all()
    topped_up.stripe.control(f"refunds/{refunded.refunds[0].refund_id}/fail")
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == 0
    assert -moved(topped_up, CARD_CLEARING) == at_stripe(topped_up) == 0


# In other currencies.


def test_what_settles_in_another_currency_counts_by_its_share_of_what_was_withdrawn(in_euros: Paying) -> None:
    """50.00 EUR withdrawn as 54.00 USD; 21.60 USD reinstated are 20.00 EUR, also if the rate is another by then."""
    opened = dispute(in_euros)
    in_euros.tell_all()
    assert in_euros.wallet.balance_micros == 0
    close(in_euros, opened, "won", reinstated=2000)
    in_euros.tell_all()
    (at_its_end,) = in_euros.read("disputes")
    assert [each["amount"] for each in at_its_end["balance_transactions"]] == [-5400, 2160]
    assert in_euros.wallet.balance_micros == micros("20")
    assert [entry.currency for entry in disputed_entries(in_euros)] == ["EUR", "EUR"]


def test_a_dispute_in_the_banks_currency_takes_what_left_in_the_accounts(topped_up: Paying) -> None:
    """A British bank disputes 20.00 GBP of a payment of 50.00 USD: 25.40 USD leave."""
    topped_up.stripe.control("settlement", {"currency": "usd", "rates": {"gbp": "1.27"}})
    opened = dispute(topped_up, currency="gbp", amount=2000)
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == micros("24.60")
    close(topped_up, opened, "won")
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == micros("50")


def test_where_neither_is_in_the_payments_currency_the_payments_own_settlement_is_the_measure(in_euros: Paying) -> None:
    """50.00 EUR had settled as 54.00 USD. Of a dispute in GBP 27.00 USD leave: half of the payment."""
    in_euros.stripe.control("settlement", {"currency": "usd", "rates": {"eur": "1.08", "gbp": "1.35"}})
    dispute(in_euros, currency="gbp", amount=2000)
    in_euros.tell_all()
    assert in_euros.wallet.balance_micros == micros("25")


def test_what_no_rate_is_known_of_is_not_guessed() -> None:
    report = reported("opened", Money(-2_000_000, "GBP"), amount=Money(3_000_000, "CHF"))
    for settled in (None, Money(54_000_000, "USD")):
        with pytest.raises(RateUnknown, match="txn_0 is in GBP"):
            replace(report, settled_as=settled).worth(report.movements[0], Money(50_000_000, "EUR"))


def test_what_is_unknown_of_a_dispute_is_heard_of_and_holds_up_nothing_that_is_known(paying: Paying) -> None:
    """A payment of 50.00 EUR; nothing tells how much of it 20.00 GBP are. The card is held all the same."""
    euro = Paying(paying.database, paying.stripe, "euro")
    euro.open(currency="EUR", paid="50")
    transaction = Transactions(euro.database).create(
        replace(unbooked(euro, "tx_euro"), currency="EUR", card_fingerprint="a number")
    )
    euros, pounds = Money(micros("-10"), "EUR"), Money(micros("-20"), "GBP")
    report = reported("opened", euros, pounds, amount=Money(micros("25"), "CHF"))
    for _ in range(2):
        with pytest.raises(RateUnknown, match="txn_1 is in GBP"):
            apply_dispute(euro.store, transaction, report, NOW)
    kept = euro.transaction("tx_euro")
    assert (kept.dispute_status, kept.disputes[0].movements, kept.version) == ("opened", ("txn_0",), 1)
    assert euro.wallet.balance_micros == micros("40")
    assert [hold.card_fingerprint for hold in euro.wallet.holds] == ["a number"]
    known = replace(report, settled_as=Money(micros("40"), "GBP"))
    apply_dispute(euro.store, kept, known, NOW)
    assert euro.wallet.balance_micros == micros("15")


def test_a_dispute_that_nobody_can_value_holds_up_no_other_of_the_same_payment(
    topped_up: Paying, monkeypatch: pytest.MonkeyPatch
) -> None:
    strange = reported("opened", Money(-1, "GBP"), amount=Money(1, "CHF"), name="du_strange")
    plain = reported("opened", Money(micros("-30"), "USD"), name="du_plain")
    plain = replace(plain, movements=tuple(replace(each, movement_id="txn_plain") for each in plain.movements))
    dispute(topped_up, inquiry=True)
    monkeypatch.setattr(Gateway, "disputes", lambda *_: [strange, plain])
    with pytest.raises(RateUnknown):
        topped_up.tell_all()
    assert topped_up.wallet.balance_micros == micros("20")


def test_withdrawals_in_two_currencies_are_not_added_up_as_one() -> None:
    dollars, pounds = Money(micros("-27"), "USD"), Money(micros("-21"), "GBP")
    report = replace(reported("opened", dollars, pounds), settled_as=Money(micros("54"), "USD"))
    paid = Money(micros("50"), "EUR")
    assert report.worth(report.movements[0], paid) == micros("25")
    with pytest.raises(RateUnknown):
        report.worth(report.movements[1], paid)


def test_a_dispute_gives_back_at_most_what_it_took_and_pays_for_no_other(topped_up: Paying) -> None:
    first = dispute(topped_up, amount=1000)
    close(topped_up, first, "won", reinstated=4000)
    dispute(topped_up, amount=2000, again=True)
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == micros("30")
    assert -moved(topped_up, CARD_CLEARING) == at_stripe(topped_up)


def test_a_dispute_that_was_lost_may_still_be_won(topped_up: Paying) -> None:
    taken, back = Money(micros("-50"), "USD"), Money(micros("50"), "USD")
    for report in (reported("lost", taken), reported("won", taken, back), reported("lost", taken)):
        apply_dispute(topped_up.store, topped_up.transaction(), report, NOW)
    assert (topped_up.wallet.balance_micros, topped_up.transaction().dispute_status) == (micros("50"), "won")
    assert topped_up.wallet.holds == ()


@pytest.mark.parametrize(
    ("withdrawn", "movement", "worth"), [(300, 100, "16.67"), (5400, 2160, "20"), (7, 1, "7.14"), (7, 7, "50")]
)
def test_a_share_is_rounded_half_up_to_a_minor_unit(withdrawn: int, movement: int, worth: str) -> None:
    report = reported("lost", Money(-withdrawn * 10_000, "USD"), Money(movement * 10_000, "USD"))
    assert report.worth(report.movements[1], Money(micros("50"), "EUR")) == -micros(worth)


def reported(status: DisputeStatus, *amounts: Money, amount: Money | None = None, name: str = "du_1") -> DisputeReport:
    movements = tuple(DisputeMovement(f"txn_{number}", each) for number, each in enumerate(amounts))
    return DisputeReport(name, status, amount or Money(micros("50"), "EUR"), movements)


# In any order, and as an earlier release left it.


def test_the_books_do_not_depend_on_the_order_in_which_it_is_heard_of(topped_up: Paying) -> None:
    taken, back = Money(micros("-50"), "USD"), Money(micros("20"), "USD")
    opened, ended = reported("opened", taken), reported("lost", taken, back)
    begun = reported("inquiry")
    for number, order in enumerate(permutations([begun, opened, ended])):
        one = Paying(topped_up.database, topped_up.stripe, f"account-{number}")
        one.open(paid="1")
        transaction = paid_by(one, f"tx_of_{number}")
        for report in order:
            named = replace(
                report,
                movements=tuple(replace(each, movement_id=f"{each.movement_id}_{number}") for each in report.movements),
            )
            apply_dispute(one.store, transaction, named, NOW)
        assert one.wallet.balance_micros == micros("-29"), order
        assert one.transaction(f"tx_of_{number}").dispute_status == "lost", order


def paid_by(paying: Paying, transaction_id: str) -> Transaction:
    return Transactions(paying.database).create(unbooked(paying, transaction_id))


def unbooked(paying: Paying, transaction_id: str) -> Transaction:
    """A payment of 50.00 whose credit is not in the books: a dispute takes it all the same."""
    return Transaction(
        transaction_id, paying.account_id, "top_up", "Paid", micros("50"), "USD", NOW, None, payment_intent_id="pi_1"
    )


@pytest.mark.parametrize(("stages", "gone"), [(("opened",), "50"), (("opened", "won"), "0")])
def test_what_an_earlier_release_posted_by_the_status_counts_as_moved(
    topped_up: Paying, stages: tuple[str, ...], gone: str
) -> None:
    opened = as_an_earlier_release_left_it(topped_up, stages=stages)
    assert topped_up.wallet.balance_micros == micros("50") - micros(gone)
    if stages == ("opened", "won"):
        close(topped_up, opened, "won")
    topped_up.tell_all()
    topped_up.tell_all(reverse=True)
    assert topped_up.wallet.balance_micros == micros("50") - micros(gone)
    if stages == ("opened",):
        close(topped_up, opened, "won")
        topped_up.tell_all()
        assert topped_up.wallet.balance_micros == micros("50")
    assert -moved(topped_up, CARD_CLEARING) == at_stripe(topped_up)
    assert_books_balance(topped_up.store)


def test_what_an_earlier_release_took_beyond_the_payment_comes_back(topped_up: Paying) -> None:
    """50 paid, 20 refunded, and the whole 50 were taken for the dispute: the customer was 20 short."""
    topped_up.refund("tx_1", "20")
    opened = as_an_earlier_release_left_it(topped_up, stages=("opened",))
    assert topped_up.wallet.balance_micros == micros("-20")
    close(topped_up, opened, "lost")
    topped_up.tell_all()
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == 0
    assert -moved(topped_up, CARD_CLEARING) == at_stripe(topped_up)
    assert_books_balance(topped_up.store)


def as_an_earlier_release_left_it(paying: Paying, *, stages: tuple[str, ...]) -> str:
    """A dispute of the whole at Stripe, and here the entries and the row of release 0.2."""
    opened = dispute(paying)
    for stage, cause in zip(("opened", "won"), former_causes(opened), strict=True):
        if stage in stages:
            sign = 1 if stage == "opened" else -1
            before = paying.transaction()
            bare = replace(before, refunds=())
            rows = [replace(bare, disputes=(Dispute(opened, "opened", taken),)) for taken in (0, micros("50"))]
            posted = take_back(
                paying.wallet,
                rows[0 if sign > 0 else 1],
                rows[1 if sign > 0 else 0],
                sign * micros("50"),
                cause=cause,
                kind="dispute",
                code="disputed",
                now=NOW,
            )
            assert isinstance(paying.store.books.commit(paying.wallet, posted), Wallet)
            after = replace(before, dispute_id=opened, dispute_status=stage)  # type: ignore[arg-type]
            assert Transactions(paying.database).move(before, after)
    return opened
