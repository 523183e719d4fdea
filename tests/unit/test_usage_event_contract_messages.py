"""How events travel: as text from a sender, through the usage queue, and back from the rejected ones."""

import contextlib
import json
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from billing.contracts.json_text import MalformedJson, TooManyEvents, loads, read_events
from billing.contracts.usage_events import MAX_ATTRIBUTES, MAX_EXTENSION_CHARS
from billing.contracts.usage_queue import decode, encode, judge_again, receive
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import MAX_PAYLOAD_BYTES, RejectedEvent, reject, reject_queued
from billing.domain.usage import Replay

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=3)

CALL = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/voice",
    "type": "call.ended",
    "subject": "\u06cc \ufffe \U0001f4de",
    "data": {
        "call_id": "c-1",
        "workspace_id": "42",
        "started_at": "2026-11-23T09:00:00Z",
        "ended_at": "2026-11-23T09:01:00Z",
    },
}
BROKEN = '{"specversion" : "1.0", "id": "e-9", "type": "call.ended", "data": {"quantity": 1.10}}'
LONG_NUMBER = "1" * 100_000


def received(payload: object = CALL, account_id: str | None = None) -> QueuedEvent:
    queued = receive(read_events(json.dumps(payload), limit=1)[0], now=NOW, account_id=account_id)
    assert isinstance(queued, QueuedEvent)
    return queued


def rejected(text: str = BROKEN, account_id: str | None = None) -> RejectedEvent:
    rejection = receive(read_events(text, limit=1)[0], now=NOW, account_id=account_id)
    assert isinstance(rejection, RejectedEvent)
    return rejection


def test_an_event_comes_out_of_the_queue_as_it_went_in_however_late() -> None:
    queued = received(account_id="acme")
    assert decode(encode(queued), sent_at=LATER, now=LATER) == queued


def test_a_replay_comes_out_of_the_queue_as_what_it_is_a_replay_of_good_or_bad() -> None:
    known = received()
    of = Replay("0" * 32, sent=known.event.cause, content=known.event.fingerprint, confirmed=True)
    queued = replace(known, event=replace(known.event, replay=of))
    assert decode(encode(queued), sent_at=LATER, now=LATER) == queued
    bad = decode(encode(replace(queued, payload=BROKEN)), sent_at=LATER, now=LATER)
    assert isinstance(bad, RejectedEvent)
    assert bad.rejection_id == "0" * 32


def test_a_message_is_ascii_so_that_no_character_stops_the_queue() -> None:
    assert encode(received()).isascii()


def test_an_event_that_the_bus_put_into_the_queue_arrived_when_the_bus_took_it_in() -> None:
    message = json.dumps({"arrived_at": "2026-11-23T12:00:00Z", "event": CALL}, indent=2)
    decoded = decode(message, sent_at=LATER, now=LATER)
    assert isinstance(decoded, QueuedEvent)
    assert (decoded.event.arrived_at, decoded.account_id) == (NOW, None)


@pytest.mark.parametrize("message", [CALL, {"version": "0", "detail-type": "call.ended", "detail": CALL}])
def test_a_bare_event_and_one_in_the_envelope_of_the_bus_arrived_when_they_were_queued(message: object) -> None:
    decoded = decode(json.dumps(message), sent_at=NOW, now=LATER)
    assert isinstance(decoded, QueuedEvent)
    assert (decoded.event.event_id, decoded.event.arrived_at) == ("e-1", NOW)


def test_an_envelope_whose_detail_is_not_a_cloudevent_is_rejected_not_guessed_at() -> None:
    decoded = decode(json.dumps({"detail-type": "call.ended", "detail": CALL["data"]}), sent_at=NOW, now=NOW)
    assert isinstance(decoded, RejectedEvent)
    assert (decoded.code, decoded.field) == ("missing_field", "specversion")


def test_a_message_that_is_not_json_is_rejected_whole() -> None:
    decoded = decode("<xml/>", sent_at=NOW, now=LATER)
    assert isinstance(decoded, RejectedEvent)
    assert (decoded.code, decoded.payload, decoded.arrived_at) == ("malformed_json", "<xml/>", NOW)


def test_a_rejected_event_keeps_the_very_text_that_was_sent() -> None:
    rejection = rejected(account_id="acme")
    assert (rejection.payload, rejection.event_id, rejection.account_id) == (BROKEN, "e-9", "acme")
    assert (rejection.code, rejection.field) == ("missing_field", "source")


def test_the_same_bad_event_twice_is_one_rejection_and_another_is_another() -> None:
    assert rejected('{"id": "a"}').rejection_id == rejected(' {"id": "a"}\n').rejection_id
    assert rejected('{"id": "a"}').rejection_id != rejected('{"id": "b"}').rejection_id


