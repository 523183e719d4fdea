"""Who is told: the platform's webhook endpoints, and the customer's balance alerts."""

import secrets

from billing.api.notices import (
    BalanceAlertsBody,
    BalanceAlertsView,
    DeliveryPage,
    DeliveryView,
    NewWebhookEndpointBody,
    NewWebhookEndpointView,
    ReplayDeliveriesBody,
    ReplayedDeliveriesView,
    WebhookEndpointChangeBody,
    WebhookEndpointPage,
    WebhookEndpointView,
    WebhookSecretView,
)
from billing.domain.webhook_endpoint import SECRET_BYTES, WebhookEndpoint, secret_text
from billing.services import webhook_endpoints as services
from billing.services.accounts import find_wallet
from billing.services.balance_alerts import set_balance_alerts
from billing.store.store import Store
from billing.web.routing import Call, route
from billing.web.values import PageQuery

_ID_BYTES = 12
_ONE = {404: ("webhook_endpoint_not_found",)}


class WebhookEndpointsRoutes:
    """Where `local`, addresses of this machine are taken."""

    def __init__(self, store: Store, *, local: bool) -> None:
        self._store = store
        self._local = local

    @route("POST", "/v1/webhook-endpoints", scope="admin", status=201, refusals={409: ("too_many_webhook_endpoints",)})
    def create_webhook_endpoint(self, call: Call, body: NewWebhookEndpointBody) -> NewWebhookEndpointView:
        """Be told of events at an address, by the Standard Webhooks specification. The secret is shown here only."""
        endpoint = WebhookEndpoint(
            endpoint_id=f"we_{secrets.token_hex(_ID_BYTES)}",
            url=body.url,
            events=tuple(body.events or ()),
            description=body.description or "",
            created_at=call.now,
        )
        secret = secret_text(secrets.token_bytes(SECRET_BYTES))
        services.create_endpoint(self._store, endpoint, secret, local=self._local)
        return NewWebhookEndpointView(**WebhookEndpointView.of(endpoint).model_dump(), secret=secret)

    @route("GET", "/v1/webhook-endpoints", scope="admin")
    def list_webhook_endpoints(self, query: PageQuery) -> WebhookEndpointPage:
        """The oldest first, without their secrets."""
        page = services.list_endpoints(self._store, query.limit, query.cursor)
        items = [WebhookEndpointView.of(endpoint) for endpoint in page.items]
        return WebhookEndpointPage(items=items, next_cursor=page.next_cursor)

    @route("GET", "/v1/webhook-endpoints/{endpoint_id}", scope="admin", refusals=_ONE)
    def get_webhook_endpoint(self, endpoint_id: str) -> WebhookEndpointView:
        """One endpoint, without its secret."""
        return WebhookEndpointView.of(services.find_endpoint(self._store, endpoint_id))

    @route("PATCH", "/v1/webhook-endpoints/{endpoint_id}", scope="admin", refusals={**_ONE, 409: ("conflict",)})
    def change_webhook_endpoint(self, endpoint_id: str, body: WebhookEndpointChangeBody) -> WebhookEndpointView:
        """Change the address, the events or the description, disable, or enable again."""
        change = services.EndpointChange(**body.model_dump(include=body.model_fields_set))
        return WebhookEndpointView.of(services.change_endpoint(self._store, endpoint_id, change, local=self._local))

    @route("DELETE", "/v1/webhook-endpoints/{endpoint_id}", scope="admin", refusals=_ONE)
    def remove_webhook_endpoint(self, endpoint_id: str) -> None:
        """It hears of nothing from now on."""
        services.remove_endpoint(self._store, endpoint_id)

    @route("POST", "/v1/webhook-endpoints/{endpoint_id}/rotate-secret", scope="admin", refusals=_ONE)
    def rotate_webhook_secret(self, call: Call, endpoint_id: str) -> WebhookSecretView:
        """Make a new secret. For 24 hours each delivery is signed with the former one as well."""
        secret = secret_text(secrets.token_bytes(SECRET_BYTES))
        services.rotate_secret(self._store, endpoint_id, secret, call.now)
        return WebhookSecretView(endpoint_id=endpoint_id, secret=secret)

    @route("GET", "/v1/webhook-endpoints/{endpoint_id}/deliveries", scope="admin", refusals=_ONE)
    def list_webhook_deliveries(self, endpoint_id: str, query: PageQuery) -> DeliveryPage:
        """What was sent to the endpoint, and what came of it."""
        page = services.list_deliveries(self._store, endpoint_id, query.limit, query.cursor)
        return DeliveryPage(items=[DeliveryView.of(each) for each in page.items], next_cursor=page.next_cursor)

    @route(
        "POST",
        "/v1/webhook-endpoints/{endpoint_id}/replay",
        scope="admin",
        refusals={**_ONE, 409: ("webhook_endpoint_disabled",)},
    )
    def replay_webhook_deliveries(
        self, call: Call, endpoint_id: str, body: ReplayDeliveriesBody
    ) -> ReplayedDeliveriesView:
        """Send again what did not arrive, under the same ids, within a minute or two."""
        replayed, cursor = services.replay_deliveries(
            self._store,
            endpoint_id,
            since=body.since,
            include_delivered=body.include_delivered,
            cursor=body.cursor,
            now=call.now,
        )
        return ReplayedDeliveriesView(replayed=replayed, next_cursor=cursor)


class BalanceAlertsRoutes:
    def __init__(self, store: Store) -> None:
        self._store = store

    @route("GET", "/v1/accounts/{account_id}/balance-alerts", scope="billing:read")
    def get_balance_alerts(self, account_id: str) -> BalanceAlertsView:
        """The thresholds below which the customer is told."""
        return BalanceAlertsView.of(find_wallet(self._store, account_id))

    @route("PUT", "/v1/accounts/{account_id}/balance-alerts", scope="billing:write")
    def put_balance_alerts(self, account_id: str, body: BalanceAlertsBody) -> BalanceAlertsView:
        """Be told once each time the balance falls below an amount, unless a refill brings it back."""
        return BalanceAlertsView.of(set_balance_alerts(self._store, account_id, body.thresholds))
