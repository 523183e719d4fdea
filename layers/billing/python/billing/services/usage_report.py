"""Report usage: sum the days of a range, or the sums that are kept of its months."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.domain.daily_usage import DayOfWorkspace, is_kept
from billing.domain.errors import BillingError
from billing.domain.month import Month
from billing.domain.plan import Plan, PlanKey
from billing.domain.usage_report import (
    Bucket,
    Days,
    NamedFeature,
    RangeTooLong,
    Runway,
    UsageQuestion,
    UsageReport,
    named,
    runway,
    runway_days,
    total_of,
)
from billing.domain.usage_sum import UsageSum
from billing.domain.wallet import Wallet
from billing.services.accounts import find_wallet
from billing.services.workspaces import workspace_names
from billing.store.daily_usage import KeptMonth, Row
from billing.store.store import Store

READ_SECONDS = 20.0
"""So long a request reads. The gateway waits 30 seconds."""


class UsageInProgress(BillingError):
    """Months of very many workspaces are summed over several requests: each keeps what it has summed."""

    code = "usage_in_progress"


class OutOfTime(Exception):
    """More was to be read than a request has time for. What was summed of months that are over is kept."""


@dataclass(slots=True)
class UsageReporter:
    """`clock` counts seconds, for the time that a request may take."""

    store: Store
    clock: Callable[[], float] = time.monotonic

    def report(self, account_id: str, question: UsageQuestion, now: datetime) -> UsageReport:
        """What an account used in a range, and what it paid.

        Raises AccountNotFound; RangeTooLong and UsageInProgress where very many workspaces have more days than a
        request can read.
        """
        wallet = find_wallet(self.store, account_id)
        reading = UsageReading(self.store, account_id, now, self.clock, self.clock() + READ_SECONDS)
        try:
            sums = reading.sums(question, question.parts)
            before = question.before
            previous = total_of(reading.sums(question, _parts_of(before, question))) if question.compare else None
            left = self._runway(reading, question, sums, wallet, now)
        except OutOfTime as late:
            if question.interval == "day":
                raise RangeTooLong("is too long for so many workspaces: ask for fewer days", field="to") from late
            raise UsageInProgress("a part of the months is summed and kept: ask again for the rest") from late
        total, by_workspace = total_of(sums), question.group_by == "workspace"
        return UsageReport(
            account_id=account_id,
            currency=wallet.currency,
            question=question,
            total=total,
            previous=previous,
            buckets=tuple(Bucket(part.first, each) for part, each in zip(question.parts, sums, strict=True)),
            features=self._features([total] if previous is None else [previous, total], wallet),
            names=workspace_names(self.store, account_id, total.by_workspace()[0], now) if by_workspace else {},
            runway=left,
        )

    def _runway(
        self, reading: "UsageReading", question: UsageQuestion, sums: Sequence[UsageSum], wallet: Wallet, now: datetime
    ) -> Runway | None:
        """Of the account: of some workspaces there is none. The days that were read are not read again."""
        if question.workspaces:
            return None
        days = runway_days(now.date())
        if question.interval == "day" and question.days.holds(days):
            first = (days.first - question.days.first).days
            last = sums[first : first + days.count]
        else:
            last = reading.sums(UsageQuestion(days), [Days(day, day) for day in days.each()])
        return runway(last, wallet.without_expired_grants(now).balance_micros)

    def _features(self, sums: Iterable[UsageSum], wallet: Wallet) -> dict[str, NamedFeature]:
        """By their keys. What no plan is known of is looked for in the account's own."""
        uses = {key: use for each in sums for key, use in each.features().items()}
        keys = {use.plan for use in uses.values() if use.plan is not None}
        plans = self.store.plans.get_many(keys | wallet.plan_keys)
        own: Mapping[PlanKey, Plan] = {key: plans[key] for key in wallet.plan_keys if key in plans}
        return {key: _found(named(use, plans), own) for key, use in uses.items()}


@dataclass(slots=True)
class UsageReading:
    """The reads of one request, which end at `deadline`."""

    store: Store
    account_id: str
    now: datetime
    clock: Callable[[], float]
    deadline: float

    def sums(self, question: UsageQuestion, parts: Sequence[Days]) -> list[UsageSum]:
        """The sum of each part of a range: consecutive days or months."""
        if question.workspaces:
            return self._of_workspaces(question.workspaces, parts)
        if question.interval == "month":
            return self._of_months(parts)
        return self._of_days(parts)

    def _of_workspaces(self, workspaces: Iterable[str], parts: Sequence[Days]) -> list[UsageSum]:
        """A day of a workspace is found by its key: no other workspace is read."""
        days = [day for part in parts for day in part.each()]
        keys = [DayOfWorkspace(day.isoformat(), each) for day in days for each in workspaces]
        return _in_parts([self.store.daily_usage.of_workspaces(self.account_id, keys)], parts)

    def _of_days(self, parts: Sequence[Days]) -> list[UsageSum]:
        return _in_parts(self._rows(Days(parts[0].first, parts[-1].last)), parts)

    def _rows(self, days: Days) -> Iterator[list[Row]]:
        for page in self.store.daily_usage.between(self.account_id, days.first, days.last):
            yield page
            if self.clock() > self.deadline:
                raise OutOfTime

    def _of_months(self, parts: Sequence[Days]) -> list[UsageSum]:
        """Those that are over come from what is kept, and what is not kept yet is summed and kept."""
        whole = {Month.of(part.first) for part in parts if part == _of_month(Month.of(part.first))}
        over = {month for month in whole if is_kept(month, self.now)}
        kept = self.store.daily_usage.months(self.account_id, sorted(over, key=str)) if over else {}
        return [self._of_month(part, kept.get(Month.of(part.first))) for part in parts]

    def _of_month(self, part: Days, kept: KeptMonth | None) -> UsageSum:
        if kept is not None and kept.sums is not None:
            return UsageSum.from_stored(kept.sums)
        (summed,) = self._of_days([part])
        if kept is None:
            return summed
        stored = summed.to_stored()
        # Where a call has come meanwhile, nothing is kept, and who asks next sums it anew.
        self.store.daily_usage.keep_month(self.account_id, Month.of(part.first), kept, stored)
        # As it is kept, so that the first answer is the second one.
        return UsageSum.from_stored(stored)


def _of_month(month: Month) -> Days:
    return Days(month.start.date(), month.last_day)


def _parts_of(days: Days, question: UsageQuestion) -> list[Days]:
    """The range before is told as one sum; by months, since what is kept of them serves."""
    return [days.of_month(month) for month in days.months] if question.interval == "month" else [days]


def _in_parts(pages: Iterable[list[Row]], parts: Sequence[Days]) -> list[UsageSum]:
    """Rows by their days, each added to the part that holds it."""
    sums = [UsageSum() for _ in parts]
    place = {day.isoformat(): each for each, part in zip(sums, parts, strict=True) for day in part.each()}
    for page in pages:
        for day, use in page:
            place[day.day].add(day, use)
    return sums


def _found(feature: NamedFeature, plans: Mapping[PlanKey, Plan]) -> NamedFeature:
    """The feature as it was named, else as the account's own plan names it."""
    if feature.of is not None:
        return feature
    own = [plan.usage_features[feature.key] for plan in plans.values() if feature.key in plan.usage_features]
    return NamedFeature(feature.key, own[0]) if own else feature
