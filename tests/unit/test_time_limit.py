"""How long an invocation may wait for Stripe: shares add up to the whole, and what cannot be heard is not asked."""

import pytest

from billing.payments.time_limit import TimeLimit


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def limited(seconds: float) -> tuple[TimeLimit, Clock]:
    clock = Clock()
    limit = TimeLimit(request_seconds=12, seconds=clock)
    limit.set(seconds)
    return limit, clock


def test_without_an_end_each_request_has_its_whole_time() -> None:
    limit = TimeLimit(request_seconds=12)
    with limit.share(0.1):
        assert (limit.has_time(), limit.for_request(changes=True)) == (True, 12)


def test_a_question_has_what_is_left_and_a_change_has_its_whole_time_or_is_not_made() -> None:
    limit, clock = limited(20)
    assert limit.for_request(changes=True) == 12
    clock.now += 15
    assert (limit.has_time(), limit.for_request(changes=False)) == (False, 5)
    with pytest.raises(TimeoutError):
        limit.for_request(changes=True)
    clock.now += 5
    with pytest.raises(TimeoutError):
        limit.for_request(changes=False)


def test_shares_are_of_what_is_left_and_end_with_their_block() -> None:
    limit, clock = limited(240)
    with limit.share(1 / 3):
        clock.now += 79
        assert limit.for_request(changes=False) == pytest.approx(1)
        with limit.share(1):
            assert limit.for_request(changes=False) == pytest.approx(1)
    assert limit.has_time()
    with limit.share(1 / 2):
        clock.now += 80.5
        assert not limit.has_time()
    assert limit.has_time()
    limit.set(1)
    assert not limit.has_time()
