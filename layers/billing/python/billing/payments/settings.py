"""What Stripe is asked with and what it signs with; where a part is missing, nothing starts."""

import re
from dataclasses import dataclass

_KEY = re.compile("[!-~]+")
"""It goes in a header."""


class StripeNotConfigured(Exception):
    """A key or a secret is missing or empty."""


@dataclass(frozen=True, slots=True, repr=False)
class StripeSettings:
    """`api_base` None is Stripe's own address. Raises StripeNotConfigured without a key."""

    api_key: str
    api_base: str | None = None

    def __post_init__(self) -> None:
        parse_api_key(self.api_key)


def parse_api_key(text: str) -> str:
    """The key. Raises StripeNotConfigured for none, and for what cannot be sent as one."""
    if not _KEY.fullmatch(text):
        raise StripeNotConfigured("there is no key for Stripe's API")
    return text


def parse_webhook_secrets(text: str) -> tuple[str, ...]:
    """The secrets of the webhook, by commas: any of them will do, two while one is replaced.

    Raises StripeNotConfigured for an empty one: anybody could sign with that.
    """
    secrets = tuple(each.strip() for each in text.split(","))
    if not all(secrets):
        raise StripeNotConfigured("a secret of Stripe's webhook is empty")
    return secrets
