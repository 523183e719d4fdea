"""Settle a batch of ended calls: one transaction for many calls of an account, each charged exactly once."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from billing.domain.charged_once import Judged, causes_after_a_void, entry_of, judge, judge_after_a_void
from billing.domain.daily_usage import DayOfWorkspace, rows_of
from billing.domain.lease import LeaseKey, lease_key
from billing.domain.ledger import LedgerEntry, UsageRecord
from billing.domain.month import Month
from billing.domain.plan import Plan, PlanKey
from billing.domain.queued_event import QueuedEvent, account_charged, may_charge
from billing.domain.rejection import RejectedEvent, reject_queued, rejection_id_of
from billing.domain.settlement import Rejection, settle
from billing.domain.usage import UsageEvent, describe
from billing.domain.wallet import Wallet
from billing.domain.workspace import Workspace
from billing.services.return_leases import LeaseReturns
from billing.store.database import MAX_TRANSACTION_ITEMS, StoreBusy
from billing.store.store import Store

_ATTEMPTS = 12
_LATE = timedelta(minutes=15)
"""What comes so long after its call's end may have come before: its sender tries again, or a queue was worked off."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Received:
    """An event as the queue delivered it; `redelivered` when it was delivered before, perhaps settled too."""

    message_id: str
    queued: QueuedEvent
    redelivered: bool = False

    @property
    def event(self) -> UsageEvent:
        return self.queued.event

    @property
    def rejection_id(self) -> str:
        """Of the rejection that it is a replay of, or would be."""
        replay = self.event.replay
        if replay is not None:
            return replay.rejection_id
        return rejection_id_of(self.queued.payload, self.queued.account_id)

    @property
    def causes(self) -> set[str]:
        """The ledger entries that it takes: its own, and a replay's marker."""
        return {self.event.cause} if self.event.marker is None else {self.event.cause, self.event.marker}


@dataclass(slots=True)
class Outcome:
    """What became of a batch. `failed` messages must come back; all others are done with."""

    failed: set[str] = field(default_factory=set)
    settled: list[UsageRecord] = field(default_factory=list)
    duplicates: int = 0
    rejected: int = 0
    paused_accounts: set[str] = field(default_factory=set)
    refills: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """By the names of the metrics."""
        return {
            "EventsSettled": len(self.settled),
            "DuplicateEvents": self.duplicates,
            "RejectedEvents": self.rejected,
            "FailedEvents": len(self.failed),
            "AccountsPaused": len(self.paused_accounts),
        }

    def lags_milliseconds(self, now: datetime) -> list[float]:
        """How long before `now` each settled call ended."""
        return [(now - usage.occurred_at).total_seconds() * 1000 for usage in self.settled]


