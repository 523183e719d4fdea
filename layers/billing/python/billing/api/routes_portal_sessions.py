"""The way into the console: an address for one visit, which the platform's backend asks for."""

import secrets

from billing.api.portal_sessions import (
    AdministratorSessionBody,
    NewPortalSessionView,
    PortalSessionBody,
    PortalSessionPage,
    PortalSessionView,
)
from billing.domain.instants import format_instant
from billing.domain.portal_session import format_pass
from billing.services.accounts import find_account
from billing.services.portal_sessions import Visitor, open_portal_session, revoke_portal_session
from billing.store.store import Store
from billing.web.routing import Call, route
from billing.web.values import PageQuery

_ID_BYTES = 12
_TICKET_BYTES = 32
_NOT_FOUND = {404: ("portal_session_not_found",)}


class PortalSessionsRoutes:
    """Each session is for one person. Its address is for their browser alone: do not log it."""

    def __init__(self, store: Store) -> None:
        self._store = store

    @route("POST", "/v1/accounts/{account_id}/portal-sessions", scope="admin", status=201)
    def open_portal_session(self, call: Call, account_id: str, body: PortalSessionBody | None) -> NewPortalSessionView:
        """Let a customer into the console: send their browser to `url`.

        The address opens once, within five minutes, and shows this one account. The visit ends after an hour. Ask for
        another session then, when your customer opens your billing page again.
        """
        return self._open(call, (body or PortalSessionBody()).to_visitor(account_id))

    @route("GET", "/v1/accounts/{account_id}/portal-sessions", scope="admin")
    def list_portal_sessions(self, call: Call, account_id: str, query: PageQuery) -> PortalSessionPage:
        """The account's sessions that are not over, the latest first."""
        find_account(self._store, account_id)
        return self._list(call, account_id, query)

    @route("DELETE", "/v1/accounts/{account_id}/portal-sessions/{session_id}", scope="admin", refusals=_NOT_FOUND)
    def revoke_portal_session(self, account_id: str, session_id: str) -> None:
        """End a session: it shows nothing from now on."""
        revoke_portal_session(self._store, account_id, session_id)

    @route("POST", "/v1/portal-sessions", scope="admin", status=201)
    def open_administrator_session(self, call: Call, body: AdministratorSessionBody) -> NewPortalSessionView:
        """Let an administrator of the platform into the console."""
        return self._open(call, body.to_visitor())

    @route("GET", "/v1/portal-sessions", scope="admin")
    def list_administrator_sessions(self, call: Call, query: PageQuery) -> PortalSessionPage:
        """The administrators' sessions that are not over, the latest first."""
        return self._list(call, None, query)

    @route("DELETE", "/v1/portal-sessions/{session_id}", scope="admin", refusals=_NOT_FOUND)
    def revoke_administrator_session(self, session_id: str) -> None:
        """End an administrator's session: it shows nothing from now on."""
        revoke_portal_session(self._store, None, session_id)

    def _open(self, call: Call, visitor: Visitor) -> NewPortalSessionView:
        session_id, ticket = f"ps_{secrets.token_hex(_ID_BYTES)}", secrets.token_urlsafe(_TICKET_BYTES)
        session = open_portal_session(self._store, visitor, session_id=session_id, ticket=ticket, now=call.now)
        return NewPortalSessionView(
            session_id=session_id,
            url=f"{call.origin}/console/enter?t={format_pass(session_id, ticket)}",
            expires_at=format_instant(session.expires_at),
        )

    def _list(self, call: Call, account_id: str | None, query: PageQuery) -> PortalSessionPage:
        page = self._store.portal_sessions.page(account_id, call.now, query.limit, query.cursor)
        return PortalSessionPage(
            items=[PortalSessionView.of(each) for each in page.items], next_cursor=page.next_cursor
        )
