"""Failures that are made to happen on the deployed platform, and who hears of them."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from infra.local.deploy import Outputs, session
from tests.e2e.test_money_comes_in import Customer
from tests.e2e.test_subscriptions import Subscriber
from tests.patience import until

CLOCKS = ("reconcile", "schedule_renewals", "deliver", "announce_expiring_cards")
NONSENSE = {"time": "the day after tomorrow"}


class OnDuty:
    """Whoever is told: a queue that is subscribed to the alarm topic."""

    def __init__(self, platform: Outputs) -> None:
        self._aws = session(platform.account)
        self.platform = platform
        self.cloudwatch = self.client("cloudwatch")
        self._sqs = self.client("sqs")
        (topic,) = [each["TopicArn"] for each in self.client("sns").list_topics()["Topics"]]
        self.queue = self._sqs.create_queue(QueueName="on-duty")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        let_in = {
            "Effect": "Allow",
            "Principal": {"Service": "sns.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": arn,
            "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
        }
        policy = json.dumps({"Version": "2012-10-17", "Statement": [let_in]})
        self._sqs.set_queue_attributes(QueueUrl=self.queue, Attributes={"Policy": policy})
        subscribed = self.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        self._subscription = subscribed["SubscriptionArn"]

    def client(self, service: str) -> Any:
        return self._aws.client(service, endpoint_url=self.platform.aws_url)  # type: ignore[call-overload]

    def leave(self) -> None:
        self.client("sns").unsubscribe(SubscriptionArn=self._subscription)
        self._sqs.delete_queue(QueueUrl=self.queue)

    def heard(self) -> list[str]:
        """The descriptions of the alarms that have arrived since it was last asked."""
        messages = self.take(self.queue)
        return [str(json.loads(json.loads(each)["Message"])["AlarmDescription"]) for each in messages]

    def take(self, queue: str) -> list[str]:
        found = self._sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
        for each in found:
            self._sqs.delete_message(QueueUrl=queue, ReceiptHandle=each["ReceiptHandle"])
        return [each["Body"] for each in found]

    def invoke(self, folder: str, event: Mapping[str, Any], *, as_a_clock_does: bool = False) -> Any:
        """What the function answers; of a clock's start there is no answer."""
        answer = self.client("lambda").invoke(
            FunctionName=self.platform.functions[folder],
            InvocationType="Event" if as_a_clock_does else "RequestResponse",
            Payload=json.dumps(event),
        )
        return None if as_a_clock_does else json.loads(answer["Payload"].read())

    def failed_runs(self, folder: str) -> str:
        """The queue that keeps the runs that the function failed at."""
        name = self.platform.functions[folder]
        config = self.client("lambda").get_function_event_invoke_config(FunctionName=name, Qualifier="$LATEST")
        arn: str = config["DestinationConfig"]["OnFailure"]["Destination"]
        url: str = self._sqs.get_queue_url(QueueName=arn.rpartition(":")[2])["QueueUrl"]
        return url

    def put_metrics(self, folder: str, counts: Mapping[str, int]) -> None:
        """What CloudWatch makes of the metrics in a function's log, which the emulator does not read."""
        data = [
            {"MetricName": name, "Value": count, "Dimensions": [{"Name": "service", "Value": folder}]}
            for name, count in counts.items()
        ]
        self.cloudwatch.put_metric_data(Namespace="Talktime", MetricData=data)


@pytest.fixture
def on_duty(platform: Outputs) -> Iterator[OnDuty]:
    somebody = OnDuty(platform)
    yield somebody
    somebody.leave()


@pytest.mark.parametrize("folder", CLOCKS)
def test_a_run_that_a_clock_started_and_that_failed_is_kept_with_what_it_was_started_with(
    on_duty: OnDuty, folder: str
) -> None:
    on_duty.invoke(folder, NONSENSE, as_a_clock_does=True)
    (kept,) = until(lambda: on_duty.take(on_duty.failed_runs(folder)))
    record = json.loads(kept)
    assert record["requestPayload"] == NONSENSE
    assert record["responseContext"]["functionError"]
    assert record["requestContext"]["approximateInvokeCount"] == 3, "tried once, and twice more"


