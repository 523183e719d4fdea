"""What a renewal tells the customer: one mail, from the streams of all tables that it changed to the mailbox."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from billing.contracts.bus_events import bus_event
from billing.domain.billing_details import BillingDetails
from billing.domain.delivery import EMAIL, Delivery
from billing.services.accounts import set_billing_details
from billing.services.adjust_balance import adjust_balance
from billing.services.cards import remove_card
from billing.services.lock_account import lock_account
from billing.services.relay_changes import RELAYED_TABLES, notices_of
from billing.services.sellers import put_seller
from billing.store.all_tables import ALL_TABLES
from billing.store.database import Database
from billing.store.row_changes import RowChange, read_change
from billing.words.write_email import Email
from infra.local.emulator import REGION, Emulator
from tests.builders import ADMINISTRATOR, CUSTOMER, NOW, WIRE, micros
from tests.documented import issue, seller
from tests.paying_account import Paying
from tests.subscriber import FREE, RENEWAL, Subscriber
from tests.telling_house import House

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

WHO = f"\u2068{CUSTOMER}\u2069"
"""The customer's name as a mail shows it: in a direction of its own."""
PAID, UNPAID, LOCKED = (
    f"We received USD 30.00 for {WHO}",
    f"The subscription of {WHO} is not paid",
    f"{WHO} is locked: the subscription is not paid",
)
TRIES = [RENEWAL + timedelta(days=days) for days in (0, 1, 3, 7)]


@pytest.fixture
def database(dynamodb: "DynamoDBClient") -> Database:
    """A store in the test's own account, whose streams can be read."""
    return Database(
        dynamodb, {model.Meta.table_name: model.Meta.table_name for model in ALL_TABLES}, pause=lambda _: None
    )


@dataclass(frozen=True)
class Told:
    """All that was ever told of the changes of the tables, as the relay and those behind it tell it."""

    streams: Any
    house: House

    @property
    def mails(self) -> list[Email]:
        """All mails so far, oldest first within a table."""
        for change in self._changes():
            for notice in notices_of(change):
                self.house.spread(bus_event(notice))
        self.house.work_off()
        # A payment's mail waits for its receipt. There is no seller here, so that it goes without.
        self.house.sweep(NOW + timedelta(minutes=12))
        return self.house.mails

    @property
    def deliveries(self) -> list[Delivery]:
        """Of mails, told or not."""
        notices = [notice for change in self._changes() for notice in notices_of(change)]
        found = [self.house.store.deliveries.get(EMAIL, notice.notice_id) for notice in notices]
        return [each for each in found if each is not None]

    @property
    def subjects(self) -> Counter[str]:
        return Counter(mail.subject for mail in self.mails)

    @property
    def types(self) -> Counter[str]:
        return Counter(notice.type for change in self._changes() for notice in notices_of(change))

    def mail(self, subject: str) -> str:
        (found,) = (mail.text for mail in self.mails if mail.subject == subject)
        return found

    def _changes(self) -> Iterator[RowChange]:
        for table in RELAYED_TABLES:
            (stream,) = self.streams.list_streams(TableName=table)["Streams"]
            for shard in self.streams.describe_stream(StreamArn=stream["StreamArn"])["StreamDescription"]["Shards"]:
                begin = self.streams.get_shard_iterator(
                    StreamArn=stream["StreamArn"], ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
                )
                for record in self.streams.get_records(ShardIterator=begin["ShardIterator"])["Records"]:
                    row = record["dynamodb"]
                    yield read_change(
                        table, row.get("OldImage"), row.get("NewImage"), row["ApproximateCreationDateTime"]
                    )


@pytest.fixture
def told(emulator: Emulator, account: str, database: Database, request: pytest.FixtureRequest) -> Told:
    if request.config.getoption("--dynamodb-local"):
        pytest.skip("DynamoDB Local leaves out in its streams that an empty map is a map: wallets cannot be read")
    aws = boto3.Session(aws_access_key_id=account, aws_secret_access_key="unused", region_name=REGION)
    return Told(aws.client("dynamodbstreams", endpoint_url=emulator.url), House(database))


@pytest.fixture
def acme(paying: Paying) -> Subscriber:
    return Subscriber(paying).subscribed()


def test_a_declined_renewal_is_one_mail_that_says_how_much_which_card_why_and_what_comes(
    acme: Subscriber, told: Told
) -> None:
    acme.paying.behave("insufficient_funds")
    assert acme.sweep(RENEWAL) == ["declined"]
    assert told.subjects == {PAID: 1, UNPAID: 1}
    text = told.mail(UNPAID)
    for fact in ("for USD 30.00", "visa •••• 4242", "insufficient funds", "again on 24 Dec 2026"):
        assert fact in text
    assert acme.renewals[0].transaction_id in text


def test_webhooks_still_hear_of_the_payment_and_of_the_subscription(acme: Subscriber, told: Told) -> None:
    acme.paying.behave("insufficient_funds")
    acme.sweep(RENEWAL)
    assert told.types == {"payment.succeeded": 1, "payment.failed": 1, "subscription.past_due": 1}
    acme.paying.behave("succeed")
    acme.sweep(TRIES[1])
    assert told.types == {
        "payment.succeeded": 2,
        "payment.failed": 1,
        "subscription.past_due": 1,
        "subscription.renewed": 1,
    }


