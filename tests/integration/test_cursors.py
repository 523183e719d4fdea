"""A cursor belongs to its own list and query. Any other takes it or refuses it by its field, and never breaks."""

from itertools import product

import pytest

from billing.store.database import Database
from tests.api_client import ACME, STARTER, with_acme
from tests.builders import NOW, call
from tests.gateway import Gateway, gateway_over
from tests.platform_of_one import World

HOOK = "https://platform.example/hooks"
# Each list with its queries; the first of them has more than one row in the account below.
QUERIES = {
    "/v1/plans": [""],
    "/v1/accounts": ["", "&name=ac", "&email=billing@acme.example", "&status=active", "&status=paused"],
    "/v1/accounts/acme/workspaces": [""],
    "/v1/accounts/acme/payment-methods": [""],
    "/v1/accounts/acme/transactions": ["", "&kind=adjustment", "&status=Failed", "&from=2026-11-01", "&to=2026-11-02"],
    "/v1/accounts/acme/ledger": [""],
    "/v1/accounts/acme/usage/records": ["", "&workspace_id=42", "&from=2026-11-01", "&to=2026-11-02"],
    "/v1/accounts/other/ledger": [""],
    "/v1/api-keys": [""],
    "/v1/rejected-events": ["", "&status=open", "&status=replayed"],
    "/v1/webhook-endpoints": [""],
}


@pytest.fixture
def gateway(database: Database) -> Gateway:
    gateway = gateway_over(database)
    with_acme(gateway)
    wanted = [
        gateway.put("/v1/plans/starter", STARTER),
        gateway.post("/v1/accounts", {**ACME, "account_id": "other", "name": "Acme 二"}),
        gateway.put("/v1/workspaces/43", {"account_id": "acme"}),
    ]
    for number in range(3):
        key = f"wire-{number}"
        by_hand = {"amount": "1.00", "reason": "حوالة", "by": "ops@acme.example"}
        wanted.append(gateway.post("/v1/accounts/acme/adjustments", by_hand, idempotency_key=key))
        wanted.append(gateway.post("/v1/accounts/other/adjustments", by_hand, idempotency_key=key))
        wanted.append(gateway.post("/v1/api-keys", {"name": key, "scopes": ["usage:write"]}))
        wanted.append(gateway.post("/v1/webhook-endpoints", {"url": f"{HOOK}/{number}"}))
        wanted.append(gateway.post("/v1/events", {"id": f"rejected-{number}", "type": "call.ended"}))
    assert {answer.status for answer in wanted} <= {200, 201, 202}
    World(database).settle(*(call(f"e{number}", workspace_id="42") for number in range(3)), now=NOW)
    return gateway


def cursors(gateway: Gateway) -> dict[str, str]:
    found = {}
    for path, queries in QUERIES.items():
        for query in queries:
            answer = gateway.get(f"{path}?limit=1{query}")
            assert answer.status == 200, (path, query, answer.text)
            if answer.json["next_cursor"]:
                found[path + query] = answer.json["next_cursor"]
    return found


def test_every_list_takes_every_cursor_or_refuses_it_by_its_field(gateway: Gateway) -> None:
    made = cursors(gateway)
    assert len(made) >= 12, sorted(made)
    asked = [f"{path}?limit=1{query}" for path, queries in QUERIES.items() for query in queries]
    refused = 0
    for (origin, cursor), url in product(made.items(), asked):
        answer = gateway.get(f"{url}&cursor={cursor}")
        is_its_own = url.replace("?limit=1", "") == origin
        assert answer.status == 200 or (answer.status == 422 and answer.fields == ["cursor"]), (origin, url)
        assert answer.status == 200 or not is_its_own, url
        refused += answer.status == 422
    assert refused > len(made) * len(asked) * 3 // 4
