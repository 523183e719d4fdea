"""What people type, in any script and at any length that the API accepts, arrives whole wherever it goes.

Names, reasons and plan names: at Stripe, in the tables, on queues and on the bus, in mails, webhooks and answers.
"""

import csv
import io
import itertools
import json
import re
import time
from dataclasses import replace
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from uuid import uuid4

import pytest
import stripe
from aws_lambda_powertools import Logger
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from standardwebhooks.webhooks import Webhook

from billing.api.usage_records import COLUMNS, Names, usage_lines
from billing.contracts import delivery_queue, renewal_queue, stripe_queue, usage_queue
from billing.contracts.bus_events import bus_event, facts_of, read_bus_event
from billing.contracts.json_text import JsonValue, compact
from billing.domain.account import LANGUAGES, Account
from billing.domain.delivery import Delivery
from billing.domain.money import Money
from billing.domain.notice_facts import AccountLocked, Facts, PaymentSucceeded
from billing.domain.notices import Notice
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent
from billing.domain.renewal_order import RenewalOrder
from billing.domain.settlement import settle
from billing.domain.stripe_event import StripeEvent
from billing.domain.texts import MAX_NAME_CHARACTERS
from billing.domain.webhook_endpoint import sign
from billing.payments.gateway import Gateway
from billing.payments.settings import StripeSettings
from billing.runtime.webhook_sender import WebhookSender
from billing.services.adjust_balance import adjust_balance
from billing.services.lock_account import lock_account
from billing.store.database import Database
from billing.web.csv_file import csv_of
from billing.web.http import json_response
from billing.web.values import MAX_REASON_CHARACTERS, Name, Reason
from billing.words.write_email import write_email
from infra.local.stripe_simulator import RunningSimulator
from tests.builders import BILLING_URL, NOW, call, calls_feature, cloud_event, micros, plan, wallet
from tests.paying_account import STAGE
from tests.platform_of_one import World
from tests.telling_house import SECRET
from tests.webhook_receiver import running_receiver

NONCHARACTERS = [*range(0xFDD0, 0xFDF0), *(plane << 16 | end for plane in range(17) for end in (0xFFFE, 0xFFFF))]
"""The 66 code points that Unicode has made no characters."""
LINE_BREAKS = "\u2028\u2029"

CHARACTERS = st.characters(
    exclude_categories=["Cc", "Cs"], exclude_characters=[*map(chr, NONCHARACTERS), *LINE_BREAKS]
) | st.sampled_from("\u200e\u200f\u202e\u2067\u2069\u200d\ufeff\u0301\xadß–ŁاЖ株ก\U0001f4de\U0010fffd=@$<&\"'\\%,;")


def lines(most: int) -> st.SearchStrategy[str]:
    """A line of at most so many characters, also of exactly so many."""
    drawn = st.text(CHARACTERS, min_size=1, max_size=40) | st.builds(str.__mul__, CHARACTERS, st.just(most))
    return drawn.map(str.strip).filter(bool)


NAMES = lines(MAX_NAME_CHARACTERS)
REASONS = lines(MAX_REASON_CHARACTERS)
ANYTHING = st.text(st.characters(exclude_categories=["Cs"]), max_size=40) | NAMES
"""Also what a field of ours does not accept: an event has members that are not ours."""

_NAME: TypeAdapter[str] = TypeAdapter(Name)
_REASON: TypeAdapter[str] = TypeAdapter(Reason)
_MESSAGE = re.compile("[\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]{1,262144}")
"""What SQS carries. https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html"""
_MAX_DETAIL_BYTES = 256 * 1024
_few = settings(max_examples=30)
_numbers = itertools.count(1)


def account_named(name: str, language: str = "en") -> Account:
    """An account of its own."""
    return Account(f"acme-{next(_numbers)}", name, "billing@acme.example", "USD", language, NOW)


def locked_for(reason: str) -> AccountLocked:
    return AccountLocked(
        account_id="acme",
        balance=Money(0, "USD"),
        previous_status="active",
        locked_by="administrator",
        lock_reason=reason,
    )


@given(name=NAMES, reason=REASONS)
def test_a_line_in_any_script_is_accepted_and_stays_as_it_was_typed(name: str, reason: str) -> None:
    assert _NAME.validate_json(json.dumps(name)) == name
    assert _REASON.validate_json(json.dumps(reason, ensure_ascii=False)) == reason
    assert re.search(_NAME.json_schema()["pattern"], name)


