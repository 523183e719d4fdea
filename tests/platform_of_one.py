"""An account on a plan in a real store, and what a test asks of its books."""

from dataclasses import replace
from datetime import datetime

from billing.domain.account import Account
from billing.domain.ledger import CARD_CLEARING, RECEIVABLE, USAGE_REVENUE, LedgerEntry
from billing.domain.plan import Plan
from billing.domain.subscription import check_quantities
from billing.domain.subscription_life import subscribe
from billing.domain.terms import Terms
from billing.domain.transaction import Transaction
from billing.domain.usage import UsageEvent
from billing.domain.wallet import Posted, Wallet
from billing.services.adjust_balance import adjust_balance
from billing.services.settle_usage import Outcome, UsageSettlement
from billing.store.daily_usage import DailyUsageItem
from billing.store.store import Store
from billing.store.transactions import HistoryFilter
from tests.builders import ADMINISTRATOR, CUSTOMER, NOW, PERIOD_START, WIRE, give_workspace, micros, received

PAGE = 100


class World(Store):
    """A store, and what a test does in it or asks of it, in short."""

    def wallet(self, account_id: str = "acme") -> Wallet:
        found = self.wallets.get(account_id)
        assert found is not None
        return found

    def entries(self, account_id: str = "acme") -> list[LedgerEntry]:
        """All entries, oldest first."""
        entries: list[LedgerEntry] = []
        cursor = None
        while True:
            page = self.books.page(account_id, PAGE, cursor)
            entries += page.items
            cursor = page.next_cursor
            if cursor is None:
                return entries[::-1]

    def history(self, account_id: str = "acme") -> list[Transaction]:
        """All transactions, newest first."""
        history: list[Transaction] = []
        cursor = None
        while True:
            page = self.transactions.page(account_id, PAGE, cursor, HistoryFilter())
            history += page.items
            cursor = page.next_cursor
            if cursor is None:
                return history

    def rejected_codes(self) -> list[str]:
        return sorted(event.code for event in self.rejected_events.page("open", PAGE, None).items)

    def daily_counters(self, account_id: str = "acme") -> dict[str, int]:
        """An account's daily rollups, added up."""
        answer = self.database.client.query(
            TableName=self.database.table(DailyUsageItem),
            KeyConditionExpression="account_id = :account",
            ExpressionAttributeValues={":account": {"S": account_id}},
        )
        totals: dict[str, int] = {}
        for item in answer["Items"]:
            for name, value in item.items():
                if "N" in value:
                    totals[name] = totals.get(name, 0) + int(value["N"])
        return totals

    def open_account(
        self, on: Plan, *, account_id: str = "acme", workspaces: tuple[str, ...] = ("42",), paid: str = "0"
    ) -> None:
        """An account on `on` since the start of the month, with `paid` credit."""
        self.accounts.create(Account(account_id, CUSTOMER, f"billing@{account_id}.example", "USD", "en", PERIOD_START))
        for workspace_id in workspaces:
            give_workspace(self.database, workspace_id, account_id)
        plan = self.current_version(on)
        before = self.wallet(account_id)
        terms = Terms(plan.plan_id, plan.version, check_quantities(plan, {}))
        opened = self.books.commit(before, Posted(subscribe(before, terms, PERIOD_START)))
        assert isinstance(opened, Wallet)
        if micros(paid):
            self.adjust(paid, "opening", account_id=account_id)

    def current_version(self, plan: Plan) -> Plan:
        """The plan as it is in the store, where it is written on first use."""
        current = self.plans.current(plan.plan_id)
        unchanged = current is not None and replace(current, version=plan.version) == plan
        return current if current is not None and unchanged else self.plans.add_version(plan, PERIOD_START)

    def adjust(self, amount: str, adjustment_id: str, *, account_id: str = "acme", now: datetime = NOW) -> None:
        adjust_balance(
            self,
            account_id,
            micros=micros(amount),
            reason=WIRE,
            by=ADMINISTRATOR,
            adjustment_id=adjustment_id,
            now=now,
        )

    def settle(self, *events: UsageEvent, now: datetime = NOW) -> Outcome:
        return UsageSettlement(self).settle_batch([received(event) for event in events], now)


