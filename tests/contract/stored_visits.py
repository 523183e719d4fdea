"""A value of every kind of row of the console's visits: see `stored_values`."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from billing.domain.api_key import hash_secret
from billing.domain.portal_session import PortalSession
from billing.store.database import Database
from billing.store.portal_sessions import PortalSessions
from tests.contract.samples import NOW
from tests.contract.stored import Stored

FRESH_VISIT = PortalSession(
    session_id="ps_" + "0a" * 12,
    account_id="acme",
    by="ماريا <maria@acme.example>",
    page="payment-methods",
    created_at=NOW,
    expires_at=NOW + timedelta(hours=1),
    ticket_hash=hash_secret("a ticket"),
    language="ar",
    return_url="https://platform.example/settings",
    read_only=True,
)
VISIT = replace(FRESH_VISIT, entered_at=NOW, secret_hash=hash_secret("a secret"))


def _enter(database: Database) -> None:
    sessions = PortalSessions(database)
    sessions.add(FRESH_VISIT)
    sessions.enter(FRESH_VISIT, hash_secret("a secret"), NOW)


STORED_VISITS: Mapping[str, Stored] = {
    "0.2.0/portal_sessions.fresh": Stored(
        "portal_sessions",
        {"session_id": VISIT.session_id},
        FRESH_VISIT,
        lambda database: PortalSessions(database).add(FRESH_VISIT),
        lambda database: PortalSessions(database).get(VISIT.session_id),
    ),
    "0.2.0/portal_sessions": Stored(
        "portal_sessions",
        {"session_id": VISIT.session_id},
        VISIT,
        _enter,
        lambda database: PortalSessions(database).get(VISIT.session_id),
    ),
}
