"""Failures on demand: armed by the control API, each used up by the requests it meets."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, get_args

FaultKind = Literal["500_before", "500_after", "timeout_before", "timeout_after", "429", "slow"]
FAULT_KINDS = get_args(FaultKind)

# These happen in front of Stripe's endpoints: nothing is done and no idempotency key is seen.
EDGE_FAULTS = frozenset({"429", "timeout_before"})

DEFAULT_SECONDS = 0.3
MAX_SECONDS = 60.0


@dataclass(slots=True)
class Fault:
    """`path` may have `*`; `seconds` is how long a timeout or a slow answer hangs; `times` is how often is left."""

    method: str
    path: str
    kind: FaultKind
    times: int = 1
    seconds: float = DEFAULT_SECONDS

    def meets(self, method: str, path: str) -> bool:
        return self.times > 0 and self.method in {method, "*"} and fnmatchcase(path, self.path)


@dataclass(slots=True)
class Faults:
    """The armed faults, oldest first."""

    armed: list[Fault] = field(default_factory=list)
    _over: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, method: str, path: str, *, at_edge: bool) -> Fault | None:
        """The next fault for a request if it belongs to this stage, and count it."""
        fault = next((fault for fault in self.armed if fault.meets(method, path)), None)
        if fault is None or (fault.kind in EDGE_FAULTS) != at_edge:
            return None
        fault.times -= 1
        return fault

    async def hang(self, fault: Fault) -> None:
        """Wait as long as the fault says, or until the faults are over."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._over.wait(), fault.seconds)

    def end(self) -> None:
        """Disarm all, and let go on what hangs."""
        self.armed.clear()
        self._over.set()
        self._over = asyncio.Event()
