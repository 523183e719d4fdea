"""One page that answers "is money flowing?" at a glance. What it shows in good and in bad hours: infra/README.md."""

from collections.abc import Mapping, Sequence

from aws_cdk import Duration, Stack
from aws_cdk import aws_apigatewayv2 as apigateway
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.billing_function import BillingFunction

_WHOLE, _HALF, _SIXTH = 24, 12, 4
_ALARMS_A_WIDGET = 100  # as many as CloudWatch shows in one
_HEIGHT = 6
_HOUR = Duration.hours(1)


class Dashboard(Construct):
    """First all alarms and the last hour in figures, then calls, the API, money, and what customers are told.

    `functions` are by folder, `queues` by what waits in them.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        functions: Mapping[str, BillingFunction],
        queues: Mapping[str, sqs.IQueue],
        api: apigateway.HttpApi,
    ) -> None:
        super().__init__(scope, construct_id)
        self._functions = functions
        self.dashboard = cloudwatch.Dashboard(self, "Dashboard", default_interval=Duration.hours(12))
        for widget in self._alarms():
            self.dashboard.add_widgets(widget)
        self.dashboard.add_widgets(*self._last_hour())
        self.dashboard.add_widgets(self._calls(), self._waiting(queues))
        self.dashboard.add_widgets(*self._api(api))
        self.dashboard.add_widgets(self._payments(), self._renewals())
        self.dashboard.add_widgets(self._stripe(), self._telling())

    def _alarms(self) -> Sequence[cloudwatch.IWidget]:
        found = [each for each in Stack.of(self).node.find_all() if isinstance(each, cloudwatch.Alarm)]
        parts = [found[start : start + _ALARMS_A_WIDGET] for start in range(0, len(found), _ALARMS_A_WIDGET)]
        return [
            cloudwatch.AlarmStatusWidget(title=f"Alarms {number}", alarms=part, width=_WHOLE, height=_HEIGHT)
            for number, part in enumerate(parts, start=1)
        ]

    def _last_hour(self) -> Sequence[cloudwatch.IWidget]:
        figures = {
            "Calls settled": self._metric("settle_usage", "EventsSettled"),
            "Payments credited": self._metric("apply_payments", "PaymentsCredited"),
            "Renewals paid": self._metric("renew_subscriptions", "RenewalsPaid"),
            "Part of charges declined": self._metric("relay_changes", "CardDeclined", statistic="Average"),
            "Payments without an answer": self._metric("reconcile", "PaymentsUnansweredAnHour", statistic="Maximum"),
            "Renewals without an answer": self._metric("reconcile", "RenewalsUnansweredAnHour", statistic="Maximum"),
        }
        return [
            cloudwatch.SingleValueWidget(title=title, metrics=[metric], width=_SIXTH, height=_HEIGHT // 2)
            for title, metric in figures.items()
        ]

    def _calls(self) -> cloudwatch.IWidget:
        lag = {statistic: self._graph("settle_usage", "SettlementLag", statistic) for statistic in ("p50", "Maximum")}
        settled = ("EventsSettled", "DuplicateEvents", "RejectedEvents", "FailedEvents", "AccountsPaused")
        return self._graphs(
            "Calls, and how long after their end they are settled",
            [self._graph("settle_usage", name) for name in settled],
            right=list(lag.values()),
        )

    def _waiting(self, queues: Mapping[str, sqs.IQueue]) -> cloudwatch.IWidget:
        ages = [
            queue.metric_approximate_age_of_oldest_message(label=what, statistic="Maximum")
            for what, queue in queues.items()
        ]
        return self._graphs("How long the oldest message waits, by queue", ages)

    def _api(self, api: apigateway.HttpApi) -> Sequence[cloudwatch.IWidget]:
        permission = self._functions["authorize_call"].function
        return (
            self._graphs(
                "The API",
                [api.metric_count(statistic="Sum"), api.metric_client_error(statistic="Sum")],
                right=[api.metric_server_error(statistic="Sum")],
            ),
            self._graphs(
                "How long an answer takes",
                [
                    permission.metric_duration(statistic="p50", label="call permission, p50"),
                    permission.metric_duration(statistic="p99", label="call permission, p99"),
                    api.metric_latency(statistic="p99", label="API, p99"),
                ],
            ),
        )

    def _payments(self) -> cloudwatch.IWidget:
        return self._graphs(
            "Payments and refills",
            [
                *self._graphed("apply_payments", "PaymentsCredited", "PaymentsDeclined"),
                *self._graphed("auto_refill", "RefillsPaid", "RefillsDeclined", "RefillsUnanswered"),
            ],
            right=[self._graph("reconcile", "PaymentsUnansweredAnHour", "Maximum")],
        )

    def _renewals(self) -> cloudwatch.IWidget:
        outcomes = ("RenewalsPaid", "RenewalsDeclined", "RenewalsUnanswered", "RenewalsNotAsked", "FailedRenewals")
        return self._graphs(
            "Renewals",
            self._graphed("renew_subscriptions", *outcomes),
            right=[
                self._graph("schedule_renewals", "RenewalsOverdue", "Maximum"),
                self._graph("reconcile", "RenewalsUnansweredAnHour", "Maximum"),
                self._graph("reconcile", "RenewalsUnanswered72Hours", "Maximum"),
            ],
        )

    def _stripe(self) -> cloudwatch.IWidget:
        counted = ("LateStripeEvents", "StripeEventsSwept", "PaymentsStuck", "LeftForNextRun")
        refused = [
            self._graph(folder, "StripeKeyRefused")
            for folder, function in self._functions.items()
            if function.size.uses_stripe
        ]
        return self._graphs("Stripe", self._graphed("reconcile", *counted), right=refused)

    def _telling(self) -> cloudwatch.IWidget:
        return self._graphs(
            "What customers and platforms are told",
            self._graphed("deliver", "Delivered", "DeliveryRetries", "DeliveriesFailed"),
            right=[self._graph("relay_changes", "NoticesTold"), self._graph("notify", "NoticesNotSpread")],
        )

    def _graphs(
        self, title: str, left: Sequence[cloudwatch.IMetric], *, right: Sequence[cloudwatch.IMetric] = ()
    ) -> cloudwatch.IWidget:
        return cloudwatch.GraphWidget(title=title, left=list(left), right=list(right), width=_HALF, height=_HEIGHT)

    def _graphed(self, folder: str, *names: str) -> list[cloudwatch.IMetric]:
        return [self._graph(folder, name) for name in names]

    def _graph(self, folder: str, name: str, statistic: str = "Sum") -> cloudwatch.Metric:
        return self._functions[folder].metric(name, statistic=statistic)

    def _metric(self, folder: str, name: str, *, statistic: str = "Sum") -> cloudwatch.Metric:
        return self._functions[folder].metric(name, period=_HOUR, statistic=statistic)
