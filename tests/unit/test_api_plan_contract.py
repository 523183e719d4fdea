"""What a plan may say, and what it says of a plan that is wrong."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from billing.api.plan_views import PlanView
from billing.api.plans import PlanBody
from billing.domain.plan import Plan
from billing.web.http import RequestRefused
from billing.web.validation import validate
from tests.api_client import STARTER

_BODY = TypeAdapter(PlanBody)


def read(body: object) -> Plan:
    return validate(_BODY, body).to_plan("starter")


def faults(body: object) -> list[Any]:
    """The fields at fault, with what is wrong."""
    with pytest.raises(RequestRefused) as refused:
        read(body)
    errors = refused.value.facts["errors"]
    assert isinstance(errors, list)
    return [(error["field"], error["detail"]) for error in errors]


def starter_with(feature: int = 0, **members: object) -> dict[str, Any]:
    """The sample plan with members of one of its usage features changed."""
    features = list(STARTER["usage_features"])
    features[feature] = {**features[feature], **members}
    return {**STARTER, "usage_features": features}


def test_the_sample_plan_is_exact() -> None:
    plan = read(STARTER)
    calls = plan.usage_features["call_minutes"]
    assert (plan.base_price_micros, plan.minimum_top_up_micros) == (49_000_000, 10_000_000)
    assert calls.unit_price_micros == 120_000
    assert calls.included_metered_millionths == 30_000_000_000
    assert calls.unit_cost_micros == 50_000
    assert plan.recurring_features["call_concurrency"].maximum == 50


def test_a_plan_that_was_read_can_be_put_back_unchanged() -> None:
    shown = PlanView.of(read(STARTER), with_costs=True).model_dump(mode="json", by_alias=True)
    body = {name: value for name, value in shown.items() if name not in {"plan_id", "version"}}
    assert read(body) == read(STARTER)


def test_prices_are_shown_as_they_were_put() -> None:
    shown = PlanView.of(read(STARTER), with_costs=True).model_dump(mode="json", by_alias=True)
    assert (shown["base_price"], shown["minimum_top_up"]) == ("49.00", "10.00")
    assert shown["usage_features"][0]["volume_discounts"] == [{"from": "10000", "percent": "10"}]
    assert [feature["unit_price"] for feature in shown["usage_features"]] == ["0.12", "0.01"]


def test_a_price_in_yen_has_no_decimals_and_one_in_dinars_has_three() -> None:
    assert PlanView.of(read({**STARTER, "currency": "JPY"}), with_costs=True).base_price == "49"
    assert PlanView.of(read({**STARTER, "currency": "KWD", "base_price": "1.5"}), with_costs=True).base_price == "1.500"


def test_a_price_below_the_minor_unit_is_shown_whole() -> None:
    shown = PlanView.of(read(starter_with(unit_price="0.000125")), with_costs=True)
    assert shown.usage_features[0].unit_price == "0.000125"


def test_the_priced_unit_is_the_metered_one_where_none_is_named() -> None:
    detection = read(STARTER).usage_features["voicemail_detection"]
    assert (detection.priced_unit, detection.metered_per_priced_millionths) == ("detection", 1_000_000)


@pytest.mark.parametrize("ratio", ["1", "61", "0"])
def test_seconds_are_sixty_to_a_minute(ratio: str) -> None:
    assert [field for field, _ in faults(starter_with(metered_per_priced=ratio))] == [
        "usage_features[0].metered_per_priced"
    ]


def test_a_thousand_tokens_can_be_the_priced_unit() -> None:
    body = starter_with(1, metered_unit="token", priced_unit="thousand tokens", metered_per_priced="1000")
    assert read(body).usage_features["voicemail_detection"].metered_per_priced_millionths == 1_000_000_000


def test_an_included_quantity_must_be_exact_in_metered_units() -> None:
    units = {"metered_unit": "gigabyte", "priced_unit": "drop", "metered_per_priced": "0.001"}
    assert faults(starter_with(1, **units, included="0.0001")) == [
        ("usage_features[1].included", "must come to at most six decimal places in metered units")
    ]


@pytest.mark.parametrize(
    ("price", "wrong"),
    [
        (0.12, 'must be a decimal string such as "12.50", not a JSON number'),
        ("1e3", 'must be a decimal in plain notation such as "12.50"'),
        ("NaN", 'must be a decimal in plain notation such as "12.50"'),
        ("-1", "must not be negative"),
        ("0.1234567", "must have at most six decimal places"),
        ("1000000000.01", "must be at most 1000000000"),
    ],
)
def test_a_price_that_is_not_an_exact_amount_is_refused_by_name(price: object, wrong: str) -> None:
    assert faults(starter_with(unit_price=price)) == [("usage_features[0].unit_price", wrong)]


def test_every_fault_is_named_at_once() -> None:
    body = {**starter_with(key="1st", surprise=1), "currency": "usd", "foo": 1}
    del body["name"]
    assert [field for field, _ in faults(body)] == [
        "name",
        "currency",
        "usage_features[0].key",
        "usage_features[0].surprise",
        "foo",
    ]


def test_discounts_begin_at_higher_and_higher_quantities() -> None:
    tiers = [{"from": "100", "percent": "5"}, {"from": "100", "percent": "10"}]
    assert [field for field, _ in faults(starter_with(volume_discounts=tiers))] == [
        "usage_features[0].volume_discounts"
    ]


def test_a_discount_of_more_than_everything_is_refused() -> None:
    tiers = [{"from": "100", "percent": "100.000001"}]
    assert faults(starter_with(volume_discounts=tiers)) == [
        ("usage_features[0].volume_discounts[0].percent", "must be at most 100")
    ]


def test_a_key_stands_for_one_feature_of_the_plan() -> None:
    twice = [*STARTER["usage_features"], STARTER["usage_features"][0]]
    assert [field for field, _ in faults({**STARTER, "usage_features": twice})] == ["usage_features"]
    rented_too = [{**STARTER["recurring_features"][0], "key": "call_minutes"}]
    assert [field for field, _ in faults({**STARTER, "recurring_features": rented_too})] == ["recurring_features"]


def test_a_maximum_below_the_included_units_is_refused() -> None:
    slots = {**STARTER["recurring_features"][1], "maximum": "4"}
    assert faults({**STARTER, "recurring_features": [slots]}) == [
        ("recurring_features[0].maximum", "must be at least the included 5")
    ]


def test_rented_units_are_whole() -> None:
    half = {**STARTER["recurring_features"][0], "included": "1.5"}
    assert [field for field, _ in faults({**STARTER, "recurring_features": [half]})] == [
        "recurring_features[0].included"
    ]


def test_a_plan_without_a_fee_has_no_base_price() -> None:
    assert [field for field, _ in faults({**STARTER, "kind": "pay_as_you_go"})] == ["base_price"]
    assert read({**STARTER, "kind": "pay_as_you_go", "base_price": "0"}).kind == "pay_as_you_go"


def test_a_plan_holds_at_most_fifty_usage_features() -> None:
    many = [{**STARTER["usage_features"][1], "key": f"feature_{number}"} for number in range(51)]
    assert faults({**STARTER, "usage_features": many}) == [("usage_features", "must have at most 50")]


@pytest.mark.parametrize(
    "name", ["", " Starter", "Star\nter", "Star\u2028ter", "S" * 201, "\ud800", "S\ufffe", "S\U0001ffff", None, 7]
)
def test_a_name_is_one_line_of_text(name: object) -> None:
    assert [field for field, _ in faults({**STARTER, "name": name})] == ["name"]


def test_a_name_may_be_arabic() -> None:
    assert read({**STARTER, "name": "الخطة الأساسية"}).name == "الخطة الأساسية"


def test_a_minimum_top_up_is_at_most_the_largest_that_a_customer_may_buy() -> None:
    assert read({**STARTER, "minimum_top_up": "10000"}).minimum_top_up_micros == 10_000_000_000
    assert faults({**STARTER, "minimum_top_up": "10000.01"}) == [
        ("minimum_top_up", "must be at most 10000 USD, the largest top-up")
    ]
    rupiah = {**STARTER, "currency": "IDR", "base_price": "0"}
    assert read({**rupiah, "minimum_top_up": "170000000"}).minimum_top_up_micros == 170_000_000_000_000
    assert [field for field, _ in faults({**rupiah, "minimum_top_up": "170000001"})] == ["minimum_top_up"]


def test_a_minimum_top_up_of_an_unknown_currency_is_not_judged() -> None:
    assert [field for field, _ in faults({**STARTER, "currency": "XXX", "minimum_top_up": "10000.01"})] == ["currency"]
