"""How a story is told: what happened, whether it should have, and patience with what takes a moment."""

import queue
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from infra.local.client import Api
from infra.local.deploy import Outputs

_SETTLES_WITHIN_SECONDS = 120
_POLL_SECONDS = 0.4


def _print(text: str) -> None:
    print(text, flush=True)


@dataclass
class Story:
    """Tells what happened, as it happens, and remembers what differed from what should have."""

    api: Api
    outputs: Outputs
    differences: list[str] = field(default_factory=list)
    tell: Callable[[str], None] = _print

    def tell_side_by_side(self, *tales: Callable[["Story"], None]) -> None:
        """Tales that have nothing in common go on at once. They are told one after the other, each as it happens."""
        with ThreadPoolExecutor(len(tales)) as pool:
            told = [_Told() for _ in tales]
            for tale, lines in zip(tales, told, strict=True):
                pool.submit(lines.of, tale, self)
            for lines in told:
                for line in lines:
                    self.tell(line)
                self.differences.extend(lines.differences)

    def check(self, what: str, actual: object, expected: object) -> None:
        same = actual == expected
        self.tell(f"  {'ok ' if same else 'NOT'} {what}: {actual}" + ("" if same else f", expected {expected}"))
        if not same:
            self.differences.append(f"{what}: {actual}, expected {expected}")


@dataclass
class _Told:
    """What a tale has told until now, and how it ended."""

    differences: list[str] = field(default_factory=list)
    _said: "queue.SimpleQueue[str | BaseException | None]" = field(default_factory=queue.SimpleQueue)

    def of(self, tale: Callable[[Story], None], story: Story) -> None:
        try:
            tale(Story(story.api, story.outputs, self.differences, self._said.put))
            self._said.put(None)
        except BaseException as error:  # noqa: BLE001  raised by whoever reads
            self._said.put(error)

    def __iter__(self) -> Iterator[str]:
        """Each line once it is told, until the tale ends. Raises what broke the tale."""
        while (said := self._said.get()) is not None:
            if isinstance(said, BaseException):
                raise said
            yield said


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
