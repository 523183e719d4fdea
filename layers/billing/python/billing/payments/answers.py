"""What an error of Stripe's means: known in one place, in our words. A card's decline is an answer, and passes.

no answer, an error of Stripe's own, a limit    PaymentsUnavailable: nobody knows, and asking again is safe
the key opens nothing, or not this (401, 403)   PaymentsMisconfigured: the operator must put the key right
`resource_missing`                              the same. Stripe has never forgotten what it named to us, so this is
                                                a key of another account or of the other mode. But a customer may
                                                have been deleted: reading it says so (`deleted`), see the gateway
any other refusal                               StripeRefused
"""

from collections.abc import Iterator
from contextlib import contextmanager

import stripe

from billing.payments.errors import PaymentsMisconfigured, PaymentsUnavailable, StripeRefused

_SERVER_ERROR = 500


@contextmanager
def answered() -> Iterator[None]:
    """Raises StripeRefused also for what is missing: the gateway knows what it named."""
    try:
        yield
    except stripe.CardError:
        raise
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise PaymentsMisconfigured(_said(error)) from error
    except stripe.InvalidRequestError as error:
        raise StripeRefused(_said(error), code=error.code, param=error.param) from error
    except (stripe.RateLimitError, stripe.APIConnectionError, stripe.IdempotencyError) as error:
        raise PaymentsUnavailable(_said(error)) from error
    except stripe.StripeError as error:
        raise PaymentsUnavailable(_said(error), spoiled=(error.http_status or 0) >= _SERVER_ERROR) from error


def _said(error: stripe.StripeError) -> str:
    return f"{type(error).__name__}: {error.user_message or error}"