def assert_books_balance(store: World, account_id: str = "acme") -> None:
    """What must hold for any account at any moment, whatever happened."""
    wallet, entries = store.wallet(account_id), store.entries(account_id)
    assert [entry.sequence for entry in entries] == list(range(1, wallet.sequence + 1)), "sequence has a gap"
    balance = 0
    for entry in entries:
        assert sum(posting.micros for posting in entry.postings) == 0, f"{entry.cause} does not balance"
        credit = sum(posting.micros for posting in entry.postings if posting.account.startswith("liability:"))
        assert entry.amount_micros == credit, f"{entry.cause} moves another amount than its postings"
        balance += entry.amount_micros
        assert entry.balance_after_micros == balance, f"{entry.cause} states a wrong balance"
    assert wallet.balance_micros == balance, "the balance is not the sum of its entries"
    assert_usage_is_what_the_lines_say(store, wallet, entries)
    assert_the_history_is_what_the_ledger_says(store.history(account_id), entries)


def assert_the_history_is_what_the_ledger_says(history: list[Transaction], entries: list[LedgerEntry]) -> None:
    """Each paid row of the billing history is money in the ledger, and no other money came in, by card or by hand."""

    def moved(account: str, *kinds: str) -> int:
        chosen = [entry for entry in entries if entry.kind in kinds]
        return sum(each.micros for entry in chosen for each in entry.postings if each.account == account)

    payments = [each for each in history if each.is_payment and each.status == "Paid"]
    came_in = -moved(CARD_CLEARING, "payment", "renewal", "plan_change")
    assert came_in == sum(each.amount_micros for each in payments), "cards paid another sum than the history says"
    gone_back = moved(CARD_CLEARING, "refund")
    assert gone_back == sum(each.refunded_micros for each in payments), "another sum was refunded than the history says"
    from_credit = [each for each in history if each.is_paid_from_credit]
    spent = -sum(entry.amount_micros for entry in entries if entry.kind == "renewal" and entry.amount_micros < 0)
    assert spent == sum(each.amount_micros for each in from_credit), "credit paid another sum than the history says"
    by_hand = [each for each in history if each.kind == "adjustment"]
    assert {(each.status, each.check_at, each.card) for each in by_hand} <= {("Paid", None, None)}
    assert -moved(RECEIVABLE, "adjustment") == sum(each.amount_micros for each in by_hand)
    posted = [(entry.posted_at, entry.amount_micros) for entry in entries if entry.kind == "adjustment"]
    assert sorted(posted) == sorted((each.created_at, each.amount_micros) for each in by_hand)


def assert_usage_is_what_the_lines_say(store: World, wallet: Wallet, entries: list[LedgerEntry]) -> None:
    """The allowance drawn, the charges and the daily rollups all follow from the lines of the entries."""
    used: dict[str, int] = {}
    bought: dict[str, int] = {}
    rolled_up: dict[str, int] = {}
    for entry in entries:
        if entry.usage is None:
            continue
        earned = sum(posting.micros for posting in entry.postings if posting.account == USAGE_REVENUE)
        assert earned == sum(line.amount_micros for line in entry.usage.lines)
        for line in entry.usage.lines:
            parts = line.included_millionths + line.overage_millionths + line.pay_as_you_go_millionths
            assert parts == line.billed_millionths, f"{entry.cause} is not paid in full"
            used[line.feature] = used.get(line.feature, 0) + line.billed_millionths
            priced = line.overage_millionths + line.pay_as_you_go_millionths
            bought[line.feature] = bought.get(line.feature, 0) + priced
            for letter, value in (
                ("n", int(entry.kind == "usage")),
                ("q", line.quantity_millionths),
                ("i", line.included_millionths),
                ("o", line.overage_millionths),
                ("p", line.pay_as_you_go_millionths),
                ("a", line.amount_micros),
            ):
                name = f"{line.feature}|{letter}"
                rolled_up[name] = rolled_up.get(name, 0) + value
    # A wallet knows two periods; what was used before them, reset, or used in no paid period is in the lines only.
    if not {"plan_change", "renewal", "usage_reset"} & {entry.kind for entry in entries}:
        on = wallet.subscription
        periods = [] if on is None else [each for each in (on.period, on.previous_period) if each is not None]
        all_used = {key: sum(period.used_of(key) for period in periods) for key in used}
        assert all_used == used, "what was used is not what the lines say"
        all_bought = {key: sum(period.bought_of(key) for period in periods) for key in bought}
        assert all_bought == bought, "what was bought is not what the lines say"
    counters = store.daily_counters(wallet.account_id)
    assert {name: counters.get(name, 0) for name in rolled_up} == rolled_up, "a day's usage is not what the lines say"
