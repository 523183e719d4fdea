"""Failures that are made to happen on the deployed platform, and who hears of them."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from infra.local.deploy import Outputs, session
from infra.local.stripe_simulator import RunningSimulator
from tests.e2e.test_money_comes_in import Customer
from tests.e2e.test_subscriptions import Subscriber
from tests.patience import WITHIN_SECONDS, until

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

    def alarms(self) -> list[Any]:
        pages = self.cloudwatch.get_paginator("describe_alarms").paginate()
        return [alarm for page in pages for alarm in page["MetricAlarms"]]

    def be_calm(self) -> None:
        """All alarms are over, and whatever has arrived is read."""
        for alarm in self.alarms():
            self.cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="OK", StateReason="it is over")
        while self.heard():
            pass

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

    def let_cloudwatch_read(self, folder: str) -> None:
        """Make metrics of a function's log as CloudWatch does and the emulator does not: of its embedded metrics (EMF),
        and of the lines that a metric filter counts. Then the emulator looks at the alarms.
        """
        data = [datum for line in self._lines(folder) for datum in [*embedded(line), *self._filtered(folder, line)]]
        nothing = {"MetricName": "Nothing", "Value": 0.0}
        self.cloudwatch.put_metric_data(Namespace="Talktime", MetricData=[*data, nothing])

    def _group(self, folder: str) -> str:
        name = self.platform.functions[folder]
        config = self.client("lambda").get_function_configuration(FunctionName=name)
        group: str = config["LoggingConfig"]["LogGroup"]
        return group

    def _lines(self, folder: str) -> list[str]:
        """What the function has written since it was last asked."""
        written = [
            str(event["message"])
            for page in self.client("logs")
            .get_paginator("filter_log_events")
            .paginate(logGroupName=self._group(folder))
            for event in page["events"]
        ]
        seen = _READ.get(folder, 0)
        _READ[folder] = len(written)
        return [line for message in written[seen:] for line in message.splitlines()]

    def _filtered(self, folder: str, line: str) -> list[dict[str, Any]]:
        filters = self.client("logs").describe_metric_filters(logGroupName=self._group(folder))["metricFilters"]
        return [
            {"MetricName": each["metricTransformations"][0]["metricName"], "Value": 1.0}
            for each in filters
            if each["filterPattern"].split('"')[1] in line
        ]


_READ: dict[str, int] = {}
"""How many of a function's log events were read, for as long as the platform lives."""


