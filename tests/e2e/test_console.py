"""The console as it is deployed: behind the gateway, within the rights of its functions."""

from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
import pytest

from infra.local.deploy import Outputs
from infra.local.story import SELLER
from infra.local.stripe_simulator import RunningSimulator
from tests.api_client import ACME, FREE
from tests.patience import WITHIN_SECONDS, until
from tests.visitor import Shown


@dataclass
class DeployedVisitor:
    """A browser at the deployed console. `host` is the gateway's name, which leads nowhere outside of a browser."""

    url: str
    host: str
    cookies: dict[str, str] = field(default_factory=dict)

    def send(self, method: str, path: str, fields: dict[str, str] | None = None) -> Shown:
        headers = {"host": self.host, "cookie": "; ".join(f"{name}={text}" for name, text in self.cookies.items())}
        if method == "POST":
            headers["sec-fetch-site"] = "same-origin"
        answer = httpx.request(
            method, self.url + path, data=fields, headers=headers, timeout=WITHIN_SECONDS, trust_env=False
        )
        for cookie in answer.headers.get_list("set-cookie"):
            name, _, rest = cookie.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        is_text = "text" in answer.headers.get("content-type", "")
        html = answer.text if is_text else answer.content[:5].decode()
        return Shown(answer.status_code, dict(answer.headers), html, (), path.partition("?")[0])

    def get(self, path: str) -> Shown:
        shown = self.send("GET", path)
        while shown.status == 303 and not shown.location.startswith("http"):
            shown = self.send("GET", shown.location)
        return shown

    def press(self, shown: Shown, button: str, **typed: str) -> Shown:
        form = shown.form(button)
        sent = self.send("POST", form.action, {**form.fields, **typed})
        return self.get(sent.location) if sent.location.startswith("/") else sent


@pytest.fixture(scope="module")
def visitor(api: httpx.Client, platform: Outputs) -> DeployedVisitor:
    assert api.put("/v1/plans/console", json=FREE).status_code == 200
    assert api.post("/v1/accounts", json={**ACME, "account_id": "console-1"}).status_code == 201
    assert api.put("/v1/accounts/console-1/subscription", json={"plan_id": "console"}).status_code == 200
    assert api.put("/v1/sellers/default", json=SELLER).status_code == 200
    address = urlsplit(api.post("/v1/accounts/console-1/portal-sessions", json={"by": "Μαρία"}).json()["url"])
    visitor = DeployedVisitor(platform.aws_url, address.netloc)
    assert visitor.get(f"{address.path}?{address.query}").title == "Overview – Talktime Ltd"
    return visitor


def on_stripes_page(platform: Outputs, url: str, card: str = "pm_card_visa") -> None:
    RunningSimulator(platform.stripe_url).control(
        f"checkout/sessions/{url.rpartition('/')[2]}/complete", {"card": card}
    )


def test_a_visit_runs_from_card_to_receipt(visitor: DeployedVisitor, platform: Outputs) -> None:
    cards = "/console/payment-methods"
    left = visitor.press(visitor.get(cards), "Add a card")
    on_stripes_page(platform, left.location)
    back = visitor.get(f"{cards}?returned={left.location.rpartition('/')[2]}")
    assert "Visa •••• 4242 is verified and is your default card." in back.text

    card = back.html.split("/console/payment-methods/pm_")[1].partition("/")[0]
    checked = visitor.get(f"/console/add-credit/check?amount=50.00&card=pm_{card}")
    paid = visitor.press(checked, "Pay USD 50.00")
    assert "USD 50.00 is paid. Your balance is USD 50.00." in paid.text
    number = until(lambda: next(iter(visitor.get(paid.path).text.split("TT-")[1:]), None))
    assert number[:5] in {"2026-", "2027-"}
    receipt = visitor.send("GET", f"{paid.path}/receipt.pdf")
    assert (receipt.status, receipt.headers["content-type"], receipt.html) == (200, "application/pdf", "%PDF-")

    overview = visitor.get("/console")
    settings = {"threshold": "20", "amount": "100", "limit": "500", "enabled": "on"}
    assert "Auto-Refill is on." in visitor.press(overview, "Save", **settings).text
    left = visitor.press(visitor.get("/console/add-credit/check?amount=25&card=new"), "To the payment page")
    assert left.location.startswith(platform.stripe_url)

    details = visitor.press(visitor.get("/console/details"), "Save", legal_name="Acme Holding", country="OM")
    assert "The details are saved." in details.text
    visitor.press(visitor.get(cards), "Add a card")
    removed = visitor.press(visitor.get(f"{cards}/pm_{card}/remove"), "Remove")
    assert "was removed, and Auto-Refill is switched off." in removed.text
    assert visitor.press(visitor.get("/console/history"), "Sign out").title == "You are signed out"
    assert visitor.get("/console").status == 401


def test_nobody_gets_in_without_a_visit(visitor: DeployedVisitor, platform: Outputs) -> None:
    stranger = DeployedVisitor(platform.aws_url, visitor.host)
    for path in ("/console", "/console/history", "/console/payment-methods", "/console/nothing"):
        assert stranger.get(path).status == 401
    assert stranger.get("/console/history/tx_1/receipt.pdf").status == 401
    assert stranger.get("/console/enter?t=ps_1.x").status == 401


def test_a_plan_is_chosen_and_canceled_within_the_rights_of_the_function(api: httpx.Client, platform: Outputs) -> None:
    offered = {**FREE, "offered": True}
    for plan in ("console-offer", "console-other"):
        assert api.put(f"/v1/plans/{plan}", json=offered).status_code == 200
    assert api.post("/v1/accounts", json={**ACME, "account_id": "console-2"}).status_code == 201
    address = urlsplit(api.post("/v1/accounts/console-2/portal-sessions", json={"page": "plan"}).json()["url"])
    visitor = DeployedVisitor(platform.aws_url, address.netloc)
    page = visitor.get(f"{address.path}?{address.query}")
    assert "Choose a plan" in page.text
    checked = until(lambda: _checked(visitor, "console-offer"))
    assert "The change is made." in visitor.press(checked, "Make this change").text
    canceled = visitor.press(visitor.get("/console/plan/cancel"), "Cancel the subscription")
    assert "The subscription is canceled" in canceled.text
    assert "The subscription goes on." in visitor.press(visitor.get("/console/plan"), "Keep the subscription").text
    assert visitor.get("/console/plan/pay").path == "/console/plan"


def _checked(visitor: DeployedVisitor, plan_id: str) -> Shown | None:
    shown = visitor.get(f"/console/plan/preview?plan_id={plan_id}")
    return shown if shown.status == 200 else None
