"""events/bus/: each of the product's own events has a schema and a sample, and what is told matches its schema."""

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator
from referencing import Registry, Resource

from billing.contracts.bus_events import BUS_SOURCE, bus_event, cloud_event, facts_of, read_bus_event
from billing.contracts.json_text import compact
from billing.domain.card import Card
from billing.domain.declines import Failure
from billing.domain.low_allowance import Told
from billing.domain.notice_facts import AccountLocked, SubscriptionPastDue
from billing.domain.notice_types import NOTICE_TYPES
from billing.domain.notices import (
    Notice,
    of_card,
    of_document,
    of_rejected_event,
    of_transaction,
    of_wallet,
    of_webhook_endpoint,
)
from billing.domain.rejection import reject
from billing.domain.transaction import CardFace, Refund, Transaction, TransactionKind
from billing.domain.wallet import Refill, Wallet
from billing.domain.webhook_endpoint import WebhookEndpoint
from infra import bus_schemas
from tests.builders import NOW, PERIOD_END, change, change_period, dunning, micros, period_of, plan, wallet
from tests.contract.document_samples import CREDIT_NOTE, RECEIPT

BUS = Path(__file__).parents[2] / "events" / "bus"
ENVELOPE = json.loads((BUS / "envelope.schema.json").read_text())
REGISTRY: Registry[Any] = Registry().with_resource(ENVELOPE["$id"], Resource.from_contents(ENVELOPE))
PROMISED = {
    "account.paused",
    "account.resumed",
    "account.locked",
    "balance.low",
    "payment.succeeded",
    "payment.failed",
    "auto_refill.suspended",
    "subscription.renewed",
    "subscription.past_due",
    "subscription.canceled",
    "card.expiring",
    "dispute.opened",
    "usage.rejected",
}


def schema_of(event_type: str) -> Any:
    return json.loads((BUS / f"{event_type}.schema.json").read_text())


def check(event: Any) -> None:
    Draft202012Validator(schema_of(event["type"]), registry=REGISTRY).validate(event)


def test_every_promised_event_and_no_unknown_one_has_a_schema_and_a_sample_beside_the_envelope() -> None:
    assert set(NOTICE_TYPES) >= PROMISED
    assert {path.name for path in BUS.iterdir()} == {
        f"{event_type}{ending}" for event_type in NOTICE_TYPES for ending in (".json", ".schema.json")
    } | {"envelope.schema.json"}


def test_schemas_and_samples_are_what_the_code_says() -> None:
    committed = {path.name: path.read_text(encoding="utf-8") for path in BUS.iterdir()}
    differing = {name for name, _ in committed.items() ^ bus_schemas.files().items()}
    assert not differing, "run: make schemas"


def test_writing_the_schemas_takes_away_those_of_a_type_that_is_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus_schemas, "BUS", tmp_path)
    (tmp_path / "account.flying.json").touch()
    bus_schemas.main()
    assert {path.name for path in tmp_path.iterdir()} == bus_schemas.files().keys()


@pytest.mark.parametrize("event_type", NOTICE_TYPES)
def test_an_event_says_what_its_schema_knows_and_nothing_else(event_type: str) -> None:
    sample = json.loads((BUS / f"{event_type}.json").read_text())
    judge = Draft202012Validator(schema_of(event_type), registry=REGISTRY)
    for name in sample:
        assert not judge.is_valid({each: sample[each] for each in sample if each != name}), f"without {name}"
    absent = {"subject": "acme", "sequence": "0" * 20, "mood": "sad"}
    for name in absent.keys() - sample.keys():
        assert not judge.is_valid({**sample, name: absent[name]}), f"with {name}"
    assert not judge.is_valid({**sample, "data": {**sample["data"], "mood": "sad"}})


@pytest.mark.parametrize("event_type", NOTICE_TYPES)
def test_a_sample_matches_its_schema(event_type: str) -> None:
    schema = schema_of(event_type)
    Draft202012Validator.check_schema(schema)
    sample = json.loads((BUS / f"{event_type}.json").read_text())
    assert sample["type"] == event_type
    check(sample)


@pytest.mark.parametrize("event_type", ["payment.failed", "payment.refunded", "dispute.opened"])
def test_what_is_told_of_payments_is_of_every_kind_that_a_card_pays(event_type: str) -> None:
    kinds = schema_of(event_type)["properties"]["data"]["properties"]["kind"]["enum"]
    assert set(kinds) == set(get_args(TransactionKind)) - {"adjustment"}


@pytest.mark.parametrize("event_type", ["payment.succeeded", "receipt.issued"])
def test_money_that_arrived_is_also_what_a_person_recorded_as_received(event_type: str) -> None:
    kinds = schema_of(event_type)["properties"]["data"]["properties"]["kind"]["enum"]
    assert set(kinds) == set(get_args(TransactionKind))


