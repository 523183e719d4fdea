from typing import Any

import httpx
import pytest
import stripe
from stripe import AuthenticationError, InvalidRequestError, StripeClient

from infra.local.stripe_simulator import RunningSimulator
from tests.contract.stripe_simulator.conftest import Pay, client_of

ELSEWHERE = ["other_account", "other_mode"]


def _client(simulator: RunningSimulator, kind: str, key: str = "sk_live_ours") -> StripeClient:
    simulator.control("keys", {"key": key, "kind": kind})
    return client_of(RunningSimulator(simulator.url, key))


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_with_a_key_of_elsewhere_nothing_of_ours_exists(
    simulator: RunningSimulator, saved_card: stripe.PaymentMethod, pay: Pay, kind: str
) -> None:
    paid = pay(saved_card.id)
    client = _client(simulator, kind)
    customer = str(saved_card.customer)
    by_path: list[Any] = [
        lambda: client.v1.customers.retrieve(customer),
        lambda: client.v1.customers.update(customer, {"name": "B"}),
        lambda: client.v1.customers.payment_methods.list(customer),
        lambda: client.v1.payment_methods.retrieve(saved_card.id),
        lambda: client.v1.payment_intents.retrieve(paid.id),
        lambda: client.v1.charges.retrieve(str(paid.latest_charge)),
    ]
    by_parameter: list[Any] = [
        lambda: client.v1.payment_intents.create({"amount": 2000, "currency": "usd", "customer": customer}),
        lambda: client.v1.setup_intents.create({"customer": customer}),
        lambda: client.v1.payment_intents.list({"customer": customer}),
        lambda: client.v1.payment_methods.attach("pm_card_visa", {"customer": customer}),
    ]
    for status, asks in ((404, by_path), (400, by_parameter)):
        for ask in asks:
            with pytest.raises(InvalidRequestError) as refused:
                ask()
            assert (refused.value.http_status, refused.value.code) == (status, "resource_missing")
            assert (refused.value.param == "customer") == (status == 400)


def test_a_customer_of_another_account_is_simply_not_there(
    simulator: RunningSimulator, customer: stripe.Customer
) -> None:
    with pytest.raises(InvalidRequestError) as refused:
        _client(simulator, "other_account", "sk_test_other").v1.customers.retrieve(customer.id)
    assert refused.value.error is not None
    assert refused.value.error.message == f"No such customer: '{customer.id}'"


def test_a_customer_of_the_other_mode_is_said_to_be_there(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer
) -> None:
    live = _client(simulator, "other_mode")
    with pytest.raises(InvalidRequestError) as refused:
        live.v1.customers.retrieve(customer.id)
    assert refused.value.error is not None
    assert refused.value.error.message == (
        f"No such customer: '{customer.id}'; a similar object exists in test mode, but a live mode key was used to "
        "make this request."
    )
    theirs = live.v1.customers.create({"name": "Live"})
    assert theirs.livemode
    with pytest.raises(InvalidRequestError, match="exists in live mode, but a test mode key was used"):
        stripe_client.v1.customers.retrieve(theirs.id)


@pytest.mark.parametrize("kind", ELSEWHERE)
def test_an_account_elsewhere_is_empty_and_works(
    simulator: RunningSimulator, stripe_client: StripeClient, customer: stripe.Customer, kind: str
) -> None:
    client = _client(simulator, kind)
    assert (client.v1.customers.list().data, client.v1.events.list().data) == ([], [])
    made = client.v1.customers.create({"name": "Elsewhere"})
    card = client.v1.payment_methods.attach("pm_card_visa", {"customer": made.id})
    assert card.customer == made.id
    assert [item.id for item in stripe_client.v1.customers.list().data] == [customer.id]


def test_an_idempotency_key_is_of_one_account(simulator: RunningSimulator, stripe_client: StripeClient) -> None:
    other = _client(simulator, "other_account")
    here, there = (
        client.v1.customers.create({"name": name}, {"idempotency_key": "key-1"})
        for client, name in ((stripe_client, "Here"), (other, "There"))
    )
    assert here.id != there.id


def test_accounts_elsewhere_have_the_same_clock_and_tell_no_endpoint(simulator: RunningSimulator) -> None:
    other = _client(simulator, "other_account")
    simulator.control("clock", {"now": 2_000_000_000})
    simulator.control("webhooks", {"hold": True})
    assert other.v1.customers.create({"name": "There"}).created >= 2_000_000_000
    assert simulator.control("webhooks", method="GET")["held"] == []


def test_a_restricted_key_is_a_403_without_a_code(simulator: RunningSimulator) -> None:
    with pytest.raises(stripe.PermissionError) as refused:
        _client(simulator, "restricted", "rk_test_ours").v1.balance.retrieve()
    assert refused.value.error is not None
    assert (refused.value.http_status, refused.value.error.type) == (403, "invalid_request_error")
    assert getattr(refused.value.error, "code", None) is None


def test_a_revoked_key_has_expired_until_it_is_good_again(simulator: RunningSimulator) -> None:
    client = _client(simulator, "revoked", simulator.api_key)
    with pytest.raises(AuthenticationError) as refused:
        client.v1.balance.retrieve()
    assert refused.value.error is not None
    assert (refused.value.http_status, refused.value.error.code) == (401, "api_key_expired")
    assert simulator.api_key not in str(refused.value)
    assert _client(simulator, "good", simulator.api_key).v1.balance.retrieve().object == "balance"


@pytest.mark.parametrize("key", ["sk_live_unknown", "rk_test_unknown", "pk_test_1"])
def test_a_key_of_which_nothing_was_said_is_invalid_unless_it_is_a_secret_test_key(
    simulator: RunningSimulator, key: str
) -> None:
    with pytest.raises(AuthenticationError) as refused:
        client_of(RunningSimulator(simulator.url, key)).v1.balance.retrieve()
    assert refused.value.error is not None
    assert getattr(refused.value.error, "code", None) is None


@pytest.mark.parametrize("body", [{"key": "sk_test_x", "kind": "lost"}, {"key": "pk_test_x", "kind": "revoked"}])
def test_a_key_that_makes_no_sense_is_refused(simulator: RunningSimulator, body: dict[str, Any]) -> None:
    with pytest.raises(httpx.HTTPStatusError):
        simulator.control("keys", body)


def test_a_reset_forgets_what_was_said_of_keys(simulator: RunningSimulator) -> None:
    client = _client(simulator, "revoked", simulator.api_key)
    simulator.control("reset")
    assert client.v1.balance.retrieve().object == "balance"
