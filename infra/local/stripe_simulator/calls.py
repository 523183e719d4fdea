"""One API call as a handler sees it: typed parameters, the id in the path, and the address that was called."""

from collections.abc import Callable
from dataclasses import dataclass

from infra.local.stripe_simulator.errors import Json
from infra.local.stripe_simulator.state import State


@dataclass(frozen=True, slots=True)
class Call:
    """`target` is the id in the path, empty where there is none; `base_url` has no slash at its end."""

    params: Json
    target: str
    path: str
    base_url: str


Handler = Callable[[State, Call], Json]


def retriever(kind: str) -> Handler:
    """The handler that answers the object named in the path."""

    def retrieve(state: State, call: Call) -> Json:
        return state.find(kind, call.target)

    return retrieve


def merge_metadata(old: Json, change: Json | str | None) -> Json:
    """Stripe's rule: given keys are set, an empty value removes its key, an empty string removes them all."""
    if change == "":
        return {}
    merged = old | (change if isinstance(change, dict) else {})
    return {key: value for key, value in merged.items() if value != ""}
