"""The webhook's front door: what is Stripe's comes in, once; everything else stays out."""

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import stripe

from billing.api.edge_stripe import StripeWebhook
from billing.api.stripe_webhook import read_event
from billing.contracts.stripe_queue import decode, encode
from billing.domain.stripe_event import StripeEvent
from billing.payments.settings import StripeNotConfigured, parse_webhook_secrets
from billing.payments.signature import TOLERANCE, SignatureInvalid, check_signature
from billing.runtime.settings import load
from billing.runtime.stripe_access import webhook_secrets
from billing.services.take_stripe_event import StripeQueueUnavailable, take_stripe_event
from billing.store.database import Database
from billing.store.store import Store
from infra.local.stripe_simulator.schema import check_event
from infra.paths import EVENTS
from tests.builders import NOW
from tests.described import description
from tests.paying_account import signature

OLD, NEW = "whsec_old", "whsec_new"
BODY = (EVENTS / "stripe" / "payment_intent_succeeded.json").read_text()


@pytest.mark.parametrize("secret", [OLD, NEW])
def test_either_of_two_secrets_opens_during_a_rotation(secret: str) -> None:
    check_signature(BODY, signature(BODY, secret, NOW), (OLD, NEW), NOW)


def test_stripe_signs_with_both_secrets_and_one_that_fits_is_enough() -> None:
    both = signature(BODY, "whsec_gone", NOW) + "," + signature(BODY, NEW, NOW).partition(",")[2]
    check_signature(BODY, both, (NEW,), NOW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=00",
        "v1=00",
        f"t={int(NOW.timestamp())}",
        f"t={int(NOW.timestamp())},v1=",
        f"t={int(NOW.timestamp())},v0=" + signature(BODY, OLD, NOW).partition("v1=")[2],
        f"t={int(NOW.timestamp())},t=1,v1=" + signature(BODY, OLD, NOW).partition("v1=")[2],
        signature(BODY, "whsec_other", NOW),
        signature(BODY + " ", OLD, NOW),
        "t=\u0661,v1=\u0661",
        f"t={'9' * 400},v1=00",
    ],
)
def test_a_header_that_proves_nothing_is_refused(header: str) -> None:
    with pytest.raises(SignatureInvalid):
        check_signature(BODY, header, (OLD,), NOW)


@pytest.mark.parametrize("skew", [TOLERANCE, -TOLERANCE])
def test_five_minutes_either_way_are_tolerated_and_a_second_more_is_not(skew: timedelta) -> None:
    check_signature(BODY, signature(BODY, OLD, NOW + skew), (OLD,), NOW)
    second = timedelta(seconds=1 if skew > timedelta() else -1)
    with pytest.raises(SignatureInvalid):
        check_signature(BODY, signature(BODY, OLD, NOW + skew + second), (OLD,), NOW)


def test_what_we_take_the_sdk_takes_too() -> None:
    now = datetime.now(UTC)
    header = signature(BODY, OLD, now)
    check_signature(BODY, header, (OLD,), now)
    assert stripe.Webhook.construct_event(BODY, header, OLD)["id"]
    with pytest.raises(stripe.SignatureVerificationError):
        stripe.Webhook.construct_event(BODY, header, NEW)


@pytest.mark.parametrize("said", ["", " ", "whsec_a,", ",whsec_a", "whsec_a,,whsec_b"])
def test_an_empty_secret_refuses_to_start(said: str) -> None:
    with pytest.raises(StripeNotConfigured):
        parse_webhook_secrets(said)
    with pytest.raises(StripeNotConfigured):
        webhook_secrets(load({"STRIPE_WEBHOOK_SECRETS": said}))