@given(
    before=NAMES,
    wrong=st.sampled_from(NONCHARACTERS).map(chr) | st.sampled_from("\0\t\n\r\x1b\x7f\x85" + LINE_BREAKS),
)
def test_what_is_no_character_and_what_ends_a_line_is_refused_and_not_carried_on(before: str, wrong: str) -> None:
    for adapter in (_NAME, _REASON):
        with pytest.raises(ValidationError, match="must be a line of 1 to"):
            adapter.validate_python(before[:100] + wrong + "x")


@_few
@given(names=st.lists(NAMES, min_size=2, max_size=2, unique=True))
@example(names=["شركة الاتصالات", "Łódź – GmbH"])
def test_stripe_gets_a_customer_s_name_whole(stripe_simulator: RunningSimulator, names: list[str]) -> None:
    """And a renamed account is another customer: Stripe refuses a key that comes with other content."""
    gateway = Gateway(StripeSettings(stripe_simulator.api_key, stripe_simulator.url), STAGE, retries=0)
    client = stripe.StripeClient(stripe_simulator.api_key, base_addresses={"api": stripe_simulator.url})
    account = account_named(names[0])
    made = [gateway.create_customer(replace(account, name=name), NOW) for name in names]
    assert [client.v1.customers.retrieve(each).name for each in made] == names
    assert gateway.create_customer(account, NOW) == made[0]
    asked = stripe_simulator.control("requests", method="GET")["requests"]
    assert {key.isascii() and len(key) <= 255 for each in asked if (key := each["idempotency_key"])} == {True}


@settings(_few, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=NAMES, reason=REASONS)
def test_the_tables_keep_names_and_reasons_as_they_were_typed(database: Database, name: str, reason: str) -> None:
    store, account = World(database), account_named(name)
    store.accounts.create(account)
    assert store.accounts.get(account.account_id) == account
    on = replace(plan(replace(calls_feature(), name=name), plan_id=account.account_id), name=name)
    assert replace(store.plans.add_version(on, NOW), version=1) == on
    assert store.plans.current(on.plan_id) == on
    adjust_balance(
        store, account.account_id, micros=micros("1"), reason=reason, by=name, adjustment_id=account.account_id, now=NOW
    )
    (entry,) = store.entries(account.account_id)
    assert (entry.description, entry.by) == (reason, name)
    (row,) = store.history(account.account_id)
    assert row.lines[0].description == reason
    lock_account(store, account.account_id, reason)
    assert store.wallet(account.account_id).lock_reason == reason


@given(subject=st.text(st.characters(exclude_categories=["Cc"]), min_size=1, max_size=40) | NAMES)
@example(subject="\ufffe \uffff \ud800 \u2028 \U0001f4de")
def test_the_usage_queue_carries_whatever_an_event_says(subject: str) -> None:
    """Its subject may be any text: senders may put half a character into it."""
    event = {**cloud_event("e-1", seconds="60"), "subject": subject}
    sent = usage_queue.receive(JsonValue(event, json.dumps(event)), now=NOW)
    assert isinstance(sent, QueuedEvent)
    body = usage_queue.encode(sent)
    assert _MESSAGE.fullmatch(body)
    assert usage_queue.decode(body, sent_at=NOW, now=NOW) == sent
    assert json.loads(sent.payload) == event


@given(member=ANYTHING, said=ANYTHING)
def test_an_event_that_is_refused_is_kept_with_all_that_it_says(member: str, said: str) -> None:
    event = cloud_event("e-1", seconds="60")
    event["data"] = {"metadata": {member: said}}
    text = json.dumps(event, ensure_ascii=False)
    refused = usage_queue.receive(JsonValue(event, text), now=NOW)
    assert isinstance(refused, RejectedEvent)
    assert json.loads(refused.payload) == event
    assert refused.payload == text


@given(text=ANYTHING)
def test_the_other_queues_carry_any_id(text: str) -> None:
    event = StripeEvent(text, text, text)
    order = RenewalOrder(text, NOW, NOW)
    delivery = Delivery(text, text, "account.locked", None, "{}", NOW)
    bodies = [stripe_queue.encode(event), renewal_queue.encode(order), delivery_queue.encode(delivery)]
    assert all(_MESSAGE.fullmatch(body) for body in bodies)
    assert stripe_queue.decode(bodies[0]) == event
    assert renewal_queue.decode(bodies[1]) == order
    assert delivery_queue.decode(bodies[2]).event_id == text


