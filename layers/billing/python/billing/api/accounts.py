"""Accounts, workspaces, locks and API keys on the wire."""

from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticCustomError

from billing.domain.account import DEFAULT_SELLER, Account
from billing.domain.api_key import SCOPES, ApiKey
from billing.domain.instants import format_instant
from billing.domain.standing import SearchedStatus
from billing.domain.wallet import AccountStatus, Wallet
from billing.domain.workspace import Move, Workspace
from billing.services.find_accounts import FoundAccount
from billing.web.values import (
    AccountId,
    Body,
    Currency,
    Email,
    Example,
    Instant,
    Language,
    Moment,
    MoneyView,
    Name,
    NameBeginning,
    PageQuery,
    Reason,
    Scope,
    SellerId,
    View,
    distinct,
)
from billing.words.lock_texts import why_locked


class NewAccountBody(Body):
    """The caller may choose the id; the currency stays."""

    example: ClassVar[Example] = {
        "account_id": "acme",
        "name": "Acme LLC",
        "email": "billing@acme.example",
        "currency": "USD",
    }

    account_id: AccountId | None = None
    name: Name
    email: Email
    currency: Currency
    language: Language = "en"
    seller_id: SellerId = Field(default=DEFAULT_SELLER, description="who bills the account")


class AccountChangeBody(Body):
    """What is left out stays. The currency cannot be changed: balances are never converted."""

    example: ClassVar[Example] = {"email": "accounts@acme.example", "language": "ar"}

    name: Name | None = None
    email: Email | None = None
    language: Language | None = None
    seller_id: SellerId | None = Field(default=None, description="documents that are issued from now on are its")

    @model_validator(mode="after")
    def _changes_something(self) -> "AccountChangeBody":
        if all(getattr(self, name) is None for name in type(self).model_fields):
            raise PydanticCustomError("invalid_value", "must name at least one of name, email, language and seller_id")
        return self


class AccountView(View):
    account_id: str
    name: str
    email: str
    currency: str
    language: str
    seller_id: str
    created_at: Instant

    @classmethod
    def of(cls, account: Account) -> "AccountView":
        return cls(
            account_id=account.account_id,
            name=account.name,
            email=account.email,
            currency=account.currency,
            language=account.language,
            seller_id=account.seller_id,
            created_at=format_instant(account.created_at),
        )


class AccountQuery(PageQuery):
    """All that is named must hold."""

    status: SearchedStatus | None = Field(
        default=None, description="`past_due` is a renewal that waits to be paid, whatever the status is otherwise"
    )
    email: Email | None = Field(default=None, description="the whole address, in upper or lower case")
    name: NameBeginning | None = Field(
        default=None, description="the beginning of the name, without regard to case and accents"
    )


class FoundAccountView(AccountView):
    """An account, and how it stands now. `balance` is its credit, as in its billing overview."""

    status: AccountStatus
    past_due: bool
    balance: MoneyView

    @classmethod
    def of_found(cls, found: FoundAccount) -> "FoundAccountView":
        wallet = found.wallet
        return cls(
            **AccountView.of(found.account).model_dump(),
            status=wallet.status,
            past_due=wallet.is_past_due,
            balance=MoneyView.of(wallet.balance_micros, wallet.currency),
        )


class AccountPage(View):
    items: list[FoundAccountView]
    next_cursor: str | None


class WorkspaceBody(Body):
    example: ClassVar[Example] = {"account_id": "acme", "name": "Acme Dental"}

    account_id: AccountId
    name: Name | None = Field(default=None, description="absent: it keeps the name that it has")


class WorkspaceMoveView(View):
    """From one account to another."""

    former_account_id: str
    account_id: str
    effective_at: Instant

    @classmethod
    def of(cls, move: Move) -> "WorkspaceMoveView":
        return cls(
            former_account_id=move.former_account_id,
            account_id=move.account_id,
            effective_at=format_instant(move.effective_at),
        )


class WorkspaceView(View):
    """A workspace of the account, from `effective_at` on. That is null if the account had it before moves were kept."""

    workspace_id: str
    account_id: str
    name: str | None
    effective_at: Instant | None
    moves: list[WorkspaceMoveView] = Field(description="the last ten, the latest first")

    @classmethod
    def of(cls, workspace: Workspace) -> "WorkspaceView":
        since = workspace.latest.since
        return cls(
            workspace_id=workspace.workspace_id,
            account_id=workspace.account_id,
            name=workspace.name,
            effective_at=None if since is None else format_instant(since),
            moves=[WorkspaceMoveView.of(move) for move in workspace.moves],
        )


class WorkspacePage(View):
    items: list[WorkspaceView]
    next_cursor: str | None


class LockBody(Body):
    example: ClassVar[Example] = {"reason": "unpaid invoice 2026-118"}

    reason: Reason


class LiftedHoldBody(Body):
    example: ClassVar[Example] = {"reason": "the customer withdrew the dispute", "by": "ops@example.com"}

    reason: Reason
    by: Reason


class AccountStatusView(View):
    """The account's standing; `lock_reason` is null if it is not locked."""

    account_id: str
    status: AccountStatus
    lock_reason: str | None

    @classmethod
    def of(cls, wallet: Wallet) -> "AccountStatusView":
        return cls(account_id=wallet.account_id, status=wallet.status, lock_reason=why_locked(wallet))


class NewApiKeyBody(Body):
    """With an account, the key reaches that one only, and cannot be `admin`, which implies the other scopes."""

    example: ClassVar[Example] = {"name": "voice platform", "scopes": ["usage:write", "calls:authorize"]}

    name: Name
    scopes: Annotated[list[Scope], Field(min_length=1, max_length=len(SCOPES)), distinct("a scope")]
    account_id: AccountId | None = None
    expires_at: Moment | None = Field(default=None, description="from when on it opens nothing; absent: never")

    @field_validator("account_id")
    @classmethod
    def _is_no_administrator(cls, account_id: str | None, info: ValidationInfo) -> str | None:
        if account_id is not None and "admin" in info.data.get("scopes", ()):
            raise PydanticCustomError("invalid_value", 'must be left out with the scope "admin"')
        return account_id


class ApiKeyView(View):
    """A key without its secret, which is not kept."""

    key_id: str
    name: str
    scopes: list[str]
    account_id: str | None
    created_at: Instant
    expires_at: Instant | None
    last_used_at: Instant | None = Field(
        description="a use that is at most 15 minutes older than the last one; null: not used since this is kept"
    )

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyView":
        return cls(
            key_id=key.key_id,
            name=key.name,
            scopes=sorted(key.granted),
            account_id=key.account_id,
            created_at=format_instant(key.created_at),
            expires_at=_moment(key.expires_at),
            last_used_at=_moment(key.last_used_at),
        )


def _moment(instant: datetime | None) -> str | None:
    return None if instant is None else format_instant(instant)


class NewApiKeyView(ApiKeyView):
    """The one answer that holds the key itself."""

    key: str


class ApiKeyPage(View):
    items: list[ApiKeyView]
    next_cursor: str | None