def test_an_event_is_queued_until_it_is_done_with_and_never_after(database: Database) -> None:
    store, sent = Store(database), list[StripeEvent]()
    event = StripeEvent("evt_1", "payment_intent.succeeded", "pi_1")
    assert take_stripe_event(store, sent.append, event, NOW)
    assert take_stripe_event(store, sent.append, event, NOW), "the first delivery may have died before it was queued"
    store.stripe_inbox.done("evt_1")
    assert not take_stripe_event(store, sent.append, event, NOW)
    assert sent == [event, event]
    assert decode(encode(event)) == event


class Door:
    """The webhook over a store; what it queues is kept."""

    def __init__(self, database: Database) -> None:
        self.queued: list[StripeEvent] = []
        self._webhook = StripeWebhook(Store(database), self.queued.append, lambda: (OLD, NEW))

    def post(self, body: str, *, secret: str = OLD, header: str | None = None, encoded: bool = False) -> Any:
        signed = signature(body, secret, datetime.now(UTC)) if header is None else header
        sent = base64.b64encode(body.encode()).decode() if encoded else body
        event = {"headers": {"stripe-signature": signed}, "body": sent, "isBase64Encoded": encoded}
        answer = self._webhook.respond(event, datetime.now(UTC))
        description().check("POST", "/webhooks/stripe", answer["statusCode"], answer["headers"], answer["body"])
        return answer["statusCode"]


@pytest.fixture
def door(database: Database) -> Door:
    return Door(database)


@pytest.mark.parametrize("encoded", [False, True])
def test_a_signed_event_is_queued_and_acknowledged(door: Door, *, encoded: bool) -> None:
    assert door.post(BODY, encoded=encoded) == 200
    (event,) = door.queued
    assert (event.type, event.object_id) == ("payment_intent.succeeded", json.loads(BODY)["data"]["object"]["id"])


def test_an_unsigned_event_is_refused_and_nothing_is_queued(door: Door) -> None:
    assert door.post(BODY, header="t=1,v1=0") == 400
    assert door.post(BODY, secret="whsec_other") == 400
    assert door.queued == []


@pytest.mark.parametrize(
    "changed",
    [{"type": "invoice.created"}, {"account": "acct_connected"}],
    ids=["a kind nothing follows from", "a connected account's"],
)
def test_what_is_not_ours_is_acknowledged_and_ignored(door: Door, changed: dict[str, str]) -> None:
    assert door.post(json.dumps(json.loads(BODY) | changed)) == 200
    assert door.queued == []


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"id": 1, "type": "charge.refunded", "data": {"object": {"id": 2}}}']
)
def test_a_signed_body_that_is_no_event_is_refused(door: Door, body: str) -> None:
    assert door.post(body) == 400
    assert door.queued == []


def test_an_event_that_could_not_be_queued_is_not_acknowledged(database: Database) -> None:
    def unreachable(_: StripeEvent) -> None:
        raise StripeQueueUnavailable("no answer")

    webhook = StripeWebhook(Store(database), unreachable, lambda: (OLD,))
    signed = {"headers": {"stripe-signature": signature(BODY, OLD, NOW)}, "body": BODY}
    answer = webhook.respond(signed, NOW)
    assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (503, "store_unavailable")


_WITHOUT_THE_SDK = """
import sys
import billing.api.edge_stripe, billing.payments.signature, billing.runtime.stripe_access
import billing.runtime.stripe_queue, billing.services.take_stripe_event
sys.exit("stripe" in sys.modules)
"""


def test_the_webhook_answers_without_the_stripe_sdk() -> None:
    assert subprocess.run([sys.executable, "-c", _WITHOUT_THE_SDK], check=False).returncode == 0


@pytest.mark.parametrize("sample", sorted((EVENTS / "stripe").glob("*.json")), ids=lambda sample: sample.stem)
def test_each_sample_is_an_event_as_stripe_describes_it_and_one_that_is_handled(sample: Path) -> None:
    event = json.loads(sample.read_text())
    check_event(event)
    read = read_event(sample.read_text())
    assert read is not None
    assert (read.type.replace(".", "_"), read.object_id) == (sample.stem, event["data"]["object"]["id"])
