"""Waiting between attempts: full jitter over a bound that doubles.

The jitter keeps those who lost the same race from meeting again. See Marc Brooker, "Exponential Backoff And Jitter",
AWS Architecture Blog, 2015.
"""

import random
import time

_FIRST_BOUND_SECONDS = 0.02
_LAST_BOUND_SECONDS = 0.8


def pause(attempt: int) -> None:
    """Sleep before attempt `attempt` + 2, counted from 0 for the first that failed."""
    bound = min(_LAST_BOUND_SECONDS, _FIRST_BOUND_SECONDS * 2**attempt)
    time.sleep(random.uniform(0, bound))  # noqa: S311  (spreads load, keeps no secret)
