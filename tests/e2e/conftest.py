"""The deployed product, driven as its users drive it: over HTTP."""

from collections.abc import Iterator

import httpx
import pytest

from infra.local.deploy import Outputs
from tests.patience import WITHIN_SECONDS


@pytest.fixture(scope="session")
def api(platform: Outputs) -> Iterator[httpx.Client]:
    """The HTTP API with the administrator's key: `api.get("/v1/plans")`."""
    headers = {"authorization": f"Bearer {platform.admin_key}"}
    with httpx.Client(base_url=platform.api_url, headers=headers, timeout=WITHIN_SECONDS) as client:
        yield client
