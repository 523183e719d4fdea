"""Long steps, told while they run: a bar with the time that each took last, or lines where there is no terminal.

Steps may run side by side. Standard library only: the first step installs everything else.
"""

import json
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

from infra.paths import LOCAL

_LAST_TIMES = LOCAL / "last_times.json"
_BAR_CELLS = 24
_REDRAWN_EVERY_SECONDS = 0.1
_CLEAR_LINE = "\r\x1b[2K"


@contextmanager
def step(doing: str) -> Iterator[None]:
    """Announces `doing` on standard error, and how many seconds it took once it is done."""
    _progress.begin(doing)
    try:
        yield
    except BaseException:
        _progress.end(doing, failed=True)
        raise
    _progress.end(doing, failed=False)


@dataclass
class _Progress:
    """The steps that run now, by the moment at which each began; one line on the terminal shows the longest to come."""

    _lock: threading.Lock = field(default_factory=threading.Lock)
    _running: dict[str, float] = field(default_factory=dict)
    _last_times: dict[str, float] = field(default_factory=dict)
    _drawer: threading.Thread | None = None

    def begin(self, doing: str) -> None:
        with self._lock:
            if not self._running:
                self._last_times = _read_last_times()
            self._running[doing] = time.monotonic()
            if not sys.stderr.isatty():
                _say(f"{doing} ...\n")
            elif self._drawer is None:
                self._drawer = threading.Thread(target=self._draw, daemon=True)
                self._drawer.start()

    def end(self, doing: str, *, failed: bool) -> None:
        with self._lock:
            seconds = time.monotonic() - self._running.pop(doing)
            cleared = _CLEAR_LINE if sys.stderr.isatty() else ""
            _say(f"{cleared}{doing}: {'failed' if failed else f'{seconds:.1f} s'}\n")
            if not failed:
                self._last_times = _read_last_times() | {doing: round(seconds, 1)}
                _write_last_times(self._last_times)

    def _draw(self) -> None:
        while True:
            with self._lock:
                if not self._running:
                    self._drawer = None
                    return
                _say(_CLEAR_LINE + self._line(time.monotonic()))
            time.sleep(_REDRAWN_EVERY_SECONDS)

    def _line(self, now: float) -> str:
        """The step that has the longest to go, as far as the last time tells, and how many others run beside it."""

        def seconds_left(doing: str) -> float:
            return self._last_times.get(doing, 0.0) - (now - self._running[doing])

        doing = max(self._running, key=seconds_left)
        beside = len(self._running) - 1
        return bar(doing, now - self._running[doing], self._last_times.get(doing)) + (f", +{beside}" if beside else "")


def bar(doing: str, seconds: float, last_seconds: float | None) -> str:
    """`doing [######------] 3 s, last time 6 s`. At first there is no last time, and no bar."""
    if not last_seconds:
        return f"{doing} ... {seconds:.0f} s"
    filled = min(_BAR_CELLS, int(_BAR_CELLS * seconds / last_seconds))
    return f"{doing} [{'#' * filled}{'-' * (_BAR_CELLS - filled)}] {seconds:.0f} s, last time {last_seconds:.0f} s"


def _say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def _read_last_times() -> dict[str, float]:
    """What is unreadable is unknown: it is a guess for a bar, and no more."""
    try:
        read = json.loads(_LAST_TIMES.read_text())
        return {str(doing): float(seconds) for doing, seconds in read.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write_last_times(times: Mapping[str, float]) -> None:
    LOCAL.mkdir(exist_ok=True)
    _LAST_TIMES.write_text(json.dumps(times, indent=2) + "\n")


_progress = _Progress()
