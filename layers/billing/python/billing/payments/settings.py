"""What Stripe is asked with and what it signs with; where a part is missing, nothing starts."""

from dataclasses import dataclass


class StripeNotConfigured(Exception):
    """A key or a secret is missing or empty."""


@dataclass(frozen=True, slots=True, repr=False)
class StripeSettings:
    """`api_base` None is Stripe's own address. Raises StripeNotConfigured without a key."""

    api_key: str
    api_base: str | None = None

    def __post_init__(self) -> None:
        if not self.api_key:
            raise StripeNotConfigured("there is no key for Stripe's API")


def parse_webhook_secrets(text: str) -> tuple[str, ...]:
    """The secrets of the webhook, by commas: any of them will do, two while one is replaced.

    Raises StripeNotConfigured for an empty one: anybody could sign with that.
    """
    secrets = tuple(each.strip() for each in text.split(","))
    if not all(secrets):
        raise StripeNotConfigured("a secret of Stripe's webhook is empty")
    return secrets
