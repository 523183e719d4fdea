"""All routes of the JSON API but for the hot paths, which functions of their own answer (see `edge_operations`)."""

from collections.abc import Callable

from billing.api.routes_accounts import AccountsRoutes
from billing.api.routes_api_keys import ApiKeysRoutes
from billing.api.routes_credit import CreditRoutes
from billing.api.routes_documents import DocumentsRoutes
from billing.api.routes_exports import ExportsRoutes
from billing.api.routes_history import HistoryRoutes
from billing.api.routes_notices import BalanceAlertsRoutes, WebhookEndpointsRoutes
from billing.api.routes_openapi import OpenApiRoutes
from billing.api.routes_payments import PaymentsRoutes
from billing.api.routes_plans import PlansRoutes
from billing.api.routes_portal_sessions import PortalSessionsRoutes
from billing.api.routes_rejected_events import RejectedEventsRoutes
from billing.api.routes_sellers import SellersRoutes
from billing.api.routes_subscriptions import SubscriptionsRoutes
from billing.payments.gateway import Gateway
from billing.services.ingest_events import Queue
from billing.store.store import Store
from billing.web.routing import Api
from billing.words.pages import Page


def rest_api(store: Store, queue: Queue, gateway: Callable[[], Gateway], *, return_url: str, local: bool) -> Api:
    """The routes over a store, a queue and Stripe, which is asked for only by a request that needs it.

    `return_url` is where Stripe's pages send customers back to. Where `local`, webhooks may go to this machine.
    """
    resources: list[object] = [
        PlansRoutes(store),
        SubscriptionsRoutes(store, gateway, return_url),
        AccountsRoutes(store, gateway),
        PaymentsRoutes(store, gateway, return_url),
        CreditRoutes(store),
        HistoryRoutes(store),
        ExportsRoutes(store),
        ApiKeysRoutes(store),
        RejectedEventsRoutes(store, queue),
        WebhookEndpointsRoutes(store, local=local),
        BalanceAlertsRoutes(store),
        SellersRoutes(store),
        PortalSessionsRoutes(store),
    ]
    return Api([*resources, OpenApiRoutes([*resources, DocumentsRoutes(store, _by_another_function)])])


def _by_another_function(_: Page) -> bytes:
    raise AssertionError("these routes are only described here")