def test_a_month_that_cannot_be_paid_is_a_mail_a_try_and_the_last_one_says_that_calls_are_refused(
    acme: Subscriber, told: Told
) -> None:
    acme.paying.behave("insufficient_funds")
    for moment in TRIES:
        acme.sweep(moment)
    assert acme.wallet.status == "locked"
    assert told.subjects == {PAID: 1, UNPAID: 3, LOCKED: 1}
    assert "for USD 30.00 could not be paid, and this was the last try" in told.mail(LOCKED)


def test_the_last_try_is_told_also_where_an_administrator_had_locked_the_account(acme: Subscriber, told: Told) -> None:
    lock_account(acme.paying.store, "acme", "under review")
    acme.paying.behave("insufficient_funds")
    for moment in TRIES:
        acme.sweep(moment)
    assert told.subjects == {PAID: 1, f"{WHO} is locked": 1, UNPAID: 3, LOCKED: 1}


def test_a_month_without_a_card_is_one_mail_that_asks_for_one(acme: Subscriber, told: Told) -> None:
    remove_card(acme.paying.store, acme.paying.gateway, "acme", acme.paying.cards[0].payment_method_id)
    assert acme.sweep(RENEWAL) == ["declined"]
    assert told.subjects == {PAID: 1, UNPAID: 1}
    assert "There is no card to charge. Add one." in told.mail(UNPAID)
    assert "Card:" not in told.mail(UNPAID)


def test_a_paid_renewal_is_one_mail_that_says_what_was_paid_and_until_when(acme: Subscriber, told: Told) -> None:
    assert acme.sweep(RENEWAL) == ["paid"]
    assert told.subjects == {PAID: 2}
    assert [("renewed until 23 Jan 2027" in mail.text) for mail in told.mails] == [False, True]


def issue_all(acme: Subscriber, *, now: datetime = NOW) -> None:
    """What the queue of payments does."""
    issue(acme.paying.store, *acme.paying.store.history(), now=now)


def test_a_payment_is_one_mail_that_carries_the_receipts_number_and_a_link(acme: Subscriber, told: Told) -> None:
    put_seller(acme.paying.store, replace(seller(), billing_url="https://agency.example/bills"))
    issue_all(acme, now=NOW + timedelta(seconds=3))
    subject = f"{PAID}: receipt TT-2026-000001"
    assert told.subjects == {subject: 1}
    assert "https://agency.example/bills?account=acme" in told.mail(subject)
    assert told.types == {"payment.succeeded": 1, "receipt.issued": 1}
    (waiting,) = (each for each in told.deliveries if each.event_type == "payment.succeeded")
    assert (waiting.status, waiting.last_error) == ("delivered", "the mail with receipt TT-2026-000001 told it")


@pytest.mark.parametrize("minutes", [10, 11, 60 * 24 * 400])
def test_a_receipt_that_comes_too_late_is_not_mailed_since_the_payment_was(
    acme: Subscriber, told: Told, minutes: int
) -> None:
    put_seller(acme.paying.store, seller())
    issue_all(acme, now=NOW + timedelta(minutes=minutes))
    assert told.subjects == {PAID: 1}
    assert told.types["receipt.issued"] == 1, "webhooks hear of it all the same"


def test_a_refund_is_one_mail_that_names_credit_note_and_receipt(acme: Subscriber, told: Told) -> None:
    put_seller(acme.paying.store, seller())
    issue_all(acme)
    (paid,) = acme.paying.history
    acme.paying.refund(paid.transaction_id, "10.00")
    (refunded,) = acme.paying.history[0].refunds
    issue_all(acme, now=refunded.created_at + timedelta(seconds=3))
    subject = f"We refunded USD 10.00 to {WHO}: credit note TT-CN-2026-000001"
    assert told.subjects == {f"{PAID}: receipt TT-2026-000001": 1, subject: 1}
    assert "It belongs to receipt TT-2026-000001." in told.mail(subject)
    assert told.types["payment.refunded"] == 1


def test_money_that_came_by_wire_is_told_as_a_payment_and_goodwill_is_not(acme: Subscriber, told: Told) -> None:
    store = acme.paying.store
    put_seller(store, seller())
    issue_all(acme)
    for received, amount in ((True, "500"), (False, "7")):
        adjust_balance(
            store,
            "acme",
            micros=micros(amount),
            reason=WIRE,
            by=ADMINISTRATOR,
            adjustment_id=amount,
            now=NOW,
            received=received,
        )
    issue_all(acme)
    wired = f"We received USD 500.00 for {WHO}: receipt TT-2026-000002"
    assert told.subjects == {f"{PAID}: receipt TT-2026-000001": 1, wired: 1}
    assert "Paid with" not in told.mail(wired)


def test_mails_go_to_the_addresses_of_the_billing_details(acme: Subscriber, told: Told) -> None:
    addresses = ("books@acme.example", "cfo@acme.example")
    set_billing_details(acme.paying.store, "acme", BillingDetails(emails=addresses))
    assert {mail.to for mail in told.mails} == {addresses}


def test_a_month_that_costs_nothing_is_told_as_renewed(paying: Paying, told: Told) -> None:
    free = Subscriber(paying)
    free.put(FREE)
    assert free.sweep(RENEWAL) == ["moved"]
    assert told.subjects == {f"The subscription of {WHO} is renewed": 1}