def test_a_function_that_breaks_is_heard_of_by_whoever_is_on_duty(on_duty: OnDuty) -> None:
    """The emulator counts the errors of those invocations that somebody waits for."""
    assert on_duty.invoke("announce_expiring_cards", NONSENSE)["errorType"]
    on_duty.put_metrics("announce_expiring_cards", {"CardsAnnounced": 0})  # the emulator looks at alarms then
    until(lambda: [each for each in on_duty.heard() if each.startswith("[function-errors] announce_expiring_cards")])


def test_each_alarm_that_is_deployed_arrives(on_duty: OnDuty) -> None:
    alarms = [
        alarm
        for page in on_duty.cloudwatch.get_paginator("describe_alarms").paginate()
        for alarm in page["MetricAlarms"]
    ]
    said = {alarm["AlarmDescription"] for alarm in alarms}
    assert len(alarms) > 80
    for alarm in alarms:
        for state in ("OK", "ALARM"):
            on_duty.cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue=state, StateReason="a drill")
    heard: set[str] = set()

    def all_of_them() -> bool:
        heard.update(on_duty.heard())
        return said <= heard

    until(all_of_them)
    for alarm in alarms:
        on_duty.cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="OK", StateReason="it is over")


def test_a_charge_that_stripe_does_not_answer_for_an_hour_is_heard_of(platform: Outputs, on_duty: OnDuty) -> None:
    customer = Customer(platform)
    card = customer.add_card()
    before = on_duty.invoke("reconcile", at(timedelta(hours=2)))["PaymentsUnansweredAnHour"]
    for method in ("POST", "GET"):
        fault = {"method": method, "path": "/v1/payment_intents", "fault": "500_before", "times": 50}
        customer.stripe.control("faults", fault)
    try:
        body = {"amount": "10.00", "payment_method": card["payment_method_id"]}
        assert customer.api.post(f"{customer.path}/top-ups", body, key="no-answer")["status"] == "Processing"
        counts = on_duty.invoke("reconcile", at(timedelta(hours=2)))
    finally:
        customer.stripe.control("faults", method="DELETE")
    assert counts["PaymentsUnansweredAnHour"] == before + 1
    on_duty.put_metrics("reconcile", counts)
    until(lambda: [each for each in on_duty.heard() if each.startswith("[payments-unanswered]")])
    assert customer.api.post(f"{customer.path}/top-ups", body, key="no-answer")["status"] == "Paid"
    assert on_duty.invoke("reconcile", at(timedelta(hours=3)))["PaymentsUnansweredAnHour"] == before


def test_a_renewal_that_nobody_has_asked_for_is_heard_of_after_an_hour(platform: Outputs, on_duty: OnDuty) -> None:
    """As when the worker's queue stands still: what is due stays due, and each sweep sees it."""
    subscriber = Subscriber(platform)
    subscriber.put()
    fault = {"method": "POST", "path": "/v1/payment_intents", "fault": "500_before", "times": 50}
    subscriber.stripe.control("faults", fault)
    try:
        due = datetime.fromisoformat(subscriber.subscription["current_period_end"])
        assert on_duty.invoke("schedule_renewals", {"time": due.isoformat()})["RenewalsOverdue"] == 0
        counts = on_duty.invoke("schedule_renewals", {"time": (due + timedelta(hours=2)).isoformat()})
    finally:
        subscriber.stripe.control("faults", method="DELETE")
    assert counts["RenewalsOverdue"] >= 1
    on_duty.put_metrics("schedule_renewals", counts)
    until(lambda: [each for each in on_duty.heard() if each.startswith("[renewals-unanswered]")])


def at(later: timedelta) -> Mapping[str, str]:
    return {"time": (datetime.now(UTC) + later).isoformat()}
