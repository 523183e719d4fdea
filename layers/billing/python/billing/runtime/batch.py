"""One loop over all that comes in batches: the messages of a queue, the changes of a stream.

A record that breaks is logged where it breaks, and it alone comes again (ReportBatchItemFailures). Only settling, which
works on a batch as a whole, does this for itself (`services/settle_usage.py`).
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

Record = Mapping[str, Any]
"""A message of SQS, or a change of a table's stream."""
Facts = Callable[[Record], Mapping[str, object]]

HasTime = Callable[[], bool]

T = TypeVar("T")


def _always() -> bool:
    return True


class Run(Protocol):
    """Calls a function with each record: one after the other, as `map` does, or in threads as a pool's `map` does."""

    def __call__(self, work: Callable[[Record], T], records: Sequence[Record], /) -> Iterable[T]: ...


class Worked(NamedTuple, Generic[T]):
    """What became of a batch: the results of the good records, in their order, and the records that broke."""

    results: Sequence[T]
    broken: Sequence[Record]

    @property
    def answer(self) -> dict[str, Any]:
        return come_again(_identifier(record) for record in self.broken)


class BatchLoop:
    """Tries each record of a batch. The log says `broke` of one that breaks, with its `facts` and the traceback.

    What a later try may mend is `expected`: a warning with the reason, and no traceback. What there is no time for, as
    `has_time` says before each record, is given back untried.
    """

    def __init__(
        self,
        log: logging.Logger,
        broke: str,
        facts: Facts,
        *,
        expected: tuple[type[Exception], ...] = (),
    ) -> None:
        self.log = log
        self._broke = broke
        self._facts = facts
        self._expected = expected

    def try_all(
        self, records: Sequence[Record], work: Callable[[Record], T], *, run: Run = map, has_time: HasTime = _always
    ) -> Worked[T]:
        """Try every record, as a queue wants it: its messages do not depend on each other."""
        return self._work(records, partial(self._try, work, has_time), run, stops=False)

    def try_together(self, records: Sequence[Record], work: Callable[[Sequence[Record]], T]) -> Worked[T]:
        """Work on the batch as a whole. If that breaks, on each record by itself: a broken one holds up no other."""
        try:
            return Worked([work(records)], [])
        except Exception:
            self.log.warning("a batch breaks: each of its records by itself", exc_info=True)
            return self.try_all(records, lambda record: work([record]))

    def try_in_order(
        self, records: Sequence[Record], work: Callable[[Record], T], *, has_time: HasTime = _always
    ) -> Worked[T]:
        """Stop at the first record that breaks, as a stream wants it: Lambda goes on from there."""
        return self._work(records, partial(self._try, work, has_time), map, stops=True)

    def _work(
        self, records: Sequence[Record], attempt: Callable[[Record], "T | _Broken"], run: Run, *, stops: bool
    ) -> Worked[T]:
        results: list[T] = []
        broken: list[Record] = []
        for record, outcome in zip(records, run(attempt, records), strict=True):
            if isinstance(outcome, _Broken):
                broken.append(record)
                if stops:
                    break
            else:
                results.append(outcome)
        return Worked(results, broken)

    def _try(self, work: Callable[[Record], T], has_time: HasTime, record: Record) -> "T | _Broken":
        if not has_time():
            self.log.warning("no time is left for it", extra=dict(self._facts(record)))
            return _BROKEN
        try:
            return work(record)
        except self._expected as trouble:
            self.log.warning("left for later", extra={**self._facts(record), "reason": str(trouble)})
        except Exception:
            self.log.exception(self._broke, extra=dict(self._facts(record)))
        return _BROKEN


class _Broken:
    """In the place of a result."""


_BROKEN: Final = _Broken()


def body(record: Record) -> Mapping[str, object]:
    """The fact that tells of a message whose body says all."""
    return {"body": record["body"]}


def message_id(record: Record) -> Mapping[str, object]:
    """The fact that tells of a message whose body is not for the log."""
    return {"message_id": record["messageId"]}


def come_again(identifiers: Iterable[str]) -> dict[str, Any]:
    """The answer that makes Lambda deliver these records again. Of a stream, all from the first of them on."""
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def _identifier(record: Record) -> str:
    identifier: str = record["messageId"] if "messageId" in record else record["dynamodb"]["SequenceNumber"]
    return identifier
