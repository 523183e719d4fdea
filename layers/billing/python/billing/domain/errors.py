"""Failures the product can name. Each carries its facts and a stable `code`; the edge maps codes to HTTP statuses."""


class BillingError(Exception):
    """A refusal with a stable code, a sentence for a person and, where one is to blame, the field."""

    code = "billing_error"

    def __init__(self, detail: str, *, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field


class InvalidValue(BillingError):
    """A value that breaks a rule of the contract; `field` is its path in the request.

    `detail` says it of the field, whose name the edge puts before it: "must not be zero".
    """

    code = "invalid_value"


class NotFound(BillingError):
    code = "not_found"


class AlreadyExists(BillingError):
    code = "already_exists"


class Conflict(BillingError):
    """The same key was used before with other content, or the state moved on."""

    code = "conflict"

    def __init__(self, detail: str, *, code: str = "conflict", field: str | None = None) -> None:
        super().__init__(detail, field=field)
        self.code = code


class IdempotencyKeyReused(Conflict):
    """The same Idempotency-Key came with another body."""

    def __init__(self) -> None:
        super().__init__(
            "this idempotency key was used before with another body",
            code="idempotency_key_reused",
            field="Idempotency-Key",
        )


class CardRequired(BillingError):
    """Something is due now and the account has no default card."""

    code = "card_required"


class CardDeclined(BillingError):
    """The card was not charged, and nothing was changed."""

    code = "card_declined"


class UnratableLine(BillingError):
    """A usage line the plan cannot rate; the event is kept as rejected, never charged in part."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
