"""The types of notices, by the names that they have outside. What each says: see `notice_facts`."""

from typing import Literal, get_args

NoticeType = Literal[
    "account.paused",
    "account.resumed",
    "account.locked",
    "balance.low",
    "allowance.low",
    "payment.succeeded",
    "payment.failed",
    "payment.refunded",
    "receipt.issued",
    "auto_refill.suspended",
    "subscription.renewed",
    "subscription.past_due",
    "subscription.canceled",
    "card.expiring",
    "dispute.opened",
    "usage.rejected",
    "webhook_endpoint.disabled",
]
NOTICE_TYPES: tuple[NoticeType, ...] = get_args(NoticeType)
