"""How a function gets at Stripe: its time, and that a refused key is heard of."""

import json
from dataclasses import dataclass

import pytest

from billing.payments.errors import PaymentsMisconfigured
from billing.runtime.settings import from_environment
from billing.runtime.stripe_access import gateway, seconds_left
from infra.local.stripe_simulator import RunningSimulator


@dataclass
class Invocation:
    milliseconds: int

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def test_some_of_the_time_is_kept_for_what_is_written() -> None:
    assert seconds_left(Invocation(60_000)) == 57


def test_a_refused_key_is_counted_by_the_function_that_asked(
    stripe_simulator: RunningSimulator, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stripe_simulator.control("keys", {"key": "sk_test_gone", "kind": "revoked"})
    for name, value in {"STRIPE_API_KEY": "sk_test_gone", "STRIPE_API_BASE": stripe_simulator.url}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STAGE", "test")
    asked = gateway(from_environment(), "auto_refill")
    with pytest.raises(PaymentsMisconfigured, match="Expired API Key"):
        asked.intent("pi_1")
    (line,) = [json.loads(each) for each in capsys.readouterr().out.splitlines() if "StripeKeyRefused" in each]
    assert (line["service"], line["StripeKeyRefused"]) == ("auto_refill", 1)
