"""Finish what was begun, with Stripe as the witness: what a webhook should have told, and what is still open here.

Everything ends in the code that the webhook's events go through. Each stage has a share of the time, so that none
starves those after it. What is not reached, the next run goes on with.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from billing.domain.auto_refill import with_refill
from billing.domain.change import Change
from billing.domain.stripe_event import StripeEvent
from billing.domain.subscription import TRUST
from billing.domain.wallet import expire_grants
from billing.payments.gateway import Gateway
from billing.services.add_card import verify_card
from billing.services.cards import finish_removal
from billing.services.change_wallet import change_wallet
from billing.services.check_transaction import TransactionCheck
from billing.services.stripe_events import handle_event
from billing.services.take_late_events import take_late_events
from billing.services.work_off import WorkOff
from billing.store.store import Store

GRACE = timedelta(minutes=2)
"""What is younger is still at work."""
UNANSWERED_FOR = timedelta(hours=1)
"""A card is answered in seconds. Whoever waits so long needs a person."""
_A_PAGE = 100

# Of what is left when a stage begins: of 230 s 77, 51, 51, 25 and 26.
_SHARES: Final[Mapping[str, float]] = {
    "listing": 1 / 3,
    "event": 1 / 3,
    "transaction": 1 / 2,
    "card": 1 / 2,
    "wallet": 1,
}

T = TypeVar("T")
R = TypeVar("R")

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Reconciled:
    """What a run did.

    `late_events` are those that no webhook had told, `swept` the events that were brought to their end here. `stuck`
    could not be finished now, `left` was not reached in time: of what was not even looked at, it counts one a stage.
    `payments_unanswered` are charges of saved cards that were recorded an hour ago, `renewals_unanswered` those of
    renewals, and `renewals_unanswered_for_days` the ones among them for which no allowance is given any more.
    """

    late_events: int = 0
    swept: int = 0
    transactions: int = 0
    cards: int = 0
    wallets_due: int = 0
    stuck: int = 0
    left: int = 0
    payments_unanswered: int = 0
    renewals_unanswered: int = 0
    renewals_unanswered_for_days: int = 0
    out_of_reach: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """By the names of the metrics."""
        return {
            "LateStripeEvents": self.late_events,
            "StripeEventsSwept": self.swept,
            "TransactionsChecked": self.transactions,
            "CardsFinished": self.cards,
            "WalletsDue": self.wallets_due,
            "PaymentsStuck": self.stuck,
            "LeftForNextRun": self.left,
            "PaymentsUnansweredAnHour": self.payments_unanswered,
            "RenewalsUnansweredAnHour": self.renewals_unanswered,
            "RenewalsUnanswered72Hours": self.renewals_unanswered_for_days,
            "EventsOutOfReach": int(self.out_of_reach),
        }


class Reconciliation:
    def __init__(self, store: Store, gateway: Gateway, return_url: str) -> None:
        self._store = store
        self._gateway = gateway
        self._return_url = return_url

    def run(self, now: datetime, *, clock: datetime | None = None) -> Reconciled:
        """One run as of `now`, within the gateway's time limit. What it does not reach or finish, the next run does.

        `now` says what is due. `clock` is the time that it is, where that is another: all that is asked, given up,
        written off or posted is so by the clock. So a run as of a later moment burns no credit before its end.
        """
        clock = clock or now
        run = _Run(self._store, self._gateway, now, clock)
        run.take_late_events()
        subjects = self._subjects(now)
        run.done.swept = sum(run.stage("event", subjects, lambda events: self._sweep(events, clock), _subject_of))
        transactions = TransactionCheck(self._store, self._gateway, self._return_url)
        checked = run.stage(
            "transaction", self._store.transactions.to_check(now), lambda key: transactions.check(key, clock), str
        )
        run.note_unanswered(transactions)
        run.done.transactions = len(checked)
        cards = run.stage("card", self._store.cards.open(), lambda key: self._finish_card(*key, clock), ":".join)
        run.done.cards = len(cards)
        waited = self._store.wallets.waited(now)
        run.done.wallets_due = len(run.stage("wallet", waited, lambda key: self._look_again(key, now, clock), str))
        return run.done

    def _subjects(self, now: datetime) -> Iterator[Sequence[Sequence[StripeEvent]]]:
        """The events that nobody has brought to their end, by what they are about: that is looked at once."""
        subjects: dict[str, list[StripeEvent]] = {}
        for page in self._store.stripe_inbox.undone(now):
            for event in page:
                subjects.setdefault(event.subject, []).append(event)
        found = list(subjects.values())
        return (found[start : start + _A_PAGE] for start in range(0, len(found), _A_PAGE))

    def _sweep(self, events: Sequence[StripeEvent], clock: datetime) -> int:
        """Returns how many events are done with."""
        telling = next((event for event in events if event.is_of_page), events[0])
        handle_event(self._store, self._gateway, telling, clock)
        for event in events:
            self._store.stripe_inbox.done(event.event_id)
        return len(events)

    def _finish_card(self, account_id: str, fingerprint: str, now: datetime) -> None:
        card = self._store.cards.get(account_id, fingerprint)
        if card is None or now - card.added_at < GRACE:
            return
        if card.verification == "pending":
            verify_card(self._store, self._gateway, card, now)
        elif card.verification == "removing":
            finish_removal(self._store, self._gateway, card)

    def _look_again(self, account_id: str, now: datetime, clock: datetime) -> None:
        """The moment that auto-refill or the end of a grant waited for has come: the wallet decides.

        Credit that expires may pause the account, which then has no call that would bring this up.
        """
        change_wallet(
            self._store,
            account_id,
            lambda wallet: Change(with_refill(expire_grants(wallet, clock), clock, moment=now), None),
        )


class _Run:
    """One run: what it has done so far."""

    def __init__(self, store: Store, gateway: Gateway, now: datetime, clock: datetime) -> None:
        self.done = Reconciled()
        self._store = store
        self._gateway = gateway
        self._now = now
        self._clock = clock

    def take_late_events(self) -> None:
        with self._gateway.limit.share(_SHARES["listing"]):
            late = take_late_events(self._store, self._gateway, self._clock)
        self.done.late_events = late.taken
        self.done.stuck += late.is_stuck
        self.done.left += late.is_left
        self.done.out_of_reach = late.out_of_reach

    def stage(
        self, stage: str, pages: Iterable[Sequence[T]], finish: Callable[[T], R], name: Callable[[T], str]
    ) -> Sequence[R]:
        """Work off what waits in a stage, in its share of the time: the results of what was finished."""
        with self._gateway.limit.share(_SHARES[stage]):
            work = WorkOff(self._store, self._gateway.limit, stage, finish, name=name, now=self._now, clock=self._clock)
            worked = work.run(pages)
        self.done.stuck += worked.stuck
        self.done.left += worked.left
        if worked.left:
            log.warning("left for the next run", extra={"stage": stage, "at_least": worked.left})
        return worked.results

    def note_unanswered(self, transactions: TransactionCheck) -> None:
        """Count what nobody has answered for an hour, and say of each what it is: a person looks at it at Stripe."""
        waiting = transactions.list_unanswered(self._now, UNANSWERED_FOR)
        renewals = [each for each in waiting if each.kind == "renewal"]
        self.done.payments_unanswered = len(waiting) - len(renewals)
        self.done.renewals_unanswered = len(renewals)
        self.done.renewals_unanswered_for_days = sum(self._now - each.created_at >= TRUST for each in renewals)
        for each in waiting:
            facts = {
                "account_id": each.account_id,
                "transaction_id": each.transaction_id,
                "kind": each.kind,
                "since": each.created_at.isoformat(),
            }
            log.error("not answered for an hour", extra=facts)


def _subject_of(events: Sequence[StripeEvent]) -> str:
    return events[0].subject
