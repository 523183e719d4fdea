"""A delivery is tried for three days, ever more seldom."""

from datetime import timedelta

from billing.domain.delivery import BACKOFF_SECONDS, MAX_ATTEMPTS, Answer, Delivery, retry_after
from tests.builders import NOW

FAILED = Answer(500, "answered 500")


def delivery() -> Delivery:
    return Delivery("we_1", "evt_1", "account.paused", "acme", "{}", created_at=NOW, due_at=NOW)


def test_the_attempts_span_three_days_and_a_tenth_more_at_most() -> None:
    assert sum(BACKOFF_SECONDS) == timedelta(days=3).total_seconds()
    waits = [retry_after("evt_1", attempts) for attempts in range(1, MAX_ATTEMPTS)]
    assert timedelta(days=3) <= sum(waits, timedelta()) <= timedelta(days=3.3)


def test_the_wait_grows_with_each_failure() -> None:
    waits = [retry_after("evt_1", attempts) for attempts in range(1, MAX_ATTEMPTS)]
    assert waits == sorted(waits)


def test_deliveries_that_failed_together_do_not_all_come_again_together() -> None:
    assert len({retry_after(f"evt_{number}", 1) for number in range(50)}) > 20


def test_a_delivery_that_nobody_takes_is_given_up_after_the_last_attempt() -> None:
    now, tried = NOW, delivery()
    for _ in range(MAX_ATTEMPTS):
        assert tried.status == "pending"
        assert tried.due_at is not None
        now = tried.due_at
        tried = tried.begin(now).end(FAILED, now)
    assert tried.status == "failed"
    assert tried.due_at is None
    assert now - NOW >= timedelta(days=3)


def test_an_accepted_delivery_is_due_no_more() -> None:
    done = delivery().begin(NOW).end(Answer(204), NOW)
    assert (done.status, done.due_at, done.last_status) == ("delivered", None, 204)


def test_where_asking_again_cannot_help_nobody_asks_again() -> None:
    assert delivery().begin(NOW).end(Answer(error="gone", final=True), NOW).status == "failed"


def test_an_attempt_whose_process_dies_is_due_again_when_its_lease_is_over() -> None:
    begun = delivery().begin(NOW)
    assert begun.status == "pending"
    assert begun.due_at is not None
    assert begun.due_at > NOW


def test_a_replay_has_all_attempts_ahead() -> None:
    given_up = delivery().begin(NOW).end(Answer(error="gone", final=True), NOW)
    again = given_up.again(NOW)
    assert (again.status, again.attempts, again.due_at) == ("pending", 0, NOW)
