"""Money that goes back: refunds and disputes as ledger entries, once each, also when the credit is spent."""

import pytest

from billing.domain.errors import Conflict, IdempotencyKeyReused, InvalidValue
from tests.builders import NOW, micros
from tests.paying_account import Paying
from tests.platform_of_one import assert_books_balance


@pytest.fixture
def topped_up(paying: Paying) -> Paying:
    paying.add_card()
    paying.top_up("50", card=paying.cards[0].payment_method_id)
    return paying


def dispute(paying: Paying, **facts: object) -> str:
    intent = paying.transaction().payment_intent_id
    made = paying.stripe.control("disputes", {"payment_intent": intent, **facts})
    return str(made["id"])


def test_refunds_in_parts_take_the_credit_back_until_nothing_is_left(topped_up: Paying) -> None:
    topped_up.refund("tx_1", "20", key="a")
    topped_up.refund("tx_1", "5", key="b")
    assert topped_up.wallet.balance_micros == micros("25")
    rest = topped_up.refund("tx_1", key="c")
    assert rest.refunded_micros == micros("50")
    assert topped_up.wallet.balance_micros == 0
    with pytest.raises(Conflict, match="nothing is left"):
        topped_up.refund("tx_1", key="d")
    assert_books_balance(topped_up.store)


def test_a_refund_asked_for_twice_under_one_key_is_one(topped_up: Paying) -> None:
    topped_up.refund("tx_1", "20")
    topped_up.refund("tx_1", "20")
    assert len(topped_up.read("refunds")) == 2  # and the hold's release, which Stripe calls a refund
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == micros("30")


@pytest.mark.parametrize(("first", "second"), [("20", "21"), ("20", None), (None, "50")])
def test_the_key_of_a_refund_does_not_pass_for_another_amount(
    topped_up: Paying, first: str | None, second: str | None
) -> None:
    topped_up.refund("tx_1", first)
    with pytest.raises(IdempotencyKeyReused):
        topped_up.refund("tx_1", second)
    assert topped_up.wallet.balance_micros == micros("50") - micros(first or "50")


def test_a_refund_that_the_bank_returns_is_credit_again_once_and_can_be_made_again(topped_up: Paying) -> None:
    refunded = topped_up.refund("tx_1")
    topped_up.stripe.control(f"refunds/{refunded.refunds[0].refund_id}/fail")
    for _ in range(2):
        topped_up.tell_all()
    assert topped_up.wallet.balance_micros == micros("50")
    assert topped_up.transaction().refunds[0].returned
    assert [entry.amount_micros for entry in topped_up.store.entries()] == [micros("50"), micros("-50"), micros("50")]
    topped_up.refund("tx_1", "20", key="again")
    assert topped_up.transaction().refunded_micros == micros("20")
    assert_books_balance(topped_up.store)


def test_a_refund_of_spent_credit_leaves_a_debt_and_pauses(topped_up: Paying) -> None:
    topped_up.store.adjust("-45", "spent")
    topped_up.refund("tx_1")
    assert topped_up.wallet.balance_micros == micros("-45")
    assert topped_up.wallet.status == "paused"


def test_more_than_was_paid_cannot_be_refunded(topped_up: Paying) -> None:
    with pytest.raises(InvalidValue):
        topped_up.refund("tx_1", "50.01")
    assert topped_up.wallet.balance_micros == micros("50")


def test_what_was_not_paid_cannot_be_refunded(paying: Paying) -> None:
    paying.top_up("50")
    with pytest.raises(Conflict) as refusal:
        paying.refund("tx_1")
    assert refusal.value.code == "not_refundable"


@pytest.mark.parametrize(
    ("refused_for", "says"),
    [
        ("a dispute", "the payment is disputed, and the bank decides who has the money"),
        ("a refund at Stripe", "nothing is left to refund: the payment was refunded at Stripe, too"),
    ],
)
def test_a_refund_that_stripe_refuses_says_why_in_our_words_and_the_log_in_stripes(
    topped_up: Paying, refused_for: str, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    if refused_for == "a dispute":
        dispute(topped_up)
    else:
        topped_up.gateway.refund(topped_up.transaction().payment_intent_id or "", 5000, "by-hand", "all")
    with pytest.raises(Conflict) as refusal:
        topped_up.refund("tx_1")
    assert (refusal.value.code, refusal.value.detail) == ("not_refundable", says)
    (logged,) = [record for record in caplog.records if record.message == "a refund is refused"]
    assert logged.__dict__["transaction_id"] == "tx_1"
    assert logged.__dict__["reason"].startswith("InvalidRequestError: Charge ch_")


def test_a_refund_made_at_stripe_by_hand_is_taken_over(topped_up: Paying) -> None:
    topped_up.gateway.refund(topped_up.transaction().payment_intent_id or "", 700, "by-hand")
    topped_up.tell_all()
    topped_up.tell_all()
    assert topped_up.transaction().refunded_micros == micros("7")
    assert topped_up.wallet.balance_micros == micros("43")


def test_a_dispute_takes_the_credit_and_suspends_auto_refill(topped_up: Paying) -> None:
    topped_up.auto_refill(threshold="20", amount="100")
    dispute(topped_up)
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == 0
    assert topped_up.transaction().dispute_status == "opened"
    assert topped_up.wallet.refill is not None
    assert topped_up.wallet.refill.suspended == "dispute_opened"
    assert topped_up.wallet.refill.pending is None


def test_a_dispute_won_gives_the_credit_back_and_one_lost_does_not(topped_up: Paying) -> None:
    opened = dispute(topped_up, amount=2000)
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == micros("30")
    topped_up.stripe.control(f"disputes/{opened}/close", {"status": "won"})
    topped_up.tell_all()
    assert topped_up.wallet.balance_micros == micros("50")
    assert topped_up.transaction().dispute_status == "won"
    assert_books_balance(topped_up.store)


def test_a_dispute_lost_keeps_the_credit_away(topped_up: Paying) -> None:
    opened = dispute(topped_up)
    topped_up.stripe.control(f"disputes/{opened}/close", {"status": "lost"})
    topped_up.tell_all()
    assert (topped_up.transaction().dispute_status, topped_up.wallet.balance_micros) == ("lost", 0)


def test_an_inquiry_moves_no_money(topped_up: Paying) -> None:
    dispute(topped_up, inquiry=True)
    topped_up.tell_all()
    assert topped_up.transaction().dispute_status == "inquiry"
    assert topped_up.wallet.balance_micros == micros("50")


def test_a_payment_of_another_account_cannot_be_refunded_through_this_one(topped_up: Paying) -> None:
    from billing.services.refund import refund_payment
    from billing.services.transactions import TransactionNotFound

    other = Paying(topped_up.database, topped_up.stripe, "globex")
    other.open()
    with pytest.raises(TransactionNotFound):
        refund_payment(other.store, other.gateway, "globex", "tx_1", micros=None, refund_key="k", now=NOW)
