"""What is accepted is in the queue, what is not is kept, and nothing else is said."""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from billing.contracts.json_text import JsonValue, compact, loads
from billing.contracts.usage_queue import receive
from billing.domain.queued_event import QueuedEvent
from billing.domain.rejection import RejectedEvent
from billing.domain.workspace import Tenure, Workspace
from billing.runtime.usage_queue import UsageQueue
from billing.services.ingest_events import IngestResult, ingest
from tests.builders import store_with

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MIB = 1_048_576


class Shelf:
    """Where rejected events are kept."""

    def __init__(self) -> None:
        self.kept: list[RejectedEvent] = []

    def keep(self, rejection: RejectedEvent) -> None:
        self.kept.append(rejection)


class Owners:
    """Accounts by workspace. Counts how often it is asked."""

    def __init__(self) -> None:
        self.questions: list[set[str]] = []

    def get_many(self, workspace_ids: Collection[str]) -> Mapping[str, Workspace]:
        self.questions.append(set(workspace_ids))
        known = {"42": "acme", "43": "acme", "77": "globex"}
        return {each: Workspace(each, (Tenure(known[each]),)) for each in workspace_ids if each in known}


class Sqs:
    """SQS as far as sending goes: limits of a batch, and entries that fail when told to."""

    def __init__(self, fails: Callable[[str, int], bool] = lambda _body, _request: False) -> None:
        self.bodies: list[str] = []
        self.requests: list[list[str]] = []
        self._fails = fails

    def send_message_batch(self, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "https://queue"
        bodies = [entry["MessageBody"] for entry in Entries]
        assert 1 <= len(bodies) <= 10
        assert sum(map(len, bodies)) <= MIB
        self.requests.append(bodies)
        failed = [entry for entry in Entries if self._fails(entry["MessageBody"], len(self.requests))]
        self.bodies += [entry["MessageBody"] for entry in Entries if entry not in failed]
        return {
            "Successful": [{"Id": entry["Id"]} for entry in Entries if entry not in failed],
            "Failed": [{"Id": entry["Id"], "SenderFault": False, "Code": "InternalError"} for entry in failed],
        }

    @property
    def event_ids(self) -> list[str]:
        return [loads(body)["event"]["id"] for body in self.bodies]  # type: ignore[index]


def usage_queue(sqs: object, pauses: list[int] | None = None) -> UsageQueue:
    return UsageQueue(cast("Any", sqs), "https://queue", ([] if pauses is None else pauses).append)


def call(
    event_id: str, workspace_id: str = "42", account_id: str | None = None, **more: str
) -> QueuedEvent | RejectedEvent:
    times = {"started_at": "2026-11-23T09:00:00Z", "ended_at": "2026-11-23T09:01:00Z"}
    data = {"call_id": "c", "workspace_id": workspace_id, **times, **more}
    event = {"specversion": "1.0", "id": event_id, "source": "/v", "type": "call.ended", "data": data}
    return receive(JsonValue(event, compact(event)), now=NOW, account_id=account_id)


def take_in(
    events: Sequence[QueuedEvent | RejectedEvent], sqs: object, shelf: Shelf | None = None, owners: Owners | None = None
) -> IngestResult:
    store = store_with(rejected_events=shelf or Shelf(), workspaces=owners or Owners())
    return ingest(store, usage_queue(sqs), events, NOW)


def test_one_bad_event_leaves_the_others_of_its_batch_alone() -> None:
    sqs, shelf = Sqs(), Shelf()
    result = take_in([call("a"), call("b", agent="x"), call("c")], sqs, shelf)
    assert (result.accepted, result.not_queued) == (2, ())
    assert [(index, rejection.event_id, rejection.code) for index, rejection in result.rejected] == [
        (1, "b", "unknown_field")
    ]
    assert sqs.event_ids == ["a", "c"]
    assert [rejection.event_id for rejection in shelf.kept] == ["b"]


def test_five_hundred_events_are_fifty_requests() -> None:
    sqs = Sqs()
    assert take_in([call(f"e-{number}") for number in range(500)], sqs).accepted == 500
    assert len(sqs.requests) == 50
    assert sqs.event_ids == [f"e-{number}" for number in range(500)]


def test_large_events_share_a_request_only_up_to_one_mebibyte() -> None:
    sqs = Sqs()
    whole = call("e-1")
    assert isinstance(whole, QueuedEvent)
    large = [replace(whole, payload=f'{{"id":"e-{number}","x":"{"x" * 200_000}"}}') for number in range(10)]
    assert take_in(large, sqs).accepted == 10
    assert [len(request) for request in sqs.requests] == [5, 5]


def test_what_the_queue_fails_is_sent_again_alone() -> None:
    sqs = Sqs(fails=lambda body, request: '"id":"b"' in body and request == 1)
    pauses: list[int] = []
    unsent = usage_queue(sqs, pauses).send([event for event in map(call, "abc") if isinstance(event, QueuedEvent)])
    assert unsent == []
    assert sorted(sqs.event_ids) == ["a", "b", "c"]
    assert [len(request) for request in sqs.requests] == [3, 1]
    assert pauses == [0]


def test_what_the_queue_fails_again_and_again_is_not_accepted() -> None:
    sqs = Sqs(fails=lambda body, _: '"id":"c"' in body)
    result = take_in([call("a"), call("b", agent="x"), call("c"), call("d")], sqs)
    assert (result.accepted, result.not_queued) == (2, (2,))
    assert [index for index, _ in result.rejected] == [1]
    assert len(sqs.requests) == 4


def test_an_entry_that_the_queue_does_not_mention_is_not_accepted() -> None:
    class Silent:
        def send_message_batch(self, **_: object) -> dict[str, Any]:
            return {"Successful": [{"Id": "0"}]}

    result = take_in([call("a"), call("b")], Silent())
    assert (result.accepted, result.not_queued) == (1, (1,))


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="https://queue"),
        ClientError({"Error": {"Code": "ServiceUnavailable"}}, "SendMessageBatch"),
    ],
)
def test_a_queue_that_goes_away_in_the_middle_keeps_what_it_has_and_the_rest_is_not_accepted(error: Exception) -> None:
    requests = itertools.count()

    class Leaving(Sqs):
        def send_message_batch(self, QueueUrl: str, Entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:  # noqa: N803
            if next(requests) == 1:
                raise error
            return super().send_message_batch(QueueUrl, Entries)

    shelf = Shelf()
    result = take_in([*(call(f"e-{number}") for number in range(25)), call("x", agent="x")], Leaving(), shelf)
    assert (result.accepted, result.not_queued) == (10, tuple(range(10, 25)))
    assert next(requests) == 2
    assert len(shelf.kept) == 1


def test_a_key_bound_to_an_account_speaks_only_for_the_workspaces_of_that_account() -> None:
    sqs, shelf = Sqs(), Shelf()
    events = [call("own", "42", "acme"), call("foreign", "77", "acme"), call("nowhere", "78", "acme")]
    result = take_in(events, sqs, shelf)
    assert sqs.event_ids == ["own"]
    assert [(index, rejection.code) for index, rejection in result.rejected] == [
        (1, "unknown_workspace"),
        (2, "unknown_workspace"),
    ]
    assert [rejection.account_id for rejection in shelf.kept] == ["acme", "acme"]


def test_a_foreign_workspace_and_a_missing_one_are_told_in_the_same_words() -> None:
    result = take_in([call("foreign", "77", "acme"), call("nowhere", "78", "acme")], Sqs())
    foreign, nowhere = (rejection.detail for _, rejection in result.rejected)
    assert foreign.replace("77", "78") == nowhere


def test_a_key_of_the_platform_is_trusted_with_every_workspace_and_costs_no_read() -> None:
    sqs, owners = Sqs(), Owners()
    assert take_in([call("a", "42"), call("b", "no-such")], sqs, owners=owners).accepted == 2
    assert owners.questions == []


def test_the_workspaces_of_a_batch_are_looked_up_at_once() -> None:
    owners = Owners()
    take_in([call(f"e-{number}", str(42 + number % 2), "acme") for number in range(50)], Sqs(), owners=owners)
    assert owners.questions == [{"42", "43"}]
