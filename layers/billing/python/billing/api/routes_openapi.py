"""The API's own description."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from billing.web.routing import Call, route, routes_of


class OpenApiRoutes:
    """Describes the routes of `resources`, its own, and those that other functions answer."""

    def __init__(self, resources: Sequence[object]) -> None:
        self._resources = resources

    @route("GET", "/openapi.json", scope=None)
    def get_openapi(self, call: Call) -> dict[str, Any]:
        """This document (OpenAPI 3.1). Open to all."""
        return {**self._document, "servers": [{"url": call.origin or "/"}]}

    @cached_property
    def _document(self) -> dict[str, Any]:
        # Generating the schemas takes time that no cold start should spend.
        from billing.api.edge_operations import EDGE_OPERATIONS
        from billing.api.event_schemas import event_schemas
        from billing.web.openapi import document
        from billing.web.operations import operations_of

        return document([*EDGE_OPERATIONS, *operations_of(routes_of([*self._resources, self]))], event_schemas())
