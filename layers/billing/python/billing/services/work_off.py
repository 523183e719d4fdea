"""Work off what waits, whatever becomes of single things: in threads, within a time limit, and each failure by itself.

What fails is put off, longer each time, and remembered: it holds up nothing else. What never failed comes first, so a
row that fails for ever, or a thousand of them, stand before no other.
"""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from billing.payments.errors import PaymentsMisconfigured, PaymentsUnavailable
from billing.payments.time_limit import TimeLimit
from billing.store.database import StoreBusy
from billing.store.reconciliation import Deferral
from billing.store.store import Store

WORKERS = 8
"""Each waits for Stripe most of the time; Stripe takes 100 requests a second."""
NOBODY_ANSWERED: Final = timedelta(minutes=4)
"""No fault of the thing's: it is due again at the next run, after all that did not fail."""
FIRST_DELAY, LONGEST_DELAY = timedelta(minutes=5), timedelta(days=1)

T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class WorkedOff(Generic[R]):
    """The results of what was finished, and how much is `stuck`, or `left` for want of time.

    Of the pages that were not looked at, `left` counts one.
    """

    results: Sequence[R]
    stuck: int
    left: int


@dataclass(frozen=True, slots=True)
class _Result(Generic[R]):
    value: R


class WorkOff(Generic[T, R]):
    """Finishes things of one `stage`, each by its name there. `now` says what is due, `clock` what time it is."""

    def __init__(
        self,
        store: Store,
        limit: TimeLimit,
        stage: str,
        finish: Callable[[T], R],
        *,
        name: Callable[[T], str],
        now: datetime,
        clock: datetime,
    ) -> None:
        self._store = store
        self._limit = limit
        self._stage = stage
        self._finish = finish
        self._name = name
        self._now = now
        self._clock = clock

    def run(self, pages: Iterable[Sequence[T]]) -> WorkedOff[R]:
        """Finish all of them for which there is time: those that failed before when all others are done."""
        outcomes: list[_Result[R] | str] = []
        failed_before: dict[str, tuple[T, Deferral]] = {}
        with ThreadPoolExecutor(WORKERS) as pool:
            for page in pages:
                if page and not self._limit.has_time():
                    outcomes.append("left")
                    break
                things = {f"{self._stage}:{self._name(thing)}": thing for thing in page}
                deferred = self._store.reconciliation.deferrals(things)
                failed_before |= {
                    name: (things[name], deferral)
                    for name, deferral in deferred.items()
                    if deferral.due_at <= self._now
                }
                outcomes += self._try_all(
                    pool, [(name, thing, None) for name, thing in things.items() if name not in deferred]
                )
            outcomes += self._try_all(pool, [(name, *each) for name, each in failed_before.items()])
        return WorkedOff(
            [each.value for each in outcomes if isinstance(each, _Result)],
            stuck=outcomes.count("stuck"),
            left=outcomes.count("left"),
        )

    def _try_all(
        self, pool: ThreadPoolExecutor, things: Sequence[tuple[str, T, Deferral | None]]
    ) -> Sequence[_Result[R] | str]:
        """Side by side; and one by one those that were in each other's way, as many payments of one account are."""
        outcomes = list(pool.map(lambda each: self._try(*each, is_alone=False), things))
        return [
            self._try(*thing, is_alone=True) if outcome == "busy" else outcome
            for thing, outcome in zip(things, outcomes, strict=True)
        ]

    def _try(self, name: str, thing: T, before: Deferral | None, *, is_alone: bool) -> _Result[R] | str:
        if not self._limit.has_time():
            return "left"
        facts: Mapping[str, object] = {"about": name}
        try:
            result = self._finish(thing)
        except PaymentsMisconfigured as trouble:
            log.error("our key is refused", extra={**facts, "reason": str(trouble)})  # noqa: TRY400  (nobody's code broke)
            return "stuck"
        except (PaymentsUnavailable, StoreBusy) as trouble:
            if isinstance(trouble, StoreBusy) and not is_alone:
                return "busy"
            if not self._limit.has_time():
                return "left"
            log.warning("left for the next run", extra={**facts, "reason": str(trouble)})
            self._put_off(name, Deferral(0 if before is None else before.failures, self._clock + NOBODY_ANSWERED))
            return "stuck"
        except Exception:
            log.exception("cannot be finished", extra=dict(facts))
            failures = 0 if before is None else before.failures
            delay = min(FIRST_DELAY * 2 ** min(failures, 16), LONGEST_DELAY)
            self._put_off(name, Deferral(failures + 1, self._clock + delay))
            return "stuck"
        if before is not None:
            self._store.reconciliation.clear(name)
        return _Result(result)

    def _put_off(self, name: str, deferral: Deferral) -> None:
        try:
            self._store.reconciliation.defer(name, deferral)
        except StoreBusy:
            log.warning("a failure was not remembered", extra={"about": name})
