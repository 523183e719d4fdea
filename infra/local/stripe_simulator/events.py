"""Events, which Stripe shows for 30 days. https://docs.stripe.com/api/events/list"""

from collections.abc import Iterator

from infra.local.stripe_simulator.calls import Call
from infra.local.stripe_simulator.errors import Json, missing
from infra.local.stripe_simulator.lists import list_page
from infra.local.stripe_simulator.state import State

SHOWN_SECONDS = 30 * 24 * 3600


def list_events(state: State, call: Call) -> Json:
    return list_page(state, _shown(state), call.params, call.path)


def retrieve_event(state: State, call: Call) -> Json:
    event = state.find("event", call.target)
    if not _is_shown(event, state.now()):
        raise missing("event", call.target)
    return event


def _shown(state: State) -> Iterator[Json]:
    now = state.now()
    return (event for event in state.all("event") if _is_shown(event, now))


def _is_shown(event: Json, now: int) -> bool:
    return bool(event["created"] >= now - SHOWN_SECONDS)
