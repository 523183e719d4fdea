"""Webhook endpoints: the platform's own administration of where it hears of notices."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from billing.domain.delivery import Delivery
from billing.domain.errors import Conflict, NotFound
from billing.domain.instants import format_instant
from billing.domain.webhook_endpoint import MAX_ENDPOINTS, WebhookEndpoint, check_url
from billing.store.paging import Listing, page_of
from billing.store.store import Store

MAX_REPLAYED = 200


class WebhookEndpointNotFound(NotFound):
    code = "webhook_endpoint_not_found"

    def __init__(self, endpoint_id: str) -> None:
        super().__init__(f'there is no webhook endpoint "{endpoint_id}"')


def create_endpoint(store: Store, endpoint: WebhookEndpoint, secret: str, *, local: bool) -> None:
    """Keep a new endpoint and its secret. Raises InvalidValue for its address, Conflict beyond MAX_ENDPOINTS."""
    check_url(endpoint.url, local=local)
    if len(store.webhook_endpoints.all()) >= MAX_ENDPOINTS:
        raise Conflict(f"there are at most {MAX_ENDPOINTS} webhook endpoints", code="too_many_webhook_endpoints")
    store.webhook_endpoints.add(endpoint, secret)


def list_endpoints(store: Store, limit: int, cursor: str | None) -> Listing[WebhookEndpoint]:
    """The oldest first. Raises InvalidValue (cursor)."""
    return page_of(
        store.webhook_endpoints.all(),
        lambda each: (format_instant(each.created_at), each.endpoint_id),
        limit,
        cursor,
    )


def find_endpoint(store: Store, endpoint_id: str) -> WebhookEndpoint:
    """Raises WebhookEndpointNotFound."""
    endpoint = store.webhook_endpoints.get(endpoint_id)
    if endpoint is None:
        raise WebhookEndpointNotFound(endpoint_id)
    return endpoint


@dataclass(frozen=True, slots=True)
class EndpointChange:
    """What is None stays. No events at all stand for every event."""

    url: str | None = None
    events: Sequence[str] | None = None
    description: str | None = None
    enabled: bool | None = None


def change_endpoint(store: Store, endpoint_id: str, change: EndpointChange, *, local: bool) -> WebhookEndpoint:
    """Raises WebhookEndpointNotFound, InvalidValue for the address, Conflict where it was disabled at this moment.

    Enabling gives it another chance from the start. What it missed waits for a replay.
    """
    before = find_endpoint(store, endpoint_id)
    after = replace(
        before,
        url=before.url if change.url is None else check_url(change.url, local=local),
        events=before.events if change.events is None else tuple(change.events),
        description=before.description if change.description is None else change.description,
    )
    if change.enabled is not None and change.enabled != before.enabled:
        after = replace(after, enabled=change.enabled, disabled_reason=None, failing_since=None)
    if not store.webhook_endpoints.change(before, after):
        raise Conflict("the endpoint was enabled or disabled at this moment: look, and decide again")
    return after


def rotate_secret(store: Store, endpoint_id: str, secret: str, now: datetime) -> None:
    """Sign with a new secret, and for a day with the former one as well. Raises WebhookEndpointNotFound."""
    if not store.webhook_endpoints.rotate_secret(endpoint_id, secret, now):
        raise WebhookEndpointNotFound(endpoint_id)


def remove_endpoint(store: Store, endpoint_id: str) -> None:
    """It hears of nothing from now on; what is on its way is given up. Raises WebhookEndpointNotFound."""
    if not store.webhook_endpoints.remove(endpoint_id):
        raise WebhookEndpointNotFound(endpoint_id)


def list_deliveries(store: Store, endpoint_id: str, limit: int, cursor: str | None) -> Listing[Delivery]:
    """The newest first, of the last thirty days. Raises WebhookEndpointNotFound, InvalidValue (cursor)."""
    find_endpoint(store, endpoint_id)
    return store.deliveries.page(endpoint_id, limit, cursor)


def replay_deliveries(
    store: Store,
    endpoint_id: str,
    *,
    since: datetime,
    include_delivered: bool,
    cursor: str | None,
    now: datetime,
) -> tuple[int, str | None]:
    """Attempt again what was made for the endpoint since a moment and did not arrive, or all of it.

    Looks at MAX_REPLAYED deliveries; returns how many are due now and the cursor that goes on, None at the end. The
    sweep sends them, under their old ids. Raises WebhookEndpointNotFound, Conflict where the endpoint is disabled.
    """
    if not find_endpoint(store, endpoint_id).enabled:
        raise Conflict("the endpoint is disabled: enable it first", code="webhook_endpoint_disabled")
    found = store.deliveries.since(endpoint_id, since, MAX_REPLAYED, cursor)
    wanted = {"failed", "held", "delivered"} if include_delivered else {"failed", "held"}
    replayed = [each for each in found.items if each.status in wanted and store.deliveries.move(each, each.again(now))]
    return len(replayed), found.next_cursor
