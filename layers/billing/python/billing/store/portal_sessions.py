"""Portal sessions in the table: by id, with the hashes of the ticket and of the cookie, never these."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

from pynamodb.attributes import BooleanAttribute, TTLAttribute, UnicodeAttribute
from pynamodb.indexes import AllProjection, GlobalSecondaryIndex
from pynamodb.models import Model

from billing.domain.account import DEFAULT_SELLER
from billing.domain.instants import format_instant
from billing.domain.portal_session import Page, PortalSession
from billing.store.attributes import InstantAttribute
from billing.store.database import Database, Item
from billing.store.paging import Listing, start_key
from billing.store.tables import raw_item

_KEPT_AFTER_ITS_END = timedelta(days=1)
_ADMINISTRATORS = "#administrators"
"""Whose sessions these are, in the index. No account has such an id."""


class SessionsOfAccount(GlobalSecondaryIndex[Any]):
    """An account's sessions, the latest first."""

    class Meta:
        index_name = "by_account"
        projection = AllProjection()

    whose = UnicodeAttribute(hash_key=True)
    created_at = InstantAttribute(range_key=True)


class PortalSessionItem(Model):
    """A visit to the console. DynamoDB removes it some time after its end."""

    class Meta:
        table_name = "portal_sessions"

    session_id = UnicodeAttribute(hash_key=True)
    whose = UnicodeAttribute()
    page = UnicodeAttribute()
    created_at = InstantAttribute()
    expires_at = InstantAttribute()
    ticket_hash = UnicodeAttribute()
    by = UnicodeAttribute(null=True)
    language = UnicodeAttribute(null=True)
    return_url = UnicodeAttribute(null=True)
    read_only = BooleanAttribute(null=True)
    entered_at = InstantAttribute(null=True)
    secret_hash = UnicodeAttribute(null=True)
    seller_id = UnicodeAttribute(null=True)
    delete_after = TTLAttribute()

    by_account = SessionsOfAccount()


_KEY = ("whose", "created_at", "session_id")


class PortalSessions:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, session_id: str) -> PortalSession | None:
        item = self._database.get(PortalSessionItem, {"session_id": session_id})
        return None if item is None else _session(item)

    def add(self, session: PortalSession) -> None:
        self._database.add(PortalSessionItem, _item(session), "session_id")

    def enter(self, session: PortalSession, secret_hash: str, now: datetime) -> bool:
        """Use up the ticket and keep the cookie's hash. False where somebody was faster, or it was revoked."""
        return self._database.update(
            PortalSessionItem,
            {"session_id": session.session_id},
            UpdateExpression="SET entered_at = :now, secret_hash = :secret",
            ConditionExpression="ticket_hash = :ticket AND attribute_not_exists(entered_at)",
            ExpressionAttributeValues={
                ":now": {"S": format_instant(now)},
                ":secret": {"S": secret_hash},
                ":ticket": {"S": session.ticket_hash},
            },
        )

    def remove(self, session_id: str) -> bool:
        """False where there was none."""
        return self._database.delete(PortalSessionItem, {"session_id": session_id})

    def page(self, account_id: str | None, now: datetime, limit: int, cursor: str | None) -> Listing[PortalSession]:
        """Those of an account that are not over, or without one the administrators', the latest first."""
        whose = _whose(account_id)
        page = self._database.page(
            "query",
            PortalSessionItem,
            _KEY,
            limit=limit,
            start=start_key(cursor, _KEY, {"whose": {"S": whose}}),
            IndexName=SessionsOfAccount.Meta.index_name,
            KeyConditionExpression="whose = :whose",
            FilterExpression="expires_at > :now",
            ExpressionAttributeValues={":whose": {"S": whose}, ":now": {"S": format_instant(now)}},
            ScanIndexForward=False,
        )
        return Listing.of(page, lambda item: _session(PortalSessionItem.from_raw_data(item)))


def _whose(account_id: str | None) -> str:
    return _ADMINISTRATORS if account_id is None else account_id


def _item(session: PortalSession) -> Item:
    return raw_item(
        PortalSessionItem,
        session_id=session.session_id,
        whose=_whose(session.account_id),
        page=session.page,
        created_at=session.created_at,
        expires_at=session.expires_at,
        ticket_hash=session.ticket_hash,
        by=session.by,
        language=session.language,
        return_url=session.return_url,
        read_only=session.read_only or None,
        seller_id=None if session.seller_id == DEFAULT_SELLER else session.seller_id,
        delete_after=(session.expires_at + _KEPT_AFTER_ITS_END).astimezone(UTC),
    )


def _session(item: PortalSessionItem) -> PortalSession:
    return PortalSession(
        session_id=item.session_id,
        account_id=None if item.whose == _ADMINISTRATORS else item.whose,
        by=item.by,
        page=cast("Page", item.page),
        created_at=item.created_at,
        expires_at=item.expires_at,
        ticket_hash=item.ticket_hash,
        language=item.language,
        return_url=item.return_url,
        read_only=bool(item.read_only),
        entered_at=item.entered_at,
        secret_hash=item.secret_hash,
        seller_id=item.seller_id or DEFAULT_SELLER,
    )
