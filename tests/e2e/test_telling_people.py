"""A change of an account reaches the platform's webhook and the customer's mailbox, through all that is deployed."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from standardwebhooks.webhooks import Webhook

from billing.contracts.bus_events import BUS_SOURCE
from infra.local.deploy import Outputs, session
from infra.local.mail import collect_mail, sent_mails
from infra.stages import LOCAL
from tests.patience import until
from tests.webhook_receiver import Receiver, running_receiver

if TYPE_CHECKING:
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def secret(api: httpx.Client, receiver: Receiver) -> Iterator[str]:
    """The secret of an endpoint at the receiver, for what is told here: other accounts' payments may still be told."""
    events = ["account.paused", "account.resumed", "balance.low", "usage.rejected"]
    created = api.post("/v1/webhook-endpoints", json={"url": receiver.url, "description": "e2e", "events": events})
    assert created.status_code == 201, created.text
    yield created.json()["secret"]
    api.delete(f"/v1/webhook-endpoints/{created.json()['endpoint_id']}")


def open_account(api: httpx.Client, language: str = "en") -> str:
    account_id = f"told-{uuid4().hex[:8]}"
    body = {
        "account_id": account_id,
        "name": "Told & Sons",
        "email": f"{account_id}@customer.example",
        "currency": "USD",
        "language": language,
    }
    assert api.post("/v1/accounts", json=body).status_code == 201
    return account_id


def adjust(api: httpx.Client, account_id: str, amount: str) -> None:
    body = {"amount": amount, "reason": "wire", "by": "ops@platform.example"}
    headers = {"idempotency-key": uuid4().hex}
    assert api.post(f"/v1/accounts/{account_id}/adjustments", json=body, headers=headers).status_code == 201


def eventually(read: Callable[[], list[Any]], count: int) -> list[Any]:
    """What `read` finds once it is `count` things or more."""
    return until(lambda: found if len(found := read()) >= count else None)


def events_of(receiver: Receiver, secret: str, account_id: str) -> list[Any]:
    verified = (Webhook(secret).verify(body, headers) for _, headers, body in list(receiver.received))
    return [event for event in verified if event.get("subject") == account_id]


def mails_to(platform: Outputs, account_id: str) -> list[Any]:
    return [mail for mail in sent_mails(platform) if mail["To"] == [f"{account_id}@customer.example"]]


def test_a_pause_and_its_end_are_told_to_the_platform_and_the_customer(
    platform: Outputs, api: httpx.Client, receiver: Receiver, secret: str, tmp_path: Path
) -> None:
    account_id = open_account(api)
    adjust(api, account_id, "-0.035")
    adjust(api, account_id, "50")
    events = eventually(lambda: events_of(receiver, secret, account_id), 2)
    told = {event["type"]: event for event in events}
    assert told.keys() == {"account.paused", "account.resumed"}
    assert told["account.paused"]["data"]["balance"] == {"amount": "-0.035000", "currency": "USD"}
    assert told["account.paused"]["sequence"] < told["account.resumed"]["sequence"]
    mails = eventually(lambda: mails_to(platform, account_id), 2)
    assert {mail["Subject"] for mail in mails} == {
        "Calls are paused for Told & Sons",
        "Calls may start again for Told & Sons",
    }
    files = [message_from_bytes(file.read_bytes(), policy=default) for file in collect_mail(platform, tmp_path)]
    collected = [str(each["subject"]) for each in files if each["to"] == f"{account_id}@customer.example"]
    assert sorted(collected) == sorted(mail["Subject"] for mail in mails)
    # Others' mails may come at any moment; what is there already is not written again.
    again = [message_from_bytes(file.read_bytes(), policy=default) for file in collect_mail(platform, tmp_path)]
    assert [each for each in again if each["to"] == f"{account_id}@customer.example"] == []


def test_who_may_put_usage_on_its_bus_tells_nobody_anything(
    platform: Outputs, api: httpx.Client, receiver: Receiver, secret: str
) -> None:
    """A forged event of the product's own comes before the real one, and neither takes its place nor is told."""
    account_id = open_account(api)
    adjust(api, account_id, "-0.035")
    (paused,) = eventually(lambda: events_of(receiver, secret, account_id), 1)
    forged = {**paused, "id": uuid4().hex, "type": "account.resumed", "data": {**paused["data"], "status": "active"}}
    events = session().client("events", endpoint_url=platform.aws_url)
    for event in (forged, {**paused, "id": uuid4().hex}):
        entry: PutEventsRequestEntryTypeDef = {
            "EventBusName": platform.usage_bus,
            "Source": BUS_SOURCE,
            "DetailType": str(event["type"]),
            "Detail": json.dumps(event),
        }
        assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
    adjust(api, account_id, "50")
    told = eventually(lambda: events_of(receiver, secret, account_id), 2)
    assert sorted(event["type"] for event in told) == ["account.paused", "account.resumed"]
    assert forged["id"] not in {event["id"] for event in told}
    assert len(eventually(lambda: mails_to(platform, account_id), 2)) == 2


