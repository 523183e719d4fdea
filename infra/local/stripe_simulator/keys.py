"""API keys: which account one opens, and how Stripe turns away one that opens none."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, get_args

from infra.local.stripe_simulator.errors import Json, StripeError, invalid
from infra.local.stripe_simulator.idempotency import IdempotencyKeys
from infra.local.stripe_simulator.state import State

KeyKind = Literal["good", "other_account", "other_mode", "restricted", "revoked"]
KEY_KINDS = get_args(KeyKind)

_PREFIXES = ("sk_test_", "sk_live_", "rk_test_", "rk_live_")
_SHOWN_LETTERS = 4


@dataclass(slots=True)
class Account:
    """One account in one mode: what it has, and the idempotency keys that were used in it."""

    state: State = field(default_factory=State)
    idempotency: IdempotencyKeys = field(default_factory=IdempotencyKeys)


@dataclass(slots=True)
class ApiKeys:
    """Unless told otherwise each `sk_test_` key opens the account that the control API and the webhooks are of."""

    home: Account = field(default_factory=Account)
    _kinds: dict[str, KeyKind] = field(default_factory=dict)
    _elsewhere: dict[str, Account] = field(default_factory=dict)

    def set_kind(self, key: str, kind: KeyKind) -> Json:
        """Say what a key is from now on. One of another account or mode finds nothing there."""
        if kind not in KEY_KINDS:
            raise invalid(f"kind must be one of {', '.join(KEY_KINDS)}", "kind")
        if not key.startswith(_PREFIXES):
            raise invalid(f"A secret key begins with one of {', '.join(_PREFIXES)}", "key")
        self._kinds[key] = kind
        self._elsewhere.pop(key, None)
        if kind.startswith("other"):
            self._elsewhere[key] = Account(self._state_elsewhere(key, kind))
        return {"key": key, "kind": kind}

    def _state_elsewhere(self, key: str, kind: KeyKind) -> State:
        home = self.home.state
        state = State(clock=home.clock, is_live="_live_" in key)
        if kind == "other_mode":
            state.other_mode, home.other_mode = home, state
        return state

    def accounts(self) -> Iterator[Account]:
        """Every account that a key opens."""
        yield self.home
        yield from self._elsewhere.values()

    def open(self, authorization: str) -> Account:
        """The account of the key in the header, or Stripe's refusal of the key."""
        scheme, _, key = authorization.partition(" ")
        if scheme != "Bearer" or not key:
            message = "You did not provide an API key (Authorization: Bearer ...)."
            raise StripeError(401, "invalid_request_error", message)
        kind = self._kinds.get(key, "good" if key.startswith("sk_test_") else None)
        match kind:
            case None:
                raise StripeError(401, "invalid_request_error", f"Invalid API Key provided: {key[:8]}****")
            case "revoked":
                raise _expired(key)
            case "restricted":
                raise _not_permitted(key)
        return self._elsewhere.get(key, self.home)


def _expired(key: str) -> StripeError:
    """A key that was revoked or rolled. https://docs.stripe.com/error-codes and stripe/stripe-cli#792."""
    return StripeError(
        401, "invalid_request_error", f"Expired API Key provided: {_masked(key)}", code="api_key_expired"
    )


def _not_permitted(key: str) -> StripeError:
    """A restricted key without the permission, which Stripe gives no code. The words are of stripe/stripe-node#2246."""
    return StripeError(
        403,
        "invalid_request_error",
        f"The provided key '{_masked(key)}' does not have the required permissions for this endpoint on account "
        "'acct_simulator'. Having more permissions would allow this request to continue.",
    )


def _masked(key: str) -> str:
    prefix = next(prefix for prefix in _PREFIXES if key.startswith(prefix))
    return f"{prefix}{'*' * 16}{key[len(prefix) :][-_SHOWN_LETTERS:]}"
