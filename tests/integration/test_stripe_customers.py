"""An account's name and address follow to its customer at Stripe, at once or before the next use of it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from billing.domain.account import Account
from billing.payments.errors import StripeRefused
from billing.payments.gateway import Gateway
from billing.services.stripe_customer import stripe_customer
from billing.store.accounts import AccountItem
from tests.api_client import Client, Line, client_over
from tests.builders import NOW, micros
from tests.paying_account import Paying

RENAMED = {"name": "Acme Inc", "email": "accounts@acme.example"}


@pytest.fixture
def client(paying: Paying) -> Client:
    return client_over(paying.database, Line(), paying.gateway)


def change(client: Client, body: dict[str, str]) -> None:
    """A change that holds here whatever Stripe does."""
    answer = client.send("PATCH", "/v1/accounts/acme", body)
    assert answer.status == 200
    assert body.items() <= answer.json.items()
    assert client.get("/v1/accounts/acme").json == answer.json


def at_stripe(paying: Paying) -> dict[str, Any]:
    (customer,) = paying.read("customers")
    return {name: customer[name] for name in RENAMED}


def updates(paying: Paying) -> int:
    """How often Stripe was told of a change."""
    asked = paying.stripe.control("requests", method="GET")["requests"]
    return sum(each["method"] == "POST" and each["path"].startswith("/v1/customers/cus_") for each in asked)


def test_a_change_of_name_and_address_reaches_stripe_at_once(client: Client, paying: Paying) -> None:
    paying.add_card()
    change(client, RENAMED)
    assert at_stripe(paying) == RENAMED
    change(client, {"email": "other@acme.example"})
    assert at_stripe(paying) == RENAMED | {"email": "other@acme.example"}
    assert paying.read("customers")[0]["metadata"] == {"talktime_account": "acme", "talktime_stage": "test"}


def test_stripe_is_told_once_and_of_nothing_else(client: Client, paying: Paying) -> None:
    paying.add_card()
    assert updates(paying) == 0, "a customer that was just made is up to date"
    for _ in range(2):
        change(client, RENAMED)
    change(client, {"language": "ar"})
    paying.top_up("50", card=paying.cards[0].payment_method_id)
    paying.top_up("50", transaction_id="tx_2")
    assert updates(paying) == 1


def test_without_a_customer_at_stripe_none_is_made_for_a_change(client: Client, paying: Paying) -> None:
    change(client, RENAMED)
    assert paying.read("customers") == []
    paying.top_up("50")
    assert at_stripe(paying) == RENAMED
    assert updates(paying) == 0


@pytest.mark.parametrize("fault", ["timeout_before", "timeout_after", "500_before", "500_after", "429"])
@pytest.mark.parametrize("use", ["charge", "page", "card", "hold"])
def test_where_stripe_does_not_answer_the_change_holds_and_the_next_use_tells_it_first(
    client: Client, paying: Paying, caplog: pytest.LogCaptureFixture, fault: str, use: str
) -> None:
    paying.add_card()
    entered = paying.enter_card("pm_card_mastercard", key="page-2")
    paying.fault("/v1/customers/*", fault)
    change(client, RENAMED)
    assert "Stripe was not told of a change" in caplog.text
    uses: dict[str, Callable[[], object]] = {
        "charge": lambda: paying.top_up("50", card=paying.cards[0].payment_method_id),
        "page": lambda: paying.top_up("50"),
        "card": lambda: client.post("/v1/accounts/acme/payment-methods", {}),
        "hold": lambda: paying.tell("checkout.session.completed", entered),
    }
    told = updates(paying)
    uses[use]()
    assert at_stripe(paying) == RENAMED
    stripe_customer(paying.store, paying.gateway, "acme", NOW)
    assert updates(paying) == told + 1


def test_a_charge_waits_while_stripe_cannot_be_told(client: Client, paying: Paying) -> None:
    paying.add_card()
    paying.fault("/v1/customers/*", "429", times=2)
    change(client, RENAMED)
    card = paying.cards[0].payment_method_id
    assert paying.top_up("50", card=card).status == "Processing"
    assert paying.top_up("50", card=card, now=NOW + timedelta(minutes=1)).status == "Paid"
    assert at_stripe(paying) == RENAMED
    assert paying.wallet.balance_micros == micros("50")


def test_an_update_that_stripe_refuses_is_logged_and_stops_no_charge(
    client: Client, paying: Paying, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    paying.add_card()

    def refuse(_gateway: Gateway, _customer_id: str, _account: Account) -> None:
        raise StripeRefused("Invalid email address", code="email_invalid", param="email")

    monkeypatch.setattr(Gateway, "update_customer", refuse)
    change(client, RENAMED)
    assert paying.top_up("50", card=paying.cards[0].payment_method_id).status == "Paid"
    assert "Stripe refused a customer's name or address" in caplog.text
    assert at_stripe(paying) != RENAMED
    monkeypatch.undo()
    paying.top_up("50", transaction_id="tx_2")
    assert at_stripe(paying) == RENAMED


def test_a_customer_of_an_earlier_release_is_told_at_its_next_use(paying: Paying) -> None:
    paying.add_card()
    forget_digest(paying)
    for number in range(2):
        paying.top_up("50", transaction_id=f"tx_{number}")
    assert updates(paying) == 1


def forget_digest(paying: Paying) -> None:
    paying.database.update(AccountItem, {"account_id": "acme"}, UpdateExpression="REMOVE stripe_customer_digest")


def test_the_use_of_a_customer_reads_its_account_once(paying: Paying) -> None:
    stripe_customer(paying.store, paying.gateway, "acme", NOW)
    read: list[str] = []
    paying.database.client.meta.events.register(
        "provide-client-params.dynamodb.GetItem", lambda params, **_: read.append(params["TableName"])
    )
    stripe_customer(paying.store, paying.gateway, "acme", NOW)
    assert read == ["accounts"]


def test_of_two_changes_at_once_the_one_that_holds_here_is_at_stripe_in_the_end(
    client: Client, paying: Paying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one's request reaches Stripe after the second one's, and overwrites it there."""
    paying.add_card()
    update, waiting = Gateway.update_customer, [lambda: change(client, {"name": "Second"})]

    def outrun(gateway: Gateway, customer_id: str, account: Account) -> None:
        if waiting:
            waiting.pop()()
        update(gateway, customer_id, account)

    monkeypatch.setattr(Gateway, "update_customer", outrun)
    client.send("PATCH", "/v1/accounts/acme", {"name": "First"})
    assert at_stripe(paying)["name"] == "First"
    assert client.get("/v1/accounts/acme").json["name"] == "Second"
    paying.top_up("50")
    assert at_stripe(paying)["name"] == "Second"


def test_many_uses_at_once_of_a_customer_of_an_earlier_release_leave_it_known(paying: Paying) -> None:
    paying.add_card()
    forget_digest(paying)
    with ThreadPoolExecutor(4) as pool:
        used = set(pool.map(lambda _: stripe_customer(paying.store, paying.gateway, "acme", NOW), range(4)))
    told = updates(paying)
    assert {stripe_customer(paying.store, paying.gateway, "acme", NOW)} == used
    assert updates(paying) == told
