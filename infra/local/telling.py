"""How a story is told: what happened, whether it should have, and patience with what takes a moment."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from infra.local.client import Api
from infra.local.deploy import Outputs

_SETTLES_WITHIN_SECONDS = 120
_POLL_SECONDS = 0.2


@dataclass
class Story:
    """Tells what happened, and remembers what differed from what should have."""

    api: Api
    outputs: Outputs
    differences: list[str] = field(default_factory=list)

    def tell(self, text: str) -> None:
        print(text, flush=True)

    def check(self, what: str, actual: object, expected: object) -> None:
        same = actual == expected
        self.tell(f"  {'ok ' if same else 'NOT'} {what}: {actual}" + ("" if same else f", expected {expected}"))
        if not same:
            self.differences.append(f"{what}: {actual}, expected {expected}")


def first(items: Any) -> Any:  # noqa: ANN401  JSON
    return next(iter(items), None)


def until(found: Callable[[], Any]) -> Any:  # noqa: ANN401  JSON
    """What `found` finds, asked again until it does. Settling takes a second: the queue gathers a batch first."""
    deadline = time.monotonic() + _SETTLES_WITHIN_SECONDS
    while time.monotonic() < deadline:
        answer = found()
        if answer is not None:
            return answer
        time.sleep(_POLL_SECONDS)
    raise TimeoutError(f"nothing was settled within {_SETTLES_WITHIN_SECONDS} seconds")


def balance(api: Api, account: str) -> str:
    balance: str = api.get(f"/v1/accounts/{account}/billing")["balance"]["amount"]
    return balance
