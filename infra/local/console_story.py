"""A customer's visit to the console, as a browser makes it: by the address that the platform asked for."""

import gzip
import http.client
from urllib.parse import urlsplit

from infra.local.client import Api
from infra.local.deploy import Outputs
from infra.local.telling import Story

_TIMEOUT_SECONDS = 60
_PAGES = {
    "/console": "Overview",
    "/console/add-credit": "Add credit",
    "/console/payment-methods": "Payment methods",
    "/console/plan": "Plan",
    "/console/history": "Billing history",
    "/console/details": "Billing details",
}


def console_address(outputs: Outputs, account_id: str) -> str:
    """An address that opens the account's console, once. Browsers find its host on this machine."""
    api = Api(outputs.api_url, outputs.admin_key)
    url: str = api.post(f"/v1/accounts/{account_id}/portal-sessions", {"by": "make run"})["url"]
    return url


def a_customer_visits_the_console(story: Story) -> None:
    story.tell("\nThe customer opens the console: balance, cards, payments")
    entered = urlsplit(console_address(story.outputs, "initech"))
    host, port = story.outputs.aws_url.rpartition("/")[2].split(":")
    # The name of the gateway leads here for browsers, and is no name for others.
    gateway = http.client.HTTPConnection(host, int(port), timeout=_TIMEOUT_SECONDS)
    status, cookie, _ = _get(gateway, entered.netloc, f"{entered.path}?{entered.query}")
    story.check("the way in", (status, cookie.startswith("__Host-tt_session=ps_")), (303, True))
    for path, title in _PAGES.items():
        status, _, page = _get(gateway, entered.netloc, path, cookie.partition(";")[0])
        story.check(path, (status, f"<title>{title} – Talktime Ltd</title>" in page), (200, True))
    gateway.close()


def _get(gateway: http.client.HTTPConnection, host: str, path: str, cookie: str = "") -> tuple[int, str, str]:
    """The status, the cookie that is set, and the page."""
    gateway.request("GET", path, headers={"host": host, "cookie": cookie, "accept-encoding": "gzip"})
    answer = gateway.getresponse()
    body = answer.read()
    is_packed = answer.headers["content-encoding"] == "gzip"
    text = (gzip.decompress(body) if is_packed else body).decode()
    return answer.status, answer.headers["set-cookie"] or "", text