def test_a_low_balance_is_told_once_in_the_language_of_the_account(
    platform: Outputs, api: httpx.Client, receiver: Receiver, secret: str
) -> None:
    account_id = open_account(api, language="ar")
    adjust(api, account_id, "30")
    thresholds = api.put(f"/v1/accounts/{account_id}/balance-alerts", json={"thresholds": ["20.00", "5.00"]})
    assert thresholds.status_code == 200, thresholds.text
    for amount in ("-12", "-1", "-1"):
        adjust(api, account_id, amount)
    (event,) = eventually(lambda: events_of(receiver, secret, account_id), 1)
    assert event["type"] == "balance.low"
    assert event["data"]["threshold"]["amount"] == "20.000000"
    (mail,) = eventually(lambda: mails_to(platform, account_id), 1)
    assert 'dir="rtl"' in mail["BodyHtml"]
    assert f'href="{LOCAL.billing_url}?account={account_id}"' in mail["BodyHtml"]


def test_a_rejected_event_is_told_to_the_platform(api: httpx.Client, receiver: Receiver, secret: str) -> None:
    sent = {
        "specversion": "1.0",
        "id": uuid4().hex,
        "source": "/voice/eu-1",
        "type": "call.ended",
        "data": {
            "call_id": "c-1",
            "workspace_id": "nobody-s",
            "started_at": "2026-11-23T09:09:50Z",
            "ended_at": "2026-11-23T09:15:02Z",
        },
    }
    answer = api.post("/v1/events", json=sent)
    assert answer.status_code == 202, answer.text

    def codes() -> list[str]:
        """Once an hour and reason: another event of this hour may have been told in the place of this one."""
        verified = (Webhook(secret).verify(body, headers) for _, headers, body in list(receiver.received))
        rejected = [event["data"]["code"] for event in verified if event["type"] == "usage.rejected"]
        return [code for code in rejected if code == "unknown_workspace"]

    assert eventually(codes, 1)


def test_an_endpoint_that_was_down_gets_what_it_missed_when_the_schedule_comes(
    platform: Outputs, api: httpx.Client, receiver: Receiver, secret: str
) -> None:
    receiver.status = 503
    account_id = open_account(api)
    adjust(api, account_id, "-1")
    (missed,) = eventually(lambda: events_of(receiver, secret, account_id), 1)
    receiver.status = 200
    lambda_ = session().client("lambda", endpoint_url=platform.aws_url)

    def deliveries() -> list[Any]:
        """The deliveries of what was missed that are done with, after a run of the schedule in two minutes."""
        moment = (datetime.now(UTC) + timedelta(minutes=2)).isoformat()
        lambda_.invoke(FunctionName=platform.functions["deliver"], Payload=json.dumps({"time": moment}))
        (endpoint,) = (each for each in api.get("/v1/webhook-endpoints").json()["items"] if each["url"] == receiver.url)
        items = api.get(f"/v1/webhook-endpoints/{endpoint['endpoint_id']}/deliveries").json()["items"]
        return [item for item in items if item["event_id"] == missed["id"] and item["status"] == "delivered"]

    (delivery,) = eventually(deliveries, 1)
    assert delivery["attempts"] == 2
    first, second = events_of(receiver, secret, account_id)
    assert first == second


def test_what_was_delivered_can_be_looked_up(api: httpx.Client, receiver: Receiver, secret: str) -> None:
    account_id = open_account(api)
    adjust(api, account_id, "-1")
    (event,) = eventually(lambda: events_of(receiver, secret, account_id), 1)
    (endpoint,) = (each for each in api.get("/v1/webhook-endpoints").json()["items"] if each["url"] == receiver.url)

    def delivered() -> list[Any]:
        items = api.get(f"/v1/webhook-endpoints/{endpoint['endpoint_id']}/deliveries").json()["items"]
        return [item for item in items if item["event_id"] == event["id"] and item["status"] == "delivered"]

    (delivery,) = eventually(delivered, 1)
    assert (delivery["type"], delivery["attempts"], delivery["last_status"]) == ("account.paused", 1, 200)
