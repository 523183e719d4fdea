"""How big each function is: the whole of it on one page. The service stack builds a function of each line.

`permissions.py` is the page beside it. Both name the same functions, or nothing is built.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from infra.permissions import TABLE_ACCESS

_WHOLE_CORE_MB = 1769  # from here on Lambda gives a whole core


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """What Lambda gives one invocation. `uses_stripe`: it carries Stripe's SDK, and may read the key.

    `uses_typst`: it carries typst and the fonts, 90 MB. `shows_pages`: it carries Jinja2, and the templates' words.
    """

    memory_mb: int
    timeout_seconds: int
    uses_stripe: bool = False
    uses_typst: bool = False
    shows_pages: bool = False


FUNCTION_SIZES: Final[Mapping[str, Size]] = {
    "authorizer": Size(memory_mb=512, timeout_seconds=5),
    "ingest_events": Size(memory_mb=1024, timeout_seconds=15),
    # A batch is up to 1000 calls, and deciding them is work for the processor.
    "settle_usage": Size(memory_mb=_WHOLE_CORE_MB, timeout_seconds=60),
    "authorize_call": Size(memory_mb=1024, timeout_seconds=5),
    "stripe_webhook": Size(memory_mb=512, timeout_seconds=10),
    "apply_payments": Size(memory_mb=1024, timeout_seconds=60, uses_stripe=True),
    "auto_refill": Size(memory_mb=1024, timeout_seconds=60, uses_stripe=True),
    # It runs every five minutes: a run ends before the next one starts.
    "reconcile": Size(memory_mb=1024, timeout_seconds=240, uses_stripe=True),
    # It runs once a day over all cards.
    "announce_expiring_cards": Size(memory_mb=512, timeout_seconds=300),
    # It runs every five minutes: a run ends before the next one starts.
    "schedule_renewals": Size(memory_mb=1024, timeout_seconds=240),
    # Ten charges one after the other, each of which may use up Stripe's time limit and a retry.
    "renew_subscriptions": Size(memory_mb=1024, timeout_seconds=300, uses_stripe=True),
    "relay_changes": Size(memory_mb=512, timeout_seconds=30),
    "notify": Size(memory_mb=512, timeout_seconds=15),
    "deliver": Size(memory_mb=512, timeout_seconds=60),
    # Once a day it looks through all payments.
    "issue_receipts": Size(memory_mb=1024, timeout_seconds=240),
    # The gateway waits 30 seconds for an answer.
    "receipts": Size(memory_mb=_WHOLE_CORE_MB, timeout_seconds=29, uses_typst=True),
    "api": Size(memory_mb=1024, timeout_seconds=29, uses_stripe=True),
    "console": Size(memory_mb=1024, timeout_seconds=29, uses_stripe=True, shows_pages=True),
}

if FUNCTION_SIZES.keys() != TABLE_ACCESS.keys():
    raise ValueError(f"one page only names: {', '.join(sorted(FUNCTION_SIZES.keys() ^ TABLE_ACCESS.keys()))}")
