"""May a call start? One or two strongly consistent reads. Hot: imports only what it uses."""

import logging
from datetime import UTC, datetime
from typing import Any

from billing.contracts.http import Request, RequestRefused, Response, authorized, json_response, problem
from billing.contracts.permission import permission_view
from billing.domain.errors import BillingError
from billing.runtime import settings, wiring
from billing.services.authorize_call import CallAuthorization
from billing.store.database import StoreBusy

logging.getLogger().setLevel(logging.INFO)
log = logging.getLogger("authorize_call")

_authorization = CallAuthorization(wiring.database(settings.from_environment()))


def handler(event: dict[str, Any], _: object) -> Response:
    try:
        return json_response(200, _answer(event, datetime.now(UTC)))
    except BillingError as refusal:
        return problem(refusal)
    except StoreBusy as busy:
        log.warning("store busy", extra={"reason": str(busy)})
        unavailable = RequestRefused("store_unavailable", "the answer is not known now; ask again")
        return problem(unavailable, headers={"retry-after": "1"})


def _answer(request: Request, now: datetime) -> dict[str, object]:
    caller = authorized(request, "calls:authorize")
    path = request.get("pathParameters") or {}
    if "workspace_id" in path:
        permission = _authorization.of_workspace(path["workspace_id"], caller.account_id, now)
    else:
        permission = _authorization.of_account(path["account_id"], caller.account_id, now)
    return permission_view(permission)
