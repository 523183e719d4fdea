"""The API's own description."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

from billing.contracts.api.routing import route, routes_of


class OpenApiRoutes:
    def __init__(self, resources: Sequence[object]) -> None:
        self._resources = resources

    @route("GET", "/openapi.json", scope=None)
    def get_openapi(self) -> dict[str, Any]:
        """This document (OpenAPI 3.1). Open to all."""
        return self._document

    @cached_property
    def _document(self) -> dict[str, Any]:
        # Generating the schemas takes time that no cold start should spend.
        from billing.contracts.api.openapi import document

        return document(routes_of([*self._resources, self]))
