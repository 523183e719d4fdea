"""From a notice to whoever it concerns: once each, through failures, crashes and disabled endpoints."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo

import pytest
from standardwebhooks.webhooks import Webhook

from billing.contracts.bus_events import BusEvent, bus_event, event_of
from billing.domain.account import Account
from billing.domain.delivery import ATTEMPT_LEASE, EMAIL, Answer, Delivery
from billing.domain.errors import Conflict
from billing.domain.money import Money
from billing.domain.notice_facts import AllowanceLow
from billing.domain.notices import Notice
from billing.domain.webhook_endpoint import secret_text
from billing.services.accounts import change_account
from billing.services.webhook_endpoints import EndpointChange, change_endpoint, replay_deliveries
from billing.store.accounts import Accounts
from billing.store.database import Database
from billing.store.store import Store
from billing.store.webhook_endpoints import WebhookSecretItem
from tests.builders import CALL_MINUTES, CUSTOMER, NOW, PERIOD_END, PERIOD_START, calls_feature, micros, plan
from tests.telling_house import PAYLOAD, SECRET, House, Killed
from tests.webhook_receiver import Receiver, running_receiver

NEWER = '{"source":"talktime","type":"account.flying","data":{"height":"10"}}'


LOW = AllowanceLow(
    account_id="acme",
    balance=Money(micros("5"), "USD"),
    plan_id="starter",
    plan_version=1,
    period_start=PERIOD_START,
    period_end=PERIOD_END,
    feature="call_minutes",
    percent=80,
    included="500",
)


@pytest.fixture(autouse=True)
def _verifier_at_now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The specification's verifier has a clock of its own, and refuses what is five minutes old: it stands at NOW."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Clock":
            return cls.fromtimestamp(NOW.timestamp(), tz)

    monkeypatch.setattr("standardwebhooks.webhooks.datetime", Clock)


@pytest.fixture
def house(database: Database) -> House:
    Accounts(database).create(Account("acme", CUSTOMER, "billing@acme.example", "USD", "en", NOW))
    return House(database)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def test_a_notice_reaches_each_endpoint_and_the_customer_once_however_often_it_is_heard(
    house: House, receiver: Receiver
) -> None:
    house.add_endpoint(receiver.url)
    house.add_endpoint(receiver.url, "we_2", "account.paused")
    house.add_endpoint(receiver.url, "we_3", "card.expiring")
    for _ in range(3):
        house.tell()
        house.work_off()
    assert receiver.ids == ["evt_1", "evt_1"]
    assert receiver.events(SECRET) == [event_of(PAYLOAD)] * 2
    assert [mail.to for mail in house.mails] == [("billing@acme.example",)]
    assert house.delivery().status == house.delivery("we_2").status == house.delivery(EMAIL).status == "delivered"


def test_a_mail_calls_a_feature_as_the_plan_does_and_its_key_where_that_is_gone(house: House) -> None:
    starter = house.store.plans.add_version(plan(calls_feature(included_minutes=500), plan_id="starter"), NOW)
    for number, plan_id in enumerate((starter.plan_id, "gone")):
        told = replace(LOW, plan_id=plan_id, plan_version=1)
        event = bus_event(Notice(f"cause-{number}", "acme", NOW, told))
        house.spread(event)
        house.work_off()
    named, bare = house.mails
    assert f"{CALL_MINUTES}: 80 % of what the plan of" in re.sub("[\u2068\u2069]", "", named.text)
    assert "Included: 500 minute." in re.sub("[\u2068\u2069]", "", named.text)
    assert "call_minutes: 80 % of what the plan of" in re.sub("[\u2068\u2069]", "", bare.text)


def test_a_notice_that_only_a_newer_release_has_words_for_is_no_mail_and_still_a_webhook(
    house: House, receiver: Receiver
) -> None:
    house.add_endpoint(receiver.url)
    house.spread(BusEvent("evt_1", "account.flying", "acme", NEWER))
    house.work_off()
    assert receiver.ids == ["evt_1"]
    assert house.mails == []


def test_a_mail_that_a_newer_release_made_waits_until_that_release_is_back(house: House) -> None:
    house.store.deliveries.add(Delivery(EMAIL, "evt_1", "account.flying", "acme", NEWER, created_at=NOW, due_at=NOW))
    house.sweep(NOW)
    waiting = house.delivery(EMAIL)
    assert (waiting.status, waiting.last_error) == ("pending", "this release has no words for the event")
    assert waiting.due_at is not None
    assert waiting.due_at > NOW
    assert house.mails == []


def test_a_message_that_the_queue_lost_is_taken_up_by_the_sweep(house: House, receiver: Receiver) -> None:
    house.add_endpoint(receiver.url)
    house.tell()
    house.queued.clear()
    assert house.sweep(NOW + timedelta(seconds=59)) == 0
    assert house.sweep(NOW + timedelta(seconds=60)) == 2
    assert receiver.ids == ["evt_1"]
    assert len(house.mails) == 1


def test_an_endpoint_that_is_down_and_comes_up_gets_what_it_missed(house: House, receiver: Receiver) -> None:
    house.add_endpoint(receiver.url)
    receiver.status = 503
    house.tell()
    house.work_off()
    assert (house.delivery().status, house.delivery().attempts) == ("pending", 1)
    assert house.endpoint().failing_since == NOW
    receiver.status = 200
    house.sweep(NOW + timedelta(minutes=2))
    assert (house.delivery().status, house.delivery().attempts) == ("delivered", 2)
    assert house.endpoint().failing_since is None
    assert receiver.ids == ["evt_1", "evt_1"]


def test_an_endpoint_that_is_failing_waits_for_the_sweep_and_holds_up_nobody(house: House, receiver: Receiver) -> None:
    house.add_endpoint(receiver.url)
    receiver.status = 503
    house.tell("evt_1")
    house.work_off()
    house.tell("evt_2")
    assert [wanted.destination for wanted in house.queued] == [EMAIL]
    receiver.status = 200
    house.sweep(NOW + timedelta(minutes=2))
    assert sorted(receiver.ids) == ["evt_1", "evt_1", "evt_2"]


def test_an_endpoint_that_fails_for_three_days_is_disabled_and_its_events_are_held(
    house: House, receiver: Receiver
) -> None:
    house.add_endpoint(receiver.url)
    receiver.status = 500
    house.tell()
    house.work_off()
    now = NOW
    while house.delivery().due_at is not None:
        now = house.delivery().due_at or now
        house.sweep(now)
    assert house.delivery().status == "failed"
    assert not house.endpoint().enabled
    assert house.endpoint().disabled_reason == "it has taken nothing for 3 days"
    attempts = len(receiver.received)
    house.tell("evt_2", now=now)
    house.work_off(now)
    assert house.delivery(event_id="evt_2").status == "held"
    assert len(receiver.received) == attempts


def test_what_a_disabled_endpoint_missed_is_replayed_once_it_is_enabled(house: House, receiver: Receiver) -> None:
    house.add_endpoint(receiver.url)
    change_endpoint(house.store, "we_1", EndpointChange(enabled=False), local=True)
    for number in range(3):
        house.tell(f"evt_{number}", now=NOW + timedelta(minutes=number))
    house.work_off()
    assert receiver.received == []
    since = {"since": NOW + timedelta(minutes=1), "include_delivered": False, "cursor": None, "now": NOW}
    with pytest.raises(Conflict):
        replay_deliveries(house.store, "we_1", **since)  # type: ignore[arg-type]
    change_endpoint(house.store, "we_1", EndpointChange(enabled=True), local=True)
    for replayed in (2, 0):
        found = replay_deliveries(house.store, "we_1", **since)  # type: ignore[arg-type]
        assert found == (replayed, None)
    house.sweep(NOW + timedelta(minutes=1))
    assert sorted(receiver.ids) == ["evt_1", "evt_2"]


def test_a_delivery_on_its_way_to_an_endpoint_that_was_disabled_is_held(house: House, receiver: Receiver) -> None:
    house.add_endpoint(receiver.url)
    house.tell()
    change_endpoint(house.store, "we_1", EndpointChange(enabled=False), local=True)
    house.work_off()
    assert house.delivery().status == "held"
    assert receiver.received == []


def test_a_delivery_on_its_way_to_an_endpoint_that_was_removed_is_given_up(house: House, receiver: Receiver) -> None:
    house.add_endpoint(receiver.url)
    house.tell()
    house.endpoints.remove("we_1")
    house.work_off()
    assert house.delivery().status == "failed"
    assert receiver.received == []


def test_nothing_is_sent_unsigned_where_an_endpoint_is_removed_at_this_moment(house: House, receiver: Receiver) -> None:
    house.add_endpoint(receiver.url)
    house.tell()
    house.database.delete(WebhookSecretItem, {"endpoint_id": "we_1"})
    house.work_off()
    assert house.delivery().status == "failed"
    assert receiver.received == []


def test_a_process_that_dies_after_sending_sends_again_under_the_same_id(house: House, receiver: Receiver) -> None:
    house.add_endpoint(receiver.url)
    house.tell()
    house.dies_after_sending = True
    with pytest.raises(Killed):
        house.work_off()
    house.queued.clear()
    assert house.sweep(NOW + ATTEMPT_LEASE - timedelta(seconds=1)) == 0
    assert receiver.ids == ["evt_1"]
    assert house.sweep(NOW + ATTEMPT_LEASE) == 1
    assert receiver.ids == ["evt_1", "evt_1"]
    assert house.delivery().status == "delivered"


def test_a_secret_is_rotated_without_a_gap(house: House, receiver: Receiver) -> None:
    house.add_endpoint(receiver.url)
    new = secret_text(bytes(32))
    assert house.endpoints.rotate_secret("we_1", new, NOW)
    house.tell("evt_1")
    house.work_off(NOW + timedelta(minutes=1))
    assert receiver.events(SECRET) == receiver.events(new)
    assert house.endpoints.secrets("we_1", NOW + timedelta(hours=23, minutes=59)) == [new, SECRET]
    assert house.endpoints.secrets("we_1", NOW + timedelta(hours=24)) == [new]


def test_a_mail_that_could_not_be_sent_is_tried_again_in_the_language_of_then(house: House) -> None:
    house.mail_answers = [Answer(error="MessageRejected: Email address is not verified.")]
    house.tell()
    house.work_off()
    assert house.delivery(EMAIL).status == "pending"
    change_account(Store(house.database), "acme", name=None, email="new@acme.example", language="ar")
    house.sweep(NOW + timedelta(minutes=2))
    (mail,) = house.mails
    assert mail.to == ("new@acme.example",)
    assert 'dir="rtl"' in mail.html


def test_a_signature_is_made_for_the_moment_of_each_attempt(house: House, receiver: Receiver) -> None:
    house.add_endpoint(receiver.url)
    receiver.status = 500
    house.tell(now=NOW - timedelta(minutes=4))
    house.work_off(NOW - timedelta(minutes=4))
    house.sweep(NOW)
    (_, first, body), (_, second, _) = receiver.received
    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 240
    assert first["webhook-signature"] != second["webhook-signature"]
    assert Webhook(SECRET).verify(body, second)
