"""Stripe's errors, and what each means to us. No answer is never a decline."""


class PaymentsUnavailable(Exception):
    """It is not known whether Stripe did it: no answer, its own error, a limit, a wrong key. Asking again is safe.

    `spoiled`: Stripe answered with an error of its own, and will give this very answer to the same idempotency key.
    """

    def __init__(self, detail: str, *, spoiled: bool = False) -> None:
        super().__init__(detail)
        self.spoiled = spoiled


class PaymentsMisconfigured(PaymentsUnavailable):
    """Stripe does not accept our key, or it is of another account or mode: the operator must mend that, no customer."""


class StripeRefused(Exception):
    """Stripe understood and will not do it, now or later; `code` and `param` are Stripe's own."""

    def __init__(self, detail: str, *, code: str | None, param: str | None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code
        self.param = param

    @property
    def is_missing(self) -> bool:
        """Whether Stripe does not know the object."""
        return self.code == "resource_missing"


class CustomerDeleted(StripeRefused):
    """The customer was deleted at Stripe: nothing can be asked for it any more, and its cards are nobody's."""
