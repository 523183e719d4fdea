"""A field that a release puts last, with a default, reads what was stored without it; and is carried along."""

from dataclasses import astuple, dataclass, fields, replace

import pytest
from pynamodb.attributes import UnicodeAttribute

from billing.domain.card_changes import with_default_card, with_new_date
from billing.domain.dunning import FailedTry, after_failure
from billing.domain.ledger import RatedLine
from billing.domain.plan import RecurringFeature, UsageFeature, VolumeDiscount
from billing.domain.terms import Terms
from billing.domain.transaction import CardFace, PaymentReport, record
from billing.domain.wallet import Grant, Refill
from billing.store import books, plans
from billing.store.attributes import InstantAttribute, IntegerAttribute
from billing.store.books import Books
from billing.store.database import Database
from billing.store.formats import MapFormat, NameFormat, PositionFormat
from billing.store.plans import Plans
from tests.builders import dunning_of
from tests.contract.samples import (
    CALL,
    CARD,
    END,
    NOW,
    RENEWAL,
    WALLET,
)
from tests.contract.stored_values import VALUES
from tests.contract.test_stored_rows import golden


@dataclass(frozen=True, slots=True)
class LongerTerms(Terms):
    note: str = "none"


@dataclass(frozen=True, slots=True)
class LongerRefill(Refill):
    note: str = "none"


@dataclass(frozen=True, slots=True)
class LongerGrant(Grant):
    note: str = "none"


def test_a_field_that_is_put_last_with_a_default_reads_what_is_stored_without_it() -> None:
    assert PositionFormat(LongerTerms).read(["free", 7, {}]) == LongerTerms("free", 7, {}, "none")
    assert NameFormat(LongerRefill).read({"enabled": True}) == LongerRefill(enabled=True, note="none")
    grants = MapFormat(
        LongerGrant,
        grant_id=UnicodeAttribute(),
        remaining_micros=IntegerAttribute(),
        expires_at=InstantAttribute(),
        note=UnicodeAttribute(null=True),
    )
    grant = LongerGrant("welcome", 1, END)
    assert grants.read(grants.write(grant)) == grant
    assert "note" not in grants.write(grant)


@dataclass(frozen=True, slots=True)
class LongerLine(RatedLine):
    note: str = "none"


@dataclass(frozen=True, slots=True)
class LongerFeature(UsageFeature):
    note: str = "none"


@dataclass(frozen=True, slots=True)
class LongerDiscount(VolumeDiscount):
    note: str = "none"


@dataclass(frozen=True, slots=True)
class LongerRecurring(RecurringFeature):
    note: str = "none"


def test_a_rated_line_and_the_parts_of_a_plan_read_without_a_field_that_is_put_last(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is never written again has no format of its own: the store reads it as the release after this one would."""
    monkeypatch.setattr(books, "RatedLine", LongerLine)
    monkeypatch.setattr(books, "_LINE_FIELDS", tuple(field.name for field in fields(LongerLine)))
    monkeypatch.setattr(plans, "UsageFeature", LongerFeature)
    monkeypatch.setattr(plans, "VolumeDiscount", LongerDiscount)
    monkeypatch.setattr(plans, "RecurringFeature", LongerRecurring)
    for name in ("ledger_entries.usage", "plans"):
        database.client.put_item(TableName=VALUES[f"0.1.0/{name}"].table, Item=golden(f"0.1.0/{name}"))
    entry = Books(database).entry(CALL.cause)
    assert entry is not None
    assert entry.usage is not None
    assert CALL.usage is not None
    assert entry.usage.lines == tuple(LongerLine(*astuple(line)) for line in CALL.usage.lines)
    plan = Plans(database).version("enterprise", 1)
    features = [*plan.usage_features.values(), *plan.recurring_features.values()]
    discounts = [tier for feature in plan.usage_features.values() for tier in feature.volume_discounts]
    assert {type(each) for each in (*features, *discounts)} == {LongerFeature, LongerRecurring, LongerDiscount}


def test_what_is_decided_of_a_value_carries_along_what_a_newer_release_added_to_it() -> None:
    newer = ({"since": "0.9", "facts": [1, None, "ملاحظة"]},)
    assert WALLET.default_card is not None
    dunning = replace(dunning_of(WALLET), newer=newer)
    assert after_failure(dunning, FailedTry("tx_2", 1, None), NOW).newer == newer
    wallet = replace(WALLET, default_card=replace(WALLET.default_card, newer=newer))
    for change in (with_default_card, with_new_date):
        card = change(wallet, CARD, NOW).default_card
        assert card is not None
        assert card.newer == newer
    charge = replace(RENEWAL, status="Processing", card=CardFace("visa", "4242", newer=newer))
    report = PaymentReport(
        charge.transaction_id, "acme", "pi_1", "succeeded", 49_010_000, "USD", card=CardFace("visa", "4242")
    )
    face = record(charge, report, NOW).card
    assert face is not None
    assert face.newer == newer
