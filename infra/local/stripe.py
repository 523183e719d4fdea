"""The Stripe that a platform on this machine pays with: the simulator, or Stripe's own test mode."""

import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from infra.local.stripe_simulator import RunningSimulator, running_simulator

STRIPE = "https://api.stripe.com"
_TEST_KEY = "sk_test_"


class LiveKeyError(Exception):
    """STRIPE_API_KEY is not one of the test mode: real cards would be charged."""

    def __init__(self) -> None:
        super().__init__(f"STRIPE_API_KEY must begin with {_TEST_KEY}: on this machine no real card is charged.")


@dataclass(frozen=True, slots=True)
class LocalStripe:
    """Where it answers, and what functions are told of it. `simulator` is None where it is Stripe itself.

    Stripe itself cannot send webhooks to this machine: there, reconciliation hears of everything, within minutes.
    """

    url: str
    environment: Mapping[str, str]
    simulator: RunningSimulator | None = None

    def send_webhooks_to(self, url: str) -> None:
        if self.simulator is not None:
            secret = self.environment["STRIPE_WEBHOOK_SECRETS"]
            self.simulator.control("webhook_endpoint", {"url": url, "secret": secret})


@contextmanager
def running_stripe() -> Iterator[LocalStripe]:
    """The simulator until the block ends; Stripe's test mode where STRIPE_API_KEY is set. Raises LiveKeyError."""
    webhook_secret = f"whsec_{secrets.token_hex(16)}"
    key = os.environ.get("STRIPE_API_KEY")
    if key:
        if not key.startswith(_TEST_KEY):
            raise LiveKeyError
        yield LocalStripe(STRIPE, {"STRIPE_API_KEY": key, "STRIPE_WEBHOOK_SECRETS": webhook_secret})
        return
    with running_simulator() as simulator:
        environment = {
            "STRIPE_API_KEY": simulator.api_key,
            "STRIPE_API_BASE": simulator.url,
            "STRIPE_WEBHOOK_SECRETS": webhook_secret,
        }
        yield LocalStripe(simulator.url, environment, simulator)