def embedded(line: str) -> list[dict[str, Any]]:
    """The metrics in a line in CloudWatch's embedded format."""
    if not line.startswith('{"_aws"'):
        return []
    said = json.loads(line)
    return [
        {"MetricName": metric["Name"], "Value": float(value)}
        for directive in said["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
        for value in (said[metric["Name"]] if isinstance(said[metric["Name"]], list) else [said[metric["Name"]]])
    ]


@pytest.fixture
def on_duty(platform: Outputs) -> Iterator[OnDuty]:
    somebody = OnDuty(platform)
    somebody.be_calm()
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
    on_duty.let_cloudwatch_read("announce_expiring_cards")
    until(lambda: [each for each in on_duty.heard() if each.startswith("[function-errors] announce_expiring_cards")])


def test_each_alarm_that_is_deployed_arrives(on_duty: OnDuty) -> None:
    alarms = on_duty.alarms()
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
    on_duty.be_calm()


@contextmanager
def no_answer(stripe: RunningSimulator) -> Iterator[None]:
    """Stripe answers nothing that is asked about payments."""
    for method in ("POST", "GET"):
        fault = {"method": method, "path": "/v1/payment_intents", "fault": "500_before", "times": 500}
        stripe.control("faults", fault)
    try:
        yield
    finally:
        stripe.control("faults", method="DELETE")


def heard_of(on_duty: OnDuty, kind: str) -> None:
    until(lambda: [each for each in on_duty.heard() if each.startswith(f"[{kind}]")])


def test_a_charge_that_stripe_does_not_answer_for_an_hour_is_heard_of(platform: Outputs, on_duty: OnDuty) -> None:
    customer = Customer(platform)
    card = customer.add_card()
    body = {"amount": "10.00", "payment_method": card["payment_method_id"]}
    before = on_duty.invoke("reconcile", at(timedelta(hours=2)))["PaymentsUnansweredAnHour"]
    on_duty.let_cloudwatch_read("reconcile")
    on_duty.be_calm()
    with no_answer(customer.stripe):
        assert customer.api.post(f"{customer.path}/top-ups", body, key="no-answer")["status"] == "Processing"
        assert on_duty.invoke("reconcile", at(timedelta(hours=2)))["PaymentsUnansweredAnHour"] == before + 1
    on_duty.let_cloudwatch_read("reconcile")
    heard_of(on_duty, "payments-unanswered")
    assert customer.api.post(f"{customer.path}/top-ups", body, key="no-answer")["status"] == "Paid"
    assert on_duty.invoke("reconcile", at(timedelta(hours=3)))["PaymentsUnansweredAnHour"] == before


def test_a_renewal_that_stripe_does_not_answer_for_days_is_heard_of_and_then_decided_by_the_answer(
    platform: Outputs, on_duty: OnDuty
) -> None:
    subscriber = Subscriber(platform)
    subscriber.put()
    due = subscriber.subscription["current_period_end"]
    before = on_duty.invoke("reconcile", at(timedelta(hours=73)))["RenewalsUnanswered72Hours"]
    with no_answer(subscriber.stripe):
        subscriber.sweep(due)
        until(lambda: subscriber.renewals("Processing"))
        counts = on_duty.invoke("reconcile", at(timedelta(hours=73)))
    assert counts["RenewalsUnansweredAnHour"] >= counts["RenewalsUnanswered72Hours"] == before + 1
    on_duty.let_cloudwatch_read("reconcile")
    heard_of(on_duty, "renewals-unanswered-for-days")
    assert subscriber.billing()["status"] == "active", "nobody is locked"
    on_duty.invoke("reconcile", at(timedelta(hours=74)))
    until(lambda: subscriber.renewals("Paid"))


def test_a_renewal_that_nobody_has_asked_for_is_heard_of_after_an_hour(platform: Outputs, on_duty: OnDuty) -> None:
    """As when the worker's queue stands still: what is due stays due, and each sweep sees it."""
    subscriber = Subscriber(platform)
    subscriber.put()
    due = datetime.fromisoformat(subscriber.subscription["current_period_end"])
    with no_answer(subscriber.stripe):
        assert on_duty.invoke("schedule_renewals", {"time": due.isoformat()})["RenewalsOverdue"] == 0
        late = {"time": (due + timedelta(hours=2)).isoformat()}
        assert on_duty.invoke("schedule_renewals", late)["RenewalsOverdue"] >= 1
    on_duty.let_cloudwatch_read("schedule_renewals")
    heard_of(on_duty, "renewals-unanswered")


def test_a_key_that_stripe_refuses_is_heard_of_and_counts_against_no_card(platform: Outputs, on_duty: OnDuty) -> None:
    customer = Customer(platform)
    card = customer.add_card()
    key = customer.stripe.api_key
    body = {"amount": "10.00", "payment_method": card["payment_method_id"]}
    customer.stripe.control("keys", {"key": key, "kind": "revoked"})
    try:
        assert customer.api.post(f"{customer.path}/top-ups", body, key="refused")["status"] == "Processing"
    finally:
        customer.stripe.control("keys", {"key": key, "kind": "good"})
    on_duty.let_cloudwatch_read("api")
    heard_of(on_duty, "stripe-key-refused")
    assert customer.api.post(f"{customer.path}/top-ups", body, key="refused")["status"] == "Paid"


def test_money_that_arrives_for_nothing_we_know_is_heard_of(platform: Outputs, on_duty: OnDuty) -> None:
    customer = Customer(platform)
    card = customer.add_card()
    (hold,) = customer.payments()
    stage = hold["metadata"]["talktime_stage"]
    form = {
        "amount": "1000",
        "currency": "usd",
        "customer": hold["customer"],
        "payment_method": card["payment_method_id"],
        "confirm": "true",
        "off_session": "true",
        "metadata[talktime_account]": customer.account_id,
        "metadata[talktime_stage]": stage,
        "metadata[talktime_transaction]": "tx_nobody_knows",
    }
    httpx.post(
        f"{customer.stripe.url}/v1/payment_intents",
        data=form,
        headers={"authorization": f"Bearer {customer.stripe.api_key}"},
        timeout=WITHIN_SECONDS,
        trust_env=False,
    ).raise_for_status()

    def is_heard_of() -> bool:
        on_duty.let_cloudwatch_read("apply_payments")
        return any(each.startswith("[money-not-credited]") for each in on_duty.heard())

    until(is_heard_of)
    assert customer.balance() == "0.000000"


def at(later: timedelta) -> Mapping[str, str]:
    return {"time": (datetime.now(UTC) + later).isoformat()}
