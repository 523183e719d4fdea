import json
import subprocess
import sys
from typing import Any

import httpx
import pytest
import stripe
from stripe import StripeClient

from infra.local.stripe_simulator import RunningSimulator, running_simulator
from tests.contract.stripe_simulator.conftest import client_of
from tests.patience import WITHIN_SECONDS


def test_the_log_tells_each_call_with_its_parameters_key_and_status(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    params: Any = {"amount": 2000, "currency": "usd", "metadata": {"transaction_id": "tx-1"}}
    stripe_client.v1.payment_intents.create(params, {"idempotency_key": "intent-1"})
    with pytest.raises(stripe.InvalidRequestError):
        stripe_client.v1.charges.retrieve("ch_unknown")
    created, read = simulator.control("requests", method="GET")["requests"]
    assert (created["method"], created["path"], created["status"]) == ("POST", "/v1/payment_intents", 200)
    assert created["params"]["metadata"] == {"transaction_id": "tx-1"}
    assert created["idempotency_key"] == "intent-1"
    assert (read["path"], read["status"]) == ("/v1/charges/ch_unknown", 404)


def test_a_reset_forgets_objects_keys_faults_and_the_clock(
    simulator: RunningSimulator, stripe_client: StripeClient
) -> None:
    before = stripe_client.v1.customers.create({"name": "A"}, {"idempotency_key": "key-1"})
    simulator.control("faults", {"method": "*", "path": "*", "fault": "429", "times": 10})
    simulator.control("clock", {"now": 2_000_000_000})
    simulator.control("reset")
    after = stripe_client.v1.customers.create({"name": "B"}, {"idempotency_key": "key-1"})
    assert [item.id for item in stripe_client.v1.customers.list().data] == [after.id]
    assert before.id != after.id
    assert after.created < 2_000_000_000


def test_two_simulators_share_nothing(simulator: RunningSimulator, stripe_client: StripeClient) -> None:
    here = stripe_client.v1.customers.create({"name": "Here"})
    with running_simulator() as other:
        assert other.url != simulator.url
        with pytest.raises(stripe.InvalidRequestError):
            client_of(other).v1.customers.retrieve(here.id)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("faults", {"method": "POST", "path": "/v1/refunds", "fault": "fire"}),
        ("faults", {"method": "POST", "path": "/v1/refunds"}),
        ("faults", {"method": "POST", "path": "/v1/refunds", "fault": "429", "times": 0}),
        ("webhooks", {"hold": "yes"}),
        ("webhooks", {"order": "random"}),
        ("webhooks", {"colour": "red"}),
        ("clock", {"now": "tomorrow"}),
        ("disputes", {"payment_intent": "pi_unknown"}),
        ("payment_methods/pm_unknown", {"behavior": "succeed"}),
        ("nonsense", {}),
    ],
)
def test_a_control_call_that_makes_no_sense_is_refused(
    simulator: RunningSimulator, path: str, body: dict[str, Any]
) -> None:
    with pytest.raises(httpx.HTTPStatusError) as refused:
        simulator.control(path, body)
    assert 400 <= refused.value.response.status_code < 500


def test_the_command_line_prints_one_line_of_json_and_serves() -> None:
    command = [sys.executable, "-m", "infra.local.stripe_simulator", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            started = json.loads(process.stdout.readline())
            client = StripeClient(started["api_key"], base_addresses={"api": started["url"]})
            assert client.v1.customers.create({"name": "Acme"}).name == "Acme"
        finally:
            process.terminate()
            process.wait(WITHIN_SECONDS)
