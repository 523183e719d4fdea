"""May a call start? The question and its answer on the wire."""

from billing.domain.account import ACCOUNT_ID, ACCOUNT_ID_SAYS
from billing.domain.decimals import format_millionths
from billing.domain.money import Money
from billing.domain.permission import Permission
from billing.web.http import Request, RequestRefused
from billing.words.permission_texts import PERMISSIONS


def id_in_path(request: Request, name: str) -> str:
    """The `account_id` or `workspace_id` of the path. Raises RequestRefused (422 `invalid_value`)."""
    value: str = request["pathParameters"][name]
    if not ACCOUNT_ID.fullmatch(value):
        raise RequestRefused("invalid_value", f"{name} {ACCOUNT_ID_SAYS}", field=name)
    return value


def permission_view(permission: Permission) -> dict[str, object]:
    """What is not known of an unknown account, or not limited by its plan, is null."""
    wallet, feature = permission.wallet, permission.allowance_feature
    return {
        "allowed": permission.allowed,
        "code": permission.code,
        "message": PERMISSIONS.say("en", permission.code),
        "account_id": None if wallet is None else wallet.account_id,
        "balance": None if wallet is None else Money(wallet.balance_micros, wallet.currency).to_wire(),
        "allowance": None
        if feature is None
        else {
            "feature": feature.key,
            "unit": feature.priced_unit,
            "remaining": format_millionths(permission.allowance_remaining_millionths),
        },
        "concurrency": {"limit": permission.concurrency_limit, "in_use": permission.concurrency_in_use},
    }
