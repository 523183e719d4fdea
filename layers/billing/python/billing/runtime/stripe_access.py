"""How a function gets at Stripe: keys from Secrets Manager, or from the environment on one machine."""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Final, Protocol

from billing.payments.settings import StripeSettings, parse_api_key, parse_webhook_secrets
from billing.payments.time_limit import TimeLimit
from billing.runtime import aws, metrics
from billing.runtime.kept_secret import KeptSecret
from billing.runtime.settings import Settings

if TYPE_CHECKING:
    from billing.payments.gateway import Gateway

_OWN_SECONDS: Final = 3.0


def gateway(settings: Settings, service: str, limit: TimeLimit | None = None) -> "Gateway":
    """`service` is the function, which counts how often Stripe refuses our key. Raises StripeNotConfigured.

    A key that is replaced holds for the gateway that is there already (see KeptSecret).
    """
    # Importing the SDK takes 100 ms, which functions that only may need Stripe spend when they do.
    from billing.payments.gateway import Gateway

    keys = KeptSecret(lambda: parse_api_key(_said(settings, "STRIPE_API_KEY")))
    return Gateway(
        StripeSettings(keys.current(), settings.stripe.get("STRIPE_API_BASE") or None),
        settings.stage,
        limit=limit,
        keys=keys,
        key_refused=lambda: metrics.emit(service, datetime.now(UTC), counts={"StripeKeyRefused": 1}),
    )


def on_demand(settings: Settings, service: str) -> "tuple[TimeLimit, Callable[[], Gateway]]":
    """A time limit, and what makes the gateway that it holds for when that is first needed."""
    limit = TimeLimit()
    return limit, cache(partial(gateway, settings, service, limit))


def checkout_origins(settings: Settings) -> tuple[str, ...]:
    """Where Stripe's pages are: a simulator has them where it answers, Stripe has them elsewhere."""
    return (settings.stripe.get("STRIPE_API_BASE") or "https://checkout.stripe.com",)


class Invocation(Protocol):
    """Lambda's context, as far as it is asked."""

    def get_remaining_time_in_millis(self) -> int: ...


def seconds_left(context: Invocation) -> float:
    """How long an invocation may wait for Stripe. Some of what Lambda gives it is for writing down what it heard."""
    return context.get_remaining_time_in_millis() / 1000 - _OWN_SECONDS


def _said(settings: Settings, name: str) -> str:
    """The secret of Secrets Manager that STRIPE_..._SECRET names, or the variable itself on one machine."""
    secret_id = settings.stripe.get(f"{name}_SECRET")
    return (aws.secret(secret_id) if secret_id else settings.stripe.get(name, "")).strip()


def webhook_secrets(settings: Settings) -> KeptSecret[tuple[str, ...]]:
    """Raises StripeNotConfigured when there are none."""
    return KeptSecret(lambda: parse_webhook_secrets(_said(settings, "STRIPE_WEBHOOK_SECRETS")))
