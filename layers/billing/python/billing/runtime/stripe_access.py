"""How a function gets at Stripe: keys from Secrets Manager, or from the environment on one machine."""

import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache, partial
from typing import TYPE_CHECKING, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from billing.payments.settings import StripeNotConfigured, StripeSettings, parse_webhook_secrets
from billing.payments.time_limit import TimeLimit
from billing.runtime import aws, metrics
from billing.runtime.settings import Settings

if TYPE_CHECKING:
    from billing.payments.gateway import Gateway

_OWN_SECONDS: Final = 3.0

log = logging.getLogger(__name__)


def gateway(settings: Settings, service: str, limit: TimeLimit | None = None) -> "Gateway":
    """`service` is the function, which counts how often Stripe refuses our key. Raises StripeNotConfigured."""
    # Importing the SDK takes 100 ms, which functions that only may need Stripe spend when they do.
    from billing.payments.gateway import Gateway

    key = _said(settings, "STRIPE_API_KEY")
    return Gateway(
        StripeSettings(key, settings.stripe.get("STRIPE_API_BASE") or None),
        settings.stage,
        limit=limit,
        key_refused=lambda: metrics.emit(service, datetime.now(UTC), counts={"StripeKeyRefused": 1}),
    )


def on_demand(settings: Settings, service: str) -> "tuple[TimeLimit, Callable[[], Gateway]]":
    """A time limit, and what makes the gateway that it holds for when that is first needed."""
    limit = TimeLimit()
    return limit, cache(partial(gateway, settings, service, limit))


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


class WebhookSecrets:
    """The webhook's secrets, read again every KEPT_SECONDS: a replaced one holds without a deployment.

    Raises StripeNotConfigured when it is made without any; later, what was read last stays.
    """

    KEPT_SECONDS = 300

    def __init__(self, settings: Settings, seconds: Callable[[], float] = time.monotonic) -> None:
        self._settings = settings
        self._seconds = seconds
        self._secrets = self._read()
        self._read_at = seconds()

    def current(self) -> tuple[str, ...]:
        if self._seconds() - self._read_at > self.KEPT_SECONDS:
            self._read_at = self._seconds()
            try:
                self._secrets = self._read()
            except (StripeNotConfigured, BotoCoreError, ClientError):
                log.exception("the secrets cannot be read again")
        return self._secrets

    def _read(self) -> tuple[str, ...]:
        return parse_webhook_secrets(_said(self._settings, "STRIPE_WEBHOOK_SECRETS"))