def told() -> list[Notice]:
    """Notices of every type that a change of a table makes."""
    subscribed = wallet(on=plan(), paid="30", alert_thresholds=(micros("20"),), version=1)
    next_period = replace(period_of(subscribed), start=PERIOD_END, end=PERIOD_END + timedelta(days=31))
    suspended = Refill(enabled=True, suspended="expired_card")
    unpaid = dunning(NOW, 1, NOW + timedelta(days=1))
    changes: list[tuple[Wallet, Wallet]] = [
        (subscribed, replace(subscribed, paid_micros=-1, paused=True, alerted_micros=micros("20"), version=2)),
        (replace(subscribed, paused=True), subscribed),
        (subscribed, replace(subscribed, lock_reason="under review")),
        (subscribed, change(subscribed, dunning=replace(unpaid, locked=True, next_attempt_at=None))),
        (subscribed, replace(subscribed, refill=suspended)),
        (subscribed, change(subscribed, period=next_period)),
        (subscribed, change(subscribed, dunning=unpaid)),
        (subscribed, change(subscribed, canceled=True)),
        (subscribed, change_period(subscribed, told={"call_minutes": Told(80, 500_000_000)})),
    ]
    asked = Transaction("tx_1", "acme", "auto_refill", "Processing", micros("100"), "USD", NOW, None)
    paid = replace(asked, status="Paid", card=CardFace("visa", "4242"))
    payments = [
        (asked, paid),
        (asked, replace(asked, status="Failed", failure=Failure("lost_card"))),
        (paid, replace(paid, dispute_id="du_1", dispute_status="opened")),
        (paid, replace(paid, refunds=(Refund("re_1", micros("20"), NOW),))),
        (None, replace(paid, kind="adjustment", card=None, received=True)),
    ]
    card = Card("acme", "fp", "pm_1", "visa", "4242", 12, 2026, "verified", NOW)
    rejected = reject("{}", "unknown_workspace", "no", rejected_at=NOW, arrived_at=NOW, event_id="e-1")
    endpoint = WebhookEndpoint(f"we_{'0' * 24}", "https://platform.example/", (), "", NOW)
    return [
        *(notice for before, after in changes for notice in of_wallet(before, after, NOW)),
        *(notice for asked_, answered in payments for notice in of_transaction(asked_, answered, NOW)),
        *of_document(None, RECEIPT, NOW),
        *of_document(None, CREDIT_NOTE, NOW),
        *of_card(card, replace(card, expiry_told_days=30), NOW.replace(day=2, month=12)),
        *of_rejected_event(None, (rejected, "open"), NOW),
        *of_webhook_endpoint(endpoint, replace(endpoint, enabled=False, disabled_reason="gone"), NOW),
    ]


def test_what_is_told_matches_its_schema() -> None:
    notices = told()
    for notice in notices:
        check(cloud_event(notice))
    assert {notice.type for notice in notices} == set(NOTICE_TYPES)


def test_what_the_bus_delivers_reads_back_with_and_without_its_envelope() -> None:
    for notice in told():
        event = bus_event(notice)
        envelope = {"detail-type": event.type, "source": BUS_SOURCE, "detail": json.loads(event.payload)}
        assert read_bus_event(compact(envelope)) == read_bus_event(event.payload) == event


def test_what_is_told_is_read_back_as_the_facts_that_it_was() -> None:
    for notice in told():
        assert facts_of(bus_event(notice).payload) == notice.facts


def told_as(event_type: str) -> dict[str, Any]:
    """The sample of a type, whose `data` a test changes to what another release would say."""
    event: dict[str, Any] = json.loads((BUS / f"{event_type}.json").read_text())
    return event


def test_what_only_a_newer_release_says_is_passed_over() -> None:
    event = told_as("account.locked")
    event["data"] |= {"mood": "sad", "locked_by": "the_moon"}
    facts = facts_of(json.dumps(event))
    assert isinstance(facts, AccountLocked)
    assert str(facts.locked_by) == "the_moon"


def test_an_event_of_a_type_that_only_a_newer_release_knows_has_no_facts_here() -> None:
    assert facts_of(json.dumps(told_as("account.paused") | {"type": "account.flying"})) is None


def test_what_a_former_release_did_not_say_is_read_as_nothing() -> None:
    event = told_as("subscription.past_due")
    for name in ("card", "code", "reason", "next_attempt_at"):
        del event["data"][name]
    facts = facts_of(json.dumps(event))
    assert isinstance(facts, SubscriptionPastDue)
    assert (facts.card, facts.code, facts.reason, facts.next_attempt_at) == (None, None, None, None)


@pytest.mark.parametrize(
    "data",
    [
        {"amount": None},
        {"amount": "49.00"},
        {"amount": {"amount": "much", "currency": "USD"}},
        {"amount": {"amount": "49.000000"}},
        {"attempts": True},
        {"period_end": "tomorrow"},
        {"transaction_id": 5},
        {"card": []},
    ],
)
def test_a_fact_that_is_missing_or_is_none_is_named(data: dict[str, Any]) -> None:
    event = told_as("subscription.past_due")
    event["data"] |= data
    with pytest.raises(ValueError, match=f"{next(iter(data))} of subscription.past_due cannot be read"):
        facts_of(json.dumps(event))


def test_an_event_of_somebody_else_is_not_taken_for_one_of_ours() -> None:
    foreign = json.loads((BUS / "account.paused.json").read_text()) | {"source": "/voice/eu-1"}
    with pytest.raises(ValueError, match="not an event of this product"):
        read_bus_event(json.dumps(foreign))


def test_no_event_going_out_is_one_that_comes_in() -> None:
    assert not {"call.ended", "usage.recorded"} & set(NOTICE_TYPES)
