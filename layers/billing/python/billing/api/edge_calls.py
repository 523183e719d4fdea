"""May a call start, and the slot it then holds: the answers. Hot: imports only what it uses."""

import logging
from datetime import datetime

from billing.api.leases import lease_id_of, lease_view, ttl_seconds_of
from billing.api.permission import id_in_path, permission_view
from billing.domain.errors import BillingError
from billing.services.authorize_call import CallAuthorization
from billing.services.leases import CallLeases, ConcurrencyLimitReached
from billing.store.database import StoreBusy
from billing.store.store import Store
from billing.web.http import Caller, Request, RequestRefused, Response, authorize, json_response, problem

log = logging.getLogger(__name__)


class CallApi:
    """The routes over one store."""

    def __init__(self, store: Store) -> None:
        self._authorization = CallAuthorization(store)
        self._leases = CallLeases(store)

    def respond(self, request: Request, now: datetime) -> Response:
        try:
            caller = authorize(request, "calls:authorize")
            if "lease_id" in request["pathParameters"]:
                return self._lease(request, caller, now)
            return self._permission(request, caller, now)
        except ConcurrencyLimitReached as reached:
            return problem(
                RequestRefused("concurrency_limit_reached", reached.detail, limit=reached.limit, in_use=reached.in_use)
            )
        except BillingError as refusal:
            return problem(refusal)
        except StoreBusy as busy:
            log.warning("store busy", extra={"reason": str(busy)})
            unavailable = RequestRefused("store_unavailable", "the answer is not known now; ask again")
            return problem(unavailable, headers={"retry-after": "1"})

    def _permission(self, request: Request, caller: Caller, now: datetime) -> Response:
        if "workspace_id" in request["pathParameters"]:
            workspace_id = id_in_path(request, "workspace_id")
            permission = self._authorization.of_workspace(workspace_id, caller.account_id, now)
        else:
            account_id = id_in_path(request, "account_id")
            permission = self._authorization.of_account(account_id, caller.account_id, now)
        return json_response(200, permission_view(permission))

    def _lease(self, request: Request, caller: Caller, now: datetime) -> Response:
        workspace_id, lease_id = id_in_path(request, "workspace_id"), lease_id_of(request)
        if request["requestContext"]["http"]["method"] == "DELETE":
            self._leases.give_back(workspace_id, lease_id, bound_to=caller.account_id, now=now)
            return {"statusCode": 204}
        lease = self._leases.hold(
            workspace_id, lease_id, ttl_seconds=ttl_seconds_of(request), bound_to=caller.account_id, now=now
        )
        return json_response(201 if lease.new else 200, lease_view(lease))