class UsageSettlement:
    """The use case with its store. One instance serves a process, and keeps what never changes."""

    def __init__(self, store: Store) -> None:
        self._pause = store.pause
        self._books = store.books
        self._wallets = store.wallets
        self._workspaces = store.workspaces
        self._plans = store.plans
        self._rejected_events = store.rejected_events
        self._leases = LeaseReturns(store)

    def settle_batch(self, batch: Sequence[Received], now: datetime) -> Outcome:
        """Settle what can be settled: where one event cannot, its message fails and the rest goes on.

        An account whose wallet is missing or cannot be read fails its own messages, and nobody else's: they come again,
        and end where an operator is told of them.
        """
        outcome = Outcome()
        workspaces = self._workspaces.get_kept(received.event.workspace_id for received in batch)
        of_account: dict[str, list[Received]] = {}
        for received in self._without_settled(batch, outcome, now):
            event = received.event
            workspace = workspaces.get(event.workspace_id)
            if workspace is None or not may_charge(received.queued, workspace):
                detail = f'there is no workspace "{event.workspace_id}"'
                self._reject(received, "unknown_workspace", detail, outcome, now)
            else:
                of_account.setdefault(account_charged(event, workspace), []).append(received)
        wallets = self._wallets.get_many(of_account)
        for account_id, events in of_account.items():
            if account_id in wallets:
                self._settle_account(wallets[account_id], events, outcome, now)
            else:
                log.error("no wallet that can be read", extra={"account_id": account_id, "events": len(events)})
                outcome.failed.update(received.message_id for received in events)
        self._give_leases_back(batch, workspaces, wallets, now)
        return outcome

    def keep_broken(self, broken: Mapping[str, RejectedEvent], outcome: Outcome) -> None:
        """Keep what is not an event at all, by the id of its message."""
        for message_id, rejected in broken.items():
            self._keep(message_id, rejected, outcome)

    def _without_settled(self, batch: Sequence[Received], outcome: Outcome, now: datetime) -> list[Received]:
        """Look up what may have been settled before: a duplicate would cancel the transaction of all that go with it.

        Also under the cause that an earlier release gave it: else it could be charged once more after an upgrade.
        """
        causes = set[str]()
        for received in batch:
            event = received.event
            if received.redelivered or event.replay is not None or now - event.occurred_at > _LATE:
                causes |= received.causes | {event.former_cause}
        return self._drop_existing(batch, self._books.entries(causes) if causes else {}, outcome, now)

    def _give_leases_back(
        self,
        batch: Sequence[Received],
        workspaces: Mapping[str, Workspace],
        wallets: Mapping[str, Wallet],
        now: datetime,
    ) -> None:
        """A call that ended has no slot, however its event was received. Best effort: what fails here expires.

        Only accounts whose plan limits calls are asked for, and those of which that is not known: the wallets of
        redelivered calls that were settled before are not at hand, and a plan may be one that cannot be read.
        """
        calls = _ended_calls(batch, workspaces, now)
        ended = {account_id: keys for account_id, keys in calls.items() if self._limits_calls(wallets.get(account_id))}
        try:
            self._leases.give_back_ended(ended, now)
        except Exception:
            log.exception("leases are left to expire", extra={"accounts": sorted(ended)})

    def _limits_calls(self, wallet: Wallet | None) -> bool:
        if wallet is None or wallet.subscription is None:
            return wallet is None
        terms = wallet.subscription.terms
        try:
            plan = self._plans.version(*terms.plan_key)
        except Exception:
            log.exception("no plan that can be read", extra={"account_id": wallet.account_id})
            return True
        return plan.concurrency_limit(terms.quantities) is not None

    def _settle_account(self, wallet: Wallet, events: list[Received], outcome: Outcome, now: datetime) -> None:
        for distinct in _rounds(events, outcome):
            for chunk in _chunks(distinct, _items_for_events(wallet, now), now):
                try:
                    wallet = self._settle_chunk(wallet, chunk, outcome, now)
                except StoreBusy as busy:
                    log.warning("settling goes on later", extra={"account_id": wallet.account_id, "reason": str(busy)})
                    outcome.failed.update(received.message_id for received in chunk)
                except Exception:
                    log.exception("settling failed", extra={"account_id": wallet.account_id})
                    wallet = self._settle_singly(wallet, chunk, outcome, now)

    def _settle_singly(self, wallet: Wallet, chunk: list[Received], outcome: Outcome, now: datetime) -> Wallet:
        """Go on where something in a chunk cannot be settled for a reason nobody thought of: only that event fails."""
        for received in chunk:
            try:
                wallet = self._settle_chunk(wallet, [received], outcome, now)
            except Exception:
                log.exception("an event cannot be settled", extra={"event_id": received.event.event_id})
                outcome.failed.add(received.message_id)
        return wallet

    def _settle_chunk(self, wallet: Wallet, chunk: list[Received], outcome: Outcome, now: datetime) -> Wallet:
        """Decide and write until both agree, within a bounded number of attempts. Returns the wallet as left behind."""
        pending = chunk
        for attempt in range(_ATTEMPTS):
            plans = self._plans.versions(wallet.plan_keys)
            settlement = settle(wallet, [received.event for received in pending], plans, now)
            posted = settlement.posted
            written = self._books.commit(wallet, posted)
            if isinstance(written, Wallet):
                self._keep_rejections(pending, settlement.rejections, outcome, now)
                outcome.settled.extend(entry.usage for entry in posted.entries if entry.usage is not None)
                outcome.refills += posted.refill is not None
                if written.paused and not wallet.paused:
                    outcome.paused_accounts.add(wallet.account_id)
                return written
            pending = self._drop_existing(pending, written.existing, outcome, now)
            self._pause(attempt)
            wallet = written.wallet or self._wallets.get(wallet.account_id) or wallet
        raise StoreBusy(f"lost {_ATTEMPTS} races for the wallet")

    def _drop_existing(
        self, events: Sequence[Received], existing: Mapping[str, LedgerEntry], outcome: Outcome, now: datetime
    ) -> list[Received]:
        """Without the events that were charged before: the same content is a duplicate, another is a conflict."""
        if not existing:
            return list(events)
        left: list[Received] = []
        for received in events:
            try:
                verdict, event = judge(
                    received.event, existing, rejection_id=received.rejection_id, plan_of=self._plan_of
                )
                if verdict == "conflict":
                    verdict, event = self._after_a_void(received, existing)
            except Exception:
                log.exception("an event cannot be compared", extra={"event_id": received.event.event_id})
                outcome.failed.add(received.message_id)
                continue
            if verdict == "new":
                left.append(replace(received, queued=replace(received.queued, event=event)))
            elif verdict == "duplicate":
                outcome.duplicates += 1
            else:
                detail = f"{describe(event)} was settled before with other content"
                self._reject(received, "event_conflict", detail, outcome, now)
        return left

    def _after_a_void(self, received: Received, existing: Mapping[str, LedgerEntry]) -> Judged:
        """Judge an event once more whose charge said something else: it may have been voided. Conflicts are rare."""
        event = received.event
        charge = entry_of(event, existing)
        if charge is None:
            return Judged("conflict", event)
        known = self._books.entries(causes_after_a_void(event, charge))
        return judge_after_a_void(event, charge, known, rejection_id=received.rejection_id, plan_of=self._plan_of)

    def _plan_of(self, key: PlanKey) -> Plan:
        return self._plans.version(*key)

    def _keep_rejections(
        self, events: Sequence[Received], rejections: Sequence[Rejection], outcome: Outcome, now: datetime
    ) -> None:
        received_by_cause = {received.event.cause: received for received in events}
        for rejection in rejections:
            received = received_by_cause[rejection.event.cause]
            self._reject(received, rejection.code, rejection.detail, outcome, now)

    def _reject(self, received: Received, code: str, detail: str, outcome: Outcome, now: datetime) -> None:
        self._keep(received.message_id, reject_queued(received.queued, code, detail, rejected_at=now), outcome)

    def _keep(self, message_id: str, rejected: RejectedEvent, outcome: Outcome) -> None:
        try:
            self._rejected_events.keep(rejected)
        except StoreBusy:
            log.warning("keeping a rejected event goes on later", extra={"rejection_id": rejected.rejection_id})
            outcome.failed.add(message_id)
        except Exception:
            log.exception("a rejected event cannot be kept", extra={"rejection_id": rejected.rejection_id})
            outcome.failed.add(message_id)
        else:
            outcome.rejected += 1
            log.info("event rejected", extra={"rejection_id": rejected.rejection_id, "code": rejected.code})


