"""Requests that are accepted, and what the calls of a platform are answered."""

from collections.abc import Mapping

PLAN = {
    "name": "Starter",
    "currency": "USD",
    "kind": "fixed",
    "base_price": "49.00",
    "minimum_top_up": "10.00",
    "usage_features": [
        {
            "key": "call_minutes",
            "name": "Conversation minutes",
            "metered_unit": "second",
            "priced_unit": "minute",
            "metered_per_priced": "60",
            "included": "500",
            "unit_price": "0.12",
            "increment": "1",
            "minimum": "0",
            "volume_discounts": [{"from": "10000", "percent": "10"}],
            "unit_cost": "0.05",
        },
        {
            "key": "voicemail_detection",
            "name": "Voicemail detection",
            "metered_unit": "detection",
            "included": "0",
            "unit_price": "0.01",
        },
    ],
    "recurring_features": [
        {"key": "phone_number", "name": "Phone numbers", "included": "1", "unit_price": "2.00"},
        {"key": "call_concurrency", "name": "Concurrent calls", "included": "5", "unit_price": "8.00", "maximum": "50"},
    ],
}
CALL_DATA = {
    "call_id": "c-881",
    "workspace_id": "42",
    "direction": "outbound",
    "started_at": "2026-11-23T09:09:50Z",
    "ended_at": "2026-11-23T09:15:02Z",
    "usage": [
        {"feature": "call_minutes", "quantity": "312", "unit": "second"},
        {"feature": "voicemail_detection", "quantity": "1"},
    ],
}
CALL_ENDED = {
    "specversion": "1.0",
    "id": "0f9c6a52-1d7e-4f5b-9a55-3c1c5d6f7a10",
    "source": "/voice/eu-1",
    "type": "call.ended",
    "time": "2026-11-23T09:15:02Z",
    "data": CALL_DATA,
}
USAGE_RECORDED = {
    "specversion": "1.0",
    "id": "storage-2026-11-23-42",
    "source": "/storage",
    "type": "usage.recorded",
    "time": "2026-11-23T09:30:00Z",
    "data": {"workspace_id": "42", "usage": [{"feature": "voicemail_detection", "quantity": "3"}]},
}
_SUBSCRIPTION = {"plan_id": "starter", "quantities": {"phone_number": "2"}}

EXAMPLES: Mapping[str, object] = {
    "put_plan": PLAN,
    "create_account": {
        "account_id": "acme",
        "name": "Acme LLC",
        "email": "billing@acme.example",
        "currency": "USD",
    },
    "change_account": {"email": "accounts@acme.example", "language": "ar"},
    "put_workspace": {"account_id": "acme"},
    "put_subscription": _SUBSCRIPTION,
    "preview_subscription": _SUBSCRIPTION,
    "top_up": {"amount": "50.00"},
    "put_auto_refill": {"enabled": True, "threshold": "20.00", "amount": "100.00", "monthly_limit": "500.00"},
    "adjust_balance": {"amount": "500.00", "reason": "wire 4711", "by": "ops@example.com"},
    "grant_credit": {"amount": "10.00", "expires_at": "2027-01-31T00:00:00Z", "reason": "welcome"},
    "reset_usage": {"reason": "counted twice during the move", "by": "ops@example.com"},
    "lock_account": {"reason": "unpaid invoice 2026-118"},
    "create_api_key": {"name": "voice platform", "scopes": ["usage:write", "calls:authorize"]},
    "create_webhook_endpoint": {
        "url": "https://platform.example/hooks/billing",
        "events": ["account.paused", "account.resumed"],
    },
    "put_balance_alerts": {"thresholds": ["20.00", "5.00"]},
    "hold_lease": {"feature": "call_concurrency", "ttl_seconds": 900},
}
"""By operation."""

ACCEPTED = {
    "accepted": 1,
    "rejected": [
        {
            "index": 1,
            "id": "storage-2026-11-23-42",
            "code": "invalid_quantity",
            "detail": "data.usage[0].quantity must not be negative",
            "field": "data.usage[0].quantity",
        }
    ],
}
PERMISSION = {
    "allowed": False,
    "code": "account_paused",
    "message": "The balance is negative. Calls resume when it is above zero.",
    "account_id": "acme",
    "balance": {"amount": "-0.124800", "currency": "USD"},
    "allowance": {"feature": "call_minutes", "unit": "minute", "remaining": "0"},
    "concurrency": {"limit": 5, "in_use": 1},
}
LEASE = {"expires_at": "2026-11-23T09:30:02.000Z", "limit": 5, "in_use": 1}
