"""The one loop over batches: what breaks is logged and comes again, and nothing else does."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from billing.runtime.batch import BatchLoop, Record, body, come_again, message_id
from tests.patience import WITHIN_SECONDS


class NotNow(Exception):
    """Trouble that is expected."""


log = logging.getLogger("batch of a test")
loop = BatchLoop(log, "it broke", body, expected=(NotNow,))


def message(number: int) -> Record:
    return {"messageId": f"m-{number}", "body": str(number)}


def change(number: int) -> Record:
    return {"eventID": f"e-{number}", "dynamodb": {"SequenceNumber": f"s-{number}"}, "body": str(number)}


class Work:
    """Doubles the number in a record's body; what it was told to raise for a number, it raises."""

    def __init__(self, trouble: Mapping[int, Exception] | None = None) -> None:
        self.tried: list[int] = []
        self._trouble = trouble or {}

    def __call__(self, record: Record) -> int:
        number = int(record["body"])
        self.tried.append(number)
        if number in self._trouble:
            raise self._trouble[number]
        return 2 * number


def test_of_a_queue_every_message_is_tried_and_only_what_broke_comes_again() -> None:
    work = Work({1: ZeroDivisionError(), 3: NotNow("busy")})
    worked = loop.try_all([message(number) for number in range(5)], work)
    assert (work.tried, worked.results) == ([0, 1, 2, 3, 4], [0, 4, 8])
    assert worked.answer == {"batchItemFailures": [{"itemIdentifier": "m-1"}, {"itemIdentifier": "m-3"}]}


def test_a_stream_stops_at_its_first_failure_and_goes_on_from_there() -> None:
    work = Work({1: ZeroDivisionError(), 2: ZeroDivisionError()})
    worked = loop.try_in_order([change(number) for number in range(4)], work)
    assert (work.tried, worked.results) == ([0, 1], [0])
    assert worked.answer == {"batchItemFailures": [{"itemIdentifier": "s-1"}]}


def test_a_batch_without_trouble_leaves_nothing_to_come_again() -> None:
    assert loop.try_all([message(1)], Work()).answer == {"batchItemFailures": []}
    assert loop.try_in_order([], Work()).answer == {"batchItemFailures": []}


def test_expected_trouble_is_a_warning_with_its_reason_and_the_rest_an_error_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    loop.try_all([message(0), message(1)], Work({0: NotNow("busy"), 1: ZeroDivisionError()}))
    warning, error = caplog.records
    assert (warning.levelname, warning.message, warning.__dict__["body"]) == ("WARNING", "left for later", "0")
    assert (warning.__dict__["reason"], warning.exc_info) == ("busy", None)
    assert (error.levelname, error.message, error.__dict__["body"]) == ("ERROR", "it broke", "1")
    assert error.exc_info is not None
    assert error.exc_info[0] is ZeroDivisionError


def test_a_loop_that_expects_nothing_logs_every_trouble_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    BatchLoop(log, "it broke", message_id).try_all([message(7)], Work({7: NotNow("busy")}))
    (error,) = caplog.records
    assert (error.levelname, error.__dict__["message_id"]) == ("ERROR", "m-7")


def test_in_threads_the_messages_of_a_batch_do_not_wait_for_each_other() -> None:
    together = Barrier(3, timeout=WITHIN_SECONDS)

    def meet(record: Record) -> str:
        together.wait()
        if record["body"] == "1":
            raise ZeroDivisionError
        return str(record["body"])

    with ThreadPoolExecutor(3) as pool:
        worked = loop.try_all([message(number) for number in range(3)], meet, run=pool.map)
    assert (worked.results, [each["messageId"] for each in worked.broken]) == (["0", "2"], ["m-1"])


def test_the_end_of_a_process_is_no_record_s_trouble() -> None:
    def die(_: Record) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.try_all([message(1)], die)


def test_a_service_that_takes_the_whole_batch_answers_in_the_same_words() -> None:
    assert come_again(["a"]) == {"batchItemFailures": [{"itemIdentifier": "a"}]}


def test_what_there_is_no_time_for_is_given_back_untried() -> None:
    left = [3, 2, 1, 0]

    def has_time() -> bool:
        return left.pop(0) > 1

    work = Work()
    worked = loop.try_all([message(number) for number in range(4)], work, has_time=has_time)
    assert (work.tried, worked.results) == ([0, 1], [0, 2])
    assert worked.answer == {"batchItemFailures": [{"itemIdentifier": "m-2"}, {"itemIdentifier": "m-3"}]}


def test_a_stream_that_has_no_time_left_goes_on_from_there() -> None:
    left = [True, False]
    records = [change(number) for number in range(3)]
    worked = loop.try_in_order(records, Work(), has_time=lambda: left.pop(0))
    assert worked.answer == {"batchItemFailures": [{"itemIdentifier": "s-1"}]}