def _ended_calls(
    batch: Sequence[Received], workspaces: Mapping[str, Workspace], now: datetime
) -> dict[str, set[LeaseKey]]:
    """The leases of the calls that ended, by account; not of those whose sender may not speak for the account.

    Where a workspace has moved, a call's lease may be in the account that it had before.
    """
    ended: dict[str, set[LeaseKey]] = {}
    for received in batch:
        event, workspace = received.event, workspaces.get(received.event.workspace_id)
        if event.call_id is None or event.type != "call.ended" or workspace is None:
            continue
        for account_id in workspace.owners_of_leases(now):
            if received.queued.account_id in {None, account_id}:
                ended.setdefault(account_id, set()).add(lease_key(event.workspace_id, event.call_id))
    return ended


def _rounds(events: Sequence[Received], outcome: Outcome) -> Iterator[list[Received]]:
    """Lists of events that take distinct entries, in the order the calls ended.

    A copy within the batch shares the fate of the first. The same call with other content waits for a round of its own,
    where the first one's entry tells the conflict.
    """
    waiting = sorted(events, key=lambda received: (received.event.occurred_at, received.event.cause))
    while waiting:
        first: dict[str, Received] = {}
        taken, copies, others = set[str](), list[tuple[Received, Received]](), list[Received]()
        for received in waiting:
            kept = first.get(received.event.cause)
            if kept is not None and kept.event.fingerprint == received.event.fingerprint:
                copies.append((received, kept))
            elif taken.isdisjoint(received.causes):
                first[received.event.cause] = received
                taken |= received.causes
            else:
                others.append(received)
        yield list(first.values())
        for copy, kept in copies:
            if kept.message_id in outcome.failed:
                outcome.failed.add(copy.message_id)
            else:
                outcome.duplicates += 1
        waiting = others


def _chunks(events: Sequence[Received], items: int, now: datetime) -> Iterator[list[Received]]:
    """As many events as `items` of a transaction hold: their entries, and each day and late month once."""
    chunk: list[Received] = []
    entries, rows = 0, set[DayOfWorkspace | Month]()
    for received in events:
        own, more = len(received.causes), rows_of(received.event, now)
        if entries + own + len(rows | more) > items:
            yield chunk
            chunk, entries, rows = [], 0, set()
        chunk.append(received)
        entries += own
        rows |= more
    if chunk:
        yield chunk


def _items_for_events(wallet: Wallet, now: datetime) -> int:
    """A transaction's items, but for the wallet, a refill that starts and the entries of credit that has expired."""
    expired = sum(grant.expires_at <= now for grant in wallet.grants)
    return MAX_TRANSACTION_ITEMS - 2 - expired
