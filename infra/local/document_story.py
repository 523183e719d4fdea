"""A bookkeeper's files: the receipt of a payment, the credit note of a refund, and a statement of the month."""

import hashlib
import shutil
from datetime import UTC, datetime
from typing import Any

from infra.local.stripe import STRIPE
from infra.local.telling import Story, balance, first, until
from infra.paths import LOCAL, ROOT

DOCUMENT_FOLDER = LOCAL / "documents"
_ACCOUNT = "/v1/accounts/initech"


def a_payment_has_its_documents(story: Story) -> None:
    """Of the top-up that was paid in `money_story`. At Stripe itself nobody has paid."""
    if story.outputs.stripe_url == STRIPE:
        return
    story.tell("\nThe top-up has its receipt; 5.00 of it are refunded, which makes a credit note")
    shutil.rmtree(DOCUMENT_FOLDER, ignore_errors=True)
    top_up = until(lambda: _numbered_top_up(story))
    story.check("its number", top_up["receipt_number"][:8], f"TT-{datetime.now(UTC).year}-")
    path = f"{_ACCOUNT}/transactions/{top_up['transaction_id']}"
    files = {hashlib.sha256(_save(story, f"{path}/receipt")).hexdigest() for _ in range(3)}
    story.check("different files of three downloads", len(files), 1)
    before = balance(story.api, "initech")
    story.api.post(f"{path}/refunds", {"amount": "5.00"}, key="refund-1")
    story.check("initech's balance", _cents(balance(story.api, "initech")), _cents(before) - 500)
    (refund,) = until(lambda: _refunds_with_numbers(story, path))
    _save(story, f"{path}/credit-notes/{refund['credit_note_number']}")
    statement = story.api.get(f"{_ACCOUNT}/statements/{datetime.now(UTC):%Y-%m}")
    moved = sum(_micros(each["amount"]) for each in statement["movements"])
    story.check("the month, from opening to closing balance", moved, _micros(statement["closing_balance"]))


def _numbered_top_up(story: Story) -> Any:  # noqa: ANN401  JSON
    top_ups = story.api.get(f"{_ACCOUNT}/transactions?kind=top_up&status=Paid")["items"]
    return first(each for each in top_ups if each["receipt_number"])


def _refunds_with_numbers(story: Story, path: str) -> Any:  # noqa: ANN401  JSON
    refunds = story.api.get(path)["refunds"]
    return refunds if all(each["credit_note_number"] for each in refunds) else None


def _save(story: Story, path: str) -> bytes:
    name, content = story.api.get_file(path)
    DOCUMENT_FOLDER.mkdir(parents=True, exist_ok=True)
    file = DOCUMENT_FOLDER / name
    if not file.exists():
        file.write_bytes(content)
        story.tell(f"  {file.relative_to(ROOT)}, {len(content)} bytes")
    return content


def _cents(amount: str) -> int:
    return int(amount.replace(".", "")) // 10_000


def _micros(money: Any) -> int:  # noqa: ANN401  JSON
    return int(money["amount"].replace(".", ""))