@given(reason=REASONS)
def test_the_bus_carries_a_reason_and_it_is_read_again_as_it_was_typed(reason: str) -> None:
    event = bus_event(Notice("lock-1", "acme", NOW, locked_for(reason)))
    assert event.payload.isascii()
    assert len(event.payload) < _MAX_DETAIL_BYTES
    assert facts_of(event.payload) == locked_for(reason)
    envelope = compact({"detail-type": event.type, "detail": json.loads(event.payload)})
    assert read_bus_event(envelope) == event
    assert usage_queue.unwrap(json.loads(envelope)) == json.loads(event.payload)


@given(
    name=ANYTHING.filter(lambda text: bool(text.strip())), reason=REASONS, language=st.sampled_from(sorted(LANGUAGES))
)
def test_a_mail_s_subject_is_one_line_and_its_facts_stay_in_their_own_direction(
    name: str, reason: str, language: str
) -> None:
    """Also of a name that a former release accepted."""
    paid: Facts = PaymentSucceeded(
        account_id="acme",
        transaction_id="tx_1",
        kind="top_up",
        amount=Money(micros("20"), "USD"),
        card=None,
        period_start=None,
        period_end=None,
    )
    for facts in (locked_for(reason), paid):
        mail = write_email(account_named(name, language), facts, BILLING_URL)
        assert len(mail.subject.splitlines()) == 1
        message = EmailMessage(policy=SMTP)
        message["Subject"] = mail.subject
        message.set_content(mail.text)
        parsed = BytesParser(policy=SMTP).parsebytes(bytes(message))
        assert parsed.keys() == ["Subject", *[key for key in message.keys() if key != "Subject"]]  # noqa: SIM118
        depth = 0
        for character in mail.text:
            depth += (character == "\u2068") - (character == "\u2069")
            assert 0 <= depth <= 1
        assert depth == 0
        assert not re.search("[\u202a-\u202e\u2066\u2067]", mail.subject + mail.text + mail.html)


def test_a_webhook_s_headers_are_ascii_and_its_body_is_what_was_signed() -> None:
    with running_receiver() as receiver:
        sender = WebhookSender(local=True)

        @_few
        @given(reason=REASONS)
        def is_posted(reason: str) -> None:
            event = bus_event(Notice("lock-1", "acme", NOW, locked_for(reason)))
            moment = int(time.time())
            headers = {
                "content-type": "application/json",
                "webhook-id": event.event_id,
                "webhook-timestamp": str(moment),
                "webhook-signature": sign([SECRET], event.event_id, moment, event.payload),
            }
            assert all(value.isascii() for value in headers.values())
            assert sender.post(f"{receiver.url}/hook", headers, event.payload).accepted
            _, sent, body = receiver.received.pop()
            assert Webhook(SECRET).verify(body, sent)["data"]["lock_reason"] == reason

        is_posted()


@given(name=NAMES)
def test_an_answer_is_json_in_ascii_and_says_the_name_whole(name: str) -> None:
    answer = json_response(200, {"name": name})
    assert answer["body"].isascii()
    assert json.loads(answer["body"]) == {"name": name}


@given(event_id=st.from_regex(r"[!-~]{1,128}", fullmatch=True))
def test_the_csv_has_a_row_for_a_record_whatever_its_ids_are(event_id: str) -> None:
    assume(event_id)
    on = plan()
    settled = settle(wallet(paid="10", on=on), [call(event_id)], {on.key: on}, NOW)
    content = csv_of(COLUMNS, usage_lines(settled.entries, Names({on.key: on}, {})))
    (row,) = csv.DictReader(io.StringIO(content.decode("utf-8-sig")))
    assert row["event_id"] in {event_id, f"'{event_id}"}
    assert not row["event_id"].startswith(("=", "+", "@"))
    assert not row["event_id"].startswith("-") or re.fullmatch(r"-[0-9]+(\.[0-9]+)?", event_id)
    assert row["feature"] == "call_minutes"


@given(said=ANYTHING)
@_few
def test_a_log_line_is_one_line_of_json_and_says_what_a_refusal_quoted(said: str) -> None:
    """As `functions/api` logs: a refusal of Stripe's quotes what was typed. The others' lines Lambda itself formats."""
    stream = io.StringIO()
    logger = Logger(service=f"api-{uuid4().hex}", stream=stream)
    logger.info("answered", extra={"reason": f"Invalid name: {said}"})
    line, end = stream.getvalue().split("\n")
    assert (json.loads(line)["reason"], end) == (f"Invalid name: {said}", "")