def test_a_replay_judges_an_event_as_of_its_first_arrival_and_by_the_clock_of_now() -> None:
    ahead = json.dumps(CALL | {"data": CALL["data"] | {"ended_at": "2026-11-23T12:06:00Z"}})  # type: ignore[operator]
    rejection = rejected(ahead, account_id="acme")
    assert rejection.code == "in_the_future"
    replayed = judge_again(rejection, now=LATER)
    assert isinstance(replayed, QueuedEvent)
    assert (replayed.event.arrived_at, replayed.account_id) == (NOW, "acme")


def test_a_replay_in_vain_is_the_same_rejection() -> None:
    again = judge_again(rejected(), now=LATER)
    assert isinstance(again, RejectedEvent)
    assert (again.rejection_id, again.arrived_at, again.rejected_at) == (rejected().rejection_id, NOW, LATER)


def test_an_event_that_settlement_refused_replays_as_it_was() -> None:
    queued = received(account_id="acme")
    rejection = reject_queued(queued, "unknown_feature", "no such feature", rejected_at=LATER)
    sent = Replay(rejection.rejection_id, queued.event.cause, queued.event.fingerprint)
    assert judge_again(rejection, now=LATER) == replace(queued, event=replace(queued.event, replay=sent))


def test_the_largest_event_of_all_fits_into_a_message_and_is_kept_whole_when_refused() -> None:
    extensions = {f"x{number}": "\U0001f4de" * MAX_EXTENSION_CHARS for number in range(MAX_ATTRIBUTES - len(CALL))}
    queued = received({**CALL, **extensions})
    assert len(encode(queued)) < MAX_PAYLOAD_BYTES
    assert decode(encode(queued), sent_at=NOW, now=NOW) == queued
    assert reject_queued(queued, "no_plan", "", rejected_at=NOW).payload == queued.payload


def test_a_payload_too_large_to_keep_is_cut_off_between_characters() -> None:
    huge = reject("€" * MAX_PAYLOAD_BYTES, "event_too_large", "", rejected_at=NOW, arrived_at=NOW)
    assert len(huge.payload.encode()) == MAX_PAYLOAD_BYTES - MAX_PAYLOAD_BYTES % 3
    other = reject("€" * MAX_PAYLOAD_BYTES + "!", "event_too_large", "", rejected_at=NOW, arrived_at=NOW)
    assert other.rejection_id != huge.rejection_id


def test_the_same_text_from_another_sender_is_a_rejection_of_its_own_that_changes_nothing_of_the_first() -> None:
    of_the_platform, of_acme, of_globex = rejected(), rejected(account_id="acme"), rejected(account_id="globex")
    assert len({each.rejection_id for each in (of_the_platform, of_acme, of_globex)}) == 3
    assert rejected(account_id="acme").rejection_id == of_acme.rejection_id


def test_a_batch_is_read_element_by_element_with_the_text_of_each() -> None:
    values = read_events(' [ {"a": 1.10} ,\n[2], "x", NaN ] ', limit=4)
    assert [value.text for value in values] == ['{"a": 1.10}', "[2]", '"x"', "NaN"]


def test_a_batch_may_be_empty_and_has_a_limit() -> None:
    assert read_events("[]", limit=2) == []
    assert len(read_events("[1,2]", limit=2)) == 2
    with pytest.raises(TooManyEvents):
        read_events("[1,2,3]", limit=2)


@pytest.mark.parametrize(
    "text",
    ["", " ", "[", "[1", "[1,", "[1,]", "[1 2]", "[1]]", "[1],", "{}{}", '{"a":}', "{'a':1}", "nope", "\ufeff{}"],
)
def test_text_that_is_not_json_is_refused(text: str) -> None:
    with pytest.raises(MalformedJson):
        read_events(text, limit=10)


@pytest.mark.parametrize(
    "text",
    ["[" * 1_000_000, '{"a":' * 300_000, f'{{"a":{LONG_NUMBER}}}', f'{{"a":0.{LONG_NUMBER}}}', '{"a":1e999999999}'],
    ids=["deep arrays", "deep objects", "long integer", "long fraction", "large exponent"],
)
def test_no_text_is_expensive_to_read(text: str) -> None:
    started = time.process_time()
    with contextlib.suppress(MalformedJson):
        loads(text)
    assert time.process_time() - started < 1


def test_integers_are_read_exactly_up_to_any_that_a_field_may_hold() -> None:
    assert loads("12345678901234567890") == 12345678901234567890
