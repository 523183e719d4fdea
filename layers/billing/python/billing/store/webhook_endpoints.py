"""Webhook endpoints and their secrets in their tables."""

from datetime import datetime
from typing import Any

from pynamodb.attributes import BooleanAttribute, UnicodeAttribute
from pynamodb.constants import STREAM_NEW_AND_OLD_IMAGE
from pynamodb.models import Model

from billing.domain.webhook_endpoint import MAX_ENDPOINTS, ROTATED_SECRET_LIVES, WebhookEndpoint
from billing.store.attributes import InstantAttribute, JsonAttribute
from billing.store.database import Database, Item
from billing.store.tables import raw_item, readable


class WebhookEndpointItem(Model):
    """An address that hears of notices. Its secret is in a table of its own: who reads addresses need not sign."""

    class Meta:
        table_name = "webhook_endpoints"
        stream_view_type = STREAM_NEW_AND_OLD_IMAGE

    endpoint_id = UnicodeAttribute(hash_key=True)
    url = UnicodeAttribute()
    events = JsonAttribute()
    description = UnicodeAttribute()
    created_at = InstantAttribute()
    enabled = BooleanAttribute()
    disabled_reason = UnicodeAttribute(null=True)
    failing_since = InstantAttribute(null=True)


class WebhookSecretItem(Model):
    """What an endpoint's deliveries are signed with; `previous` as well, until it ends."""

    class Meta:
        table_name = "webhook_secrets"

    endpoint_id = UnicodeAttribute(hash_key=True)
    current = UnicodeAttribute()
    previous = UnicodeAttribute(null=True)
    previous_until = InstantAttribute(null=True)


_KEY = ("endpoint_id",)


class WebhookEndpoints:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, endpoint_id: str) -> WebhookEndpoint | None:
        item = self._database.get(WebhookEndpointItem, {"endpoint_id": endpoint_id})
        return None if item is None else _endpoint(item)

    def all(self) -> list[WebhookEndpoint]:
        """The oldest first. There are few: MAX_ENDPOINTS, and as many more as were made at the same moment."""
        page = self._database.page(
            "scan", WebhookEndpointItem, _KEY, limit=2 * MAX_ENDPOINTS, start=None, ConsistentRead=True
        )
        return sorted(
            readable(WebhookEndpointItem, page.items, read_webhook_endpoint),
            key=lambda each: (each.created_at, each.endpoint_id),
        )

    def add(self, endpoint: WebhookEndpoint, secret: str) -> None:
        secret_item = raw_item(WebhookSecretItem, endpoint_id=endpoint.endpoint_id, current=secret)
        self._database.write_all(
            [
                self._database.put_new(WebhookEndpointItem, _item(endpoint), "endpoint_id"),
                self._database.put_new(WebhookSecretItem, secret_item, "endpoint_id"),
            ]
        )

    def change(self, before: WebhookEndpoint, after: WebhookEndpoint) -> bool:
        """Write what differs. False, having written nothing, where the endpoint is gone or no longer as enabled."""
        old, new = _item(before), _item(after)
        changed = {name: new.get(name) for name in old.keys() | new.keys() if old.get(name) != new.get(name)}
        if not changed:
            return True
        sets = [f"#{name} = :{name}" for name, value in changed.items() if value is not None]
        removed = [f"#{name}" for name, value in changed.items() if value is None]
        expression = ("SET " + ", ".join(sets) if sets else "") + (" REMOVE " + ", ".join(removed) if removed else "")
        return self._database.update(
            WebhookEndpointItem,
            {"endpoint_id": before.endpoint_id},
            UpdateExpression=expression,
            ConditionExpression="#enabled = :was_enabled",
            ExpressionAttributeNames={f"#{name}": name for name in changed} | {"#enabled": "enabled"},
            ExpressionAttributeValues={":was_enabled": {"BOOL": before.enabled}}
            | {f":{name}": value for name, value in changed.items() if value is not None},
        )

    def remove(self, endpoint_id: str) -> bool:
        """False where there was none. The secret goes too."""
        existed = self._database.delete(WebhookEndpointItem, {"endpoint_id": endpoint_id})
        self._database.delete(WebhookSecretItem, {"endpoint_id": endpoint_id})
        return existed

    def rotate_secret(self, endpoint_id: str, secret: str, now: datetime) -> bool:
        """Sign with a new secret, and with the former one as well while ROTATED_SECRET_LIVES. False where none is."""
        values = raw_item(WebhookSecretItem, current=secret, previous_until=now + ROTATED_SECRET_LIVES)
        return self._database.update(
            WebhookSecretItem,
            {"endpoint_id": endpoint_id},
            UpdateExpression="SET previous = #current, #current = :new, previous_until = :until",
            ConditionExpression="attribute_exists(endpoint_id)",
            ExpressionAttributeNames={"#current": "current"},
            ExpressionAttributeValues={":new": values["current"], ":until": values["previous_until"]},
        )

    def secrets(self, endpoint_id: str, now: datetime) -> list[str]:
        """Those that are valid now, the newest first. None where the endpoint is gone."""
        item = self._database.get(WebhookSecretItem, {"endpoint_id": endpoint_id})
        if item is None:
            return []
        previous = item.previous if item.previous_until is not None and now < item.previous_until else None
        return [item.current] if previous is None else [item.current, previous]


def read_webhook_endpoint(raw: Item) -> WebhookEndpoint:
    return _endpoint(WebhookEndpointItem.from_raw_data(raw))


def _item(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return raw_item(
        WebhookEndpointItem,
        endpoint_id=endpoint.endpoint_id,
        url=endpoint.url,
        events=list(endpoint.events),
        description=endpoint.description,
        created_at=endpoint.created_at,
        enabled=endpoint.enabled,
        disabled_reason=endpoint.disabled_reason,
        failing_since=endpoint.failing_since,
    )


def _endpoint(item: WebhookEndpointItem) -> WebhookEndpoint:
    return WebhookEndpoint(
        endpoint_id=item.endpoint_id,
        url=item.url,
        events=tuple(item.events),
        description=item.description,
        created_at=item.created_at,
        enabled=item.enabled,
        disabled_reason=item.disabled_reason,
        failing_since=item.failing_since,
    )
