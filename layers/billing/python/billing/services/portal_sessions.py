"""Portal sessions: open one for a customer or an administrator, enter it once, find the visit of a cookie, revoke."""

from dataclasses import dataclass
from datetime import datetime

from billing.domain.account import DEFAULT_SELLER
from billing.domain.api_key import hash_secret
from billing.domain.errors import NotFound
from billing.domain.portal_session import LIFE, Page, PortalSession, parse_pass
from billing.services.accounts import find_account
from billing.store.store import Store


class PortalSessionNotFound(NotFound):
    code = "portal_session_not_found"

    def __init__(self, session_id: str) -> None:
        super().__init__(f'there is no portal session "{session_id}"')


@dataclass(frozen=True, slots=True)
class Visitor:
    """For whom a session is, and how it begins: see `PortalSession`. Without an account it is an administrator."""

    account_id: str | None
    by: str | None = None
    page: Page = "overview"
    language: str | None = None
    return_url: str | None = None
    read_only: bool = False


def open_portal_session(
    store: Store, visitor: Visitor, *, session_id: str, ticket: str, now: datetime
) -> PortalSession:
    """Keep a new session, whose ticket opens it once (see `enter`). Raises AccountNotFound."""
    account = None if visitor.account_id is None else find_account(store, visitor.account_id)
    session = PortalSession(
        session_id=session_id,
        account_id=visitor.account_id,
        by=visitor.by,
        page=visitor.page,
        created_at=now,
        expires_at=now + LIFE,
        ticket_hash=hash_secret(ticket),
        language=visitor.language,
        return_url=visitor.return_url,
        read_only=visitor.read_only,
        seller_id=DEFAULT_SELLER if account is None else account.seller_id,
    )
    store.portal_sessions.add(session)
    return session


def enter(store: Store, text: str, secret: str, now: datetime) -> PortalSession | None:
    """The session that a ticket opens; from now on it is the visit of the cookie with this secret.

    None where the ticket opens nothing, or nothing any more. Of two at once one gets in.
    """
    parsed = parse_pass(text)
    session = None if parsed is None else store.portal_sessions.get(parsed[0])
    if parsed is None or session is None or not session.admits(parsed[1], now):
        return None
    return session if store.portal_sessions.enter(session, hash_secret(secret), now) else None


def find_visit(store: Store, text: str) -> PortalSession | None:
    """The session of a cookie, also one that is over; None where it was revoked, or was none."""
    parsed = parse_pass(text)
    session = None if parsed is None else store.portal_sessions.get(parsed[0])
    return session if parsed is not None and session is not None and session.is_of(parsed[1]) else None


def revoke_portal_session(store: Store, account_id: str | None, session_id: str) -> None:
    """It shows nothing from now on. Raises PortalSessionNotFound, also for another account's."""
    session = store.portal_sessions.get(session_id)
    if session is None or session.account_id != account_id or not store.portal_sessions.remove(session_id):
        raise PortalSessionNotFound(session_id)
