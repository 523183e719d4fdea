"""Portal sessions on the wire."""

from typing import ClassVar

from pydantic import Field

from billing.domain.instants import format_instant
from billing.domain.portal_session import Page, PortalSession
from billing.services.portal_sessions import Visitor
from billing.web.values import Body, Example, Instant, Language, Name, ReturnUrl, View


class PortalSessionBody(Body):
    """Who the visitor is, and how the visit begins."""

    example: ClassVar[Example] = {
        "by": "maria@acme.example",
        "language": "ar",
        "page": "payment-methods",
        "return_url": "https://platform.example/settings",
    }

    by: Name | None = Field(default=None, description="who the visitor is, in your words")
    language: Language | None = Field(default=None, description="absent: the account's")
    page: Page = Field(default="overview", description="the page that opens first")
    return_url: ReturnUrl | None = Field(default=None, description="a page of yours that the console leads back to")
    read_only: bool = Field(default=False, description="true: everything is shown, nothing can be changed")

    def to_visitor(self, account_id: str) -> Visitor:
        return Visitor(
            account_id,
            by=self.by,
            page=self.page,
            language=self.language,
            return_url=self.return_url,
            read_only=self.read_only,
        )


class AdministratorSessionBody(Body):
    """Who the administrator is."""

    example: ClassVar[Example] = {"by": "Sam <sam@platform.example>"}

    by: Name = Field(description="who acts, as the audit trail is to name them")
    language: Language = "en"
    return_url: ReturnUrl | None = Field(default=None, description="a page of yours that the console leads back to")

    def to_visitor(self) -> Visitor:
        return Visitor(None, by=self.by, language=self.language, return_url=self.return_url)


class NewPortalSessionView(View):
    """`url` opens the session once, within five minutes. It ends at `expires_at`."""

    session_id: str
    url: str
    expires_at: Instant


class PortalSessionView(View):
    """A session that is not over. `entered_at` is when its address was opened; null: it was not."""

    session_id: str
    by: str | None
    language: str | None
    page: Page
    return_url: str | None
    read_only: bool
    created_at: Instant
    expires_at: Instant
    entered_at: Instant | None

    @classmethod
    def of(cls, session: PortalSession) -> "PortalSessionView":
        return cls(
            session_id=session.session_id,
            by=session.by,
            language=session.language,
            page=session.page,
            return_url=session.return_url,
            read_only=session.read_only,
            created_at=format_instant(session.created_at),
            expires_at=format_instant(session.expires_at),
            entered_at=None if session.entered_at is None else format_instant(session.entered_at),
        )


class PortalSessionPage(View):
    """The latest first."""

    items: list[PortalSessionView]
    next_cursor: str | None
