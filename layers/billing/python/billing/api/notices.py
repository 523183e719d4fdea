"""Webhook endpoints, their deliveries, and balance alerts on the wire."""

from typing import Annotated, ClassVar

from pydantic import Field, WithJsonSchema, field_validator, model_validator
from pydantic_core import PydanticCustomError

from billing.domain.delivery import Delivery, DeliveryStatus
from billing.domain.instants import format_instant
from billing.domain.low_balance import MAX_THRESHOLDS
from billing.domain.notice_types import NOTICE_TYPES, NoticeType
from billing.domain.wallet import Wallet
from billing.domain.web_address import MAX_URL_CHARACTERS
from billing.domain.webhook_endpoint import WebhookEndpoint
from billing.web.values import Amount, Body, Cursor, Example, Instant, Moment, MoneyView, Name, View, distinct

EventTypes = Annotated[
    list[NoticeType], Field(max_length=len(NOTICE_TYPES), json_schema_extra={"minItems": 1}), distinct("a type")
]
Url = Annotated[
    str,
    WithJsonSchema(
        {
            "type": "string",
            "format": "uri",
            "maxLength": MAX_URL_CHARACTERS,
            "examples": ["https://platform.example/hooks/billing"],
        }
    ),
]


def _none_for_all(events: list[NoticeType] | None) -> list[NoticeType]:
    """None of them stands for every type, as it is kept: a list that says so by being empty says the opposite."""
    if events is None:
        return []
    if not events:
        raise PydanticCustomError("invalid_value", "must name a type, or be null for every type")
    return events


class NewWebhookEndpointBody(Body):
    """An https address on the internet."""

    example: ClassVar[Example] = {
        "url": "https://platform.example/hooks/billing",
        "events": ["account.paused", "account.resumed"],
    }

    url: Url
    events: EventTypes | None = Field(default_factory=list, description="absent or null for every type")
    description: Name | None = None

    _read_events = field_validator("events")(_none_for_all)


class WebhookEndpointChangeBody(Body):
    """What is left out stays.

    So no member has a default in the document, whatever is read here: a generated client would send it.
    """

    url: Url = Field(default_factory=str)
    events: EventTypes | None = Field(default_factory=list, description="null for every type")
    description: Name = Field(default_factory=str)
    enabled: bool = Field(default_factory=bool)

    _read_events = field_validator("events")(_none_for_all)

    @model_validator(mode="after")
    def _changes_something(self) -> "WebhookEndpointChangeBody":
        if not self.model_fields_set:
            raise PydanticCustomError("invalid_value", "must name at least one of url, events, description and enabled")
        return self


class WebhookEndpointView(View):
    """`disabled_reason` says why the system disabled it. `failing_since` is the first failure since a success."""

    endpoint_id: str
    url: str
    events: list[str] = Field(description="empty for every type")
    description: str
    enabled: bool
    disabled_reason: str | None
    failing_since: Instant | None
    created_at: Instant

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> "WebhookEndpointView":
        return cls(
            endpoint_id=endpoint.endpoint_id,
            url=endpoint.url,
            events=list(endpoint.events),
            description=endpoint.description,
            enabled=endpoint.enabled,
            disabled_reason=endpoint.disabled_reason,
            failing_since=None if endpoint.failing_since is None else format_instant(endpoint.failing_since),
            created_at=format_instant(endpoint.created_at),
        )


class NewWebhookEndpointView(WebhookEndpointView):
    """The one answer that holds the secret."""

    secret: str


class WebhookEndpointPage(View):
    items: list[WebhookEndpointView]
    next_cursor: str | None


class WebhookSecretView(View):
    """The new secret, shown in this answer only. The former one signs as well for 24 hours."""

    endpoint_id: str
    secret: str


class DeliveryView(View):
    """One event's way to one endpoint. `last_status` is the HTTP status of the last answer, if there was one."""

    event_id: str
    type: str
    status: DeliveryStatus
    attempts: int
    created_at: Instant
    last_attempt_at: Instant | None
    last_status: int | None
    last_error: str | None
    next_attempt_at: Instant | None

    @classmethod
    def of(cls, delivery: Delivery) -> "DeliveryView":
        last, due = delivery.last_attempt_at, delivery.due_at
        return cls(
            event_id=delivery.event_id,
            type=delivery.event_type,
            status=delivery.status,
            attempts=delivery.attempts,
            created_at=format_instant(delivery.created_at),
            last_attempt_at=None if last is None else format_instant(last),
            last_status=delivery.last_status,
            last_error=delivery.last_error,
            next_attempt_at=None if due is None else format_instant(due),
        )


class DeliveryPage(View):
    """Newest first, of the last thirty days."""

    items: list[DeliveryView]
    next_cursor: str | None


class ReplayDeliveriesBody(Body):
    """Which to send again: those since a moment that did not arrive or were held while the endpoint was disabled."""

    since: Moment
    include_delivered: bool = False
    cursor: Cursor | None = None


class ReplayedDeliveriesView(View):
    """How many are on their way; ask again with `next_cursor` for more, unless it is null."""

    replayed: int
    next_cursor: str | None


class BalanceAlertsBody(Body):
    """Amounts in the account's currency; an empty list is no alert."""

    example: ClassVar[Example] = {"thresholds": ["20.00", "5.00"]}

    thresholds: Annotated[list[Amount], Field(max_length=MAX_THRESHOLDS), distinct("an amount")]


class BalanceAlertsView(View):
    """The highest first. `alerted_below` is the lowest that the customer was told of and that is not armed again."""

    account_id: str
    thresholds: list[MoneyView]
    alerted_below: MoneyView | None

    @classmethod
    def of(cls, wallet: Wallet) -> "BalanceAlertsView":
        alerted = wallet.alerted_micros
        return cls(
            account_id=wallet.account_id,
            thresholds=[MoneyView.of(each, wallet.currency) for each in wallet.alert_thresholds],
            alerted_below=None if alerted is None else MoneyView.of(alerted, wallet.currency),
        )
