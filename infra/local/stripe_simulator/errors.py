"""Errors as Stripe words them. Raising one answers the request; what was done before it stays done, as at Stripe."""

from typing import Any, Literal

Json = dict[str, Any]


class StripeError(Exception):
    """An answer other than 200: its HTTP status and the `error` object of its body."""

    def __init__(self, status: int, kind: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.status = status
        self.error: Json = {"type": kind, "message": message}
        self.error |= {key: value for key, value in details.items() if value is not None}

    @property
    def body(self) -> Json:
        return {"error": self.error}


def invalid(message: str, param: str | None = None, code: str | None = None, **details: object) -> StripeError:
    """A request that Stripe refuses with 400."""
    return StripeError(400, "invalid_request_error", message, param=param, code=code, **details)


def missing(
    kind: str, object_id: str, param: str | None = None, *, wrong_mode: Literal["live", "test"] | None = None
) -> StripeError:
    """No such object: 404 where the path names it (`param` absent), 400 where a parameter does.

    `wrong_mode`: that of the key, when the account has the object in the other one. Stripe then says so.
    """
    message = f"No such {kind.replace('.', ' ').replace('_', '')}: '{object_id}'"
    if wrong_mode is not None:
        other = "test" if wrong_mode == "live" else "live"
        message += (
            f"; a similar object exists in {other} mode, but a {wrong_mode} mode key was used to make this request."
        )
    return StripeError(
        400 if param else 404,
        "invalid_request_error",
        message,
        code="resource_missing",
        param=param or "id",
    )


def outage() -> StripeError:
    """Stripe's own failure: the caller does not know what was done."""
    return StripeError(500, "api_error", "An unknown error occurred.")


def declined(error: Json, intent_name: str, intent: Json) -> StripeError:
    """A card refused: 402 with the intent inside, as its creator would read it."""
    details = {key: value for key, value in error.items() if key not in {"type", "message"}}
    return StripeError(402, "card_error", error["message"], **details, **{intent_name: intent})
