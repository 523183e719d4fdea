"""Tables that must be complete: a line for each of what they are about, and no other."""

import importlib
import json
import pkgutil
from collections.abc import Iterator
from typing import Any, get_args

import pytest

import billing
from billing.contracts.usage_events import InvalidEvent
from billing.domain.account import LANGUAGES
from billing.domain.api_key import SCOPES
from billing.domain.dispute import STATUS_OF_STRIPE
from billing.domain.errors import BillingError, UnratableLine
from billing.payments.reading import OUTCOME_OF_STATUS
from billing.web.http import STATUS_OF_CODE, RefusalCode, RequestRefused, status_of
from billing.web.values import Language, Scope
from infra.local.stripe_simulator.schema import SLICE_PATH
from tests.described import description

# These say why an event is kept and not charged: no request is refused with them.
_OF_EVENTS = {InvalidEvent, UnratableLine}


def statuses_of_stripe(schema: str) -> set[str]:
    """The values that Stripe's own description gives for the status of one of its objects."""
    described: Any = json.loads(SLICE_PATH.read_text())["schemas"][schema]
    return set(described["properties"]["status"]["enum"])


def test_each_status_of_a_dispute_that_stripe_describes_has_its_meaning_here() -> None:
    assert set(STATUS_OF_STRIPE) == statuses_of_stripe("dispute")


def test_each_status_of_a_payment_that_stripe_describes_has_its_outcome_here() -> None:
    assert set(OUTCOME_OF_STATUS) == statuses_of_stripe("payment_intent")


def test_the_api_takes_each_scope_and_each_language_that_there_is() -> None:
    assert get_args(Scope) == SCOPES
    assert get_args(Language) == LANGUAGES


def refusals(kind: type[BillingError] = BillingError) -> Iterator[type[BillingError]]:
    for each in kind.__subclasses__():
        yield each
        yield from refusals(each)


def test_each_kind_of_refusal_has_a_status_of_its_own_or_that_of_the_kind_above_it() -> None:
    for module in pkgutil.walk_packages(billing.__path__, "billing."):
        importlib.import_module(module.name)
    kinds = set(refusals()) - _OF_EVENTS
    assert len(kinds) > 20
    for kind in kinds:
        codes = [vars(each).get("code") for each in kind.__mro__ if each is not BillingError]
        assert issubclass(kind, RequestRefused) or set(codes) & set(STATUS_OF_CODE), f"{kind.__name__} is a 422 by luck"


def test_each_refusal_that_the_api_describes_comes_under_the_status_of_its_code() -> None:
    described = [
        (int(status), code)
        for operation in (each for path in description().document["paths"].values() for each in path.values())
        for status in operation["responses"]
        for code in (description().response(operation, int(status)) or {}).get("x-codes", ())
    ]
    assert described
    for status, code in described:
        assert STATUS_OF_CODE.get(code, status) == status, code


@pytest.mark.parametrize("code", get_args(RefusalCode))
def test_a_refusal_of_the_edge_is_answered_with_the_status_of_its_code(code: RefusalCode) -> None:
    assert status_of(RequestRefused(code, "no")) == STATUS_OF_CODE[code]
