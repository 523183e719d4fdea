"""Billing details in the console: what receipts that are issued from now on say of the customer."""

import pytest

from billing.domain.billing_details import BillingDetails
from tests.paying_account import Paying
from tests.visitor import visitor_of

HERE = "/console/details"


def kept(paying: Paying) -> BillingDetails | None:
    account = paying.store.accounts.get("acme")
    assert account is not None
    return account.details


def test_details_in_any_script_are_kept_as_they_were_typed(paying: Paying) -> None:
    visitor = visitor_of(paying)
    typed = {
        "legal_name": "شركة النور ش.م.م",
        "line1": "ул. Ленина, 1",
        "line2": "",
        "line3": "東京都",
        "country": "OM",
        "tax_id": "OM1234567890",
        "emails": "a@acme.example, b@acme.example  a@acme.example",
    }
    saved = visitor.press(visitor.get(HERE), "Save", **typed)
    assert "The details are saved." in saved.text
    expected = BillingDetails(
        typed["legal_name"], ("ул. Ленина, 1", "東京都"), "OM", "OM1234567890", ("a@acme.example", "b@acme.example")
    )
    assert kept(paying) == expected
    fields = visitor.get(HERE).form("Save").fields
    assert (fields["legal_name"], fields["line2"]) == (typed["legal_name"], "東京都")
    assert 'value="OM" selected' in visitor.get(HERE).html


def test_emptied_details_are_none(paying: Paying) -> None:
    visitor = visitor_of(paying)
    visitor.press(visitor.get(HERE), "Save", legal_name="Acme", country="GB")
    visitor.press(visitor.get(HERE), "Save", legal_name="", country="")
    assert kept(paying) == BillingDetails()


@pytest.mark.parametrize(
    ("field", "text", "says"),
    [
        ("legal_name", "x" * 201, "Enter one line of at most 200 characters."),
        ("line4", "a\nb", "Enter one line of at most 200 characters."),
        ("tax_id", "1" * 61, "Enter one line of at most 60 characters."),
        ("country", "XX", "Choose a country of the list."),
        ("emails", "nobody", "Enter e-mail addresses, at most 5"),
        ("emails", " ".join(f"a{n}@acme.example" for n in range(6)), "Enter e-mail addresses, at most 5"),
    ],
)
def test_what_cannot_be_kept_is_told_at_its_field_and_nothing_is_changed(
    paying: Paying, field: str, text: str, says: str
) -> None:
    visitor = visitor_of(paying)
    refused = visitor.press(visitor.get(HERE), "Save", **{field: text})
    assert refused.status == 422
    assert refused.text.count(says) == 2
    assert f'href="#{field}"' in refused.html
    assert kept(paying) is None
