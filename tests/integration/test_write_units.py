"""What a call writes: its units are pinned, since each call pays for them. `make bench` has more of it."""

from typing import Any

import pytest

from billing.domain.daily_usage import DayOfWorkspace, DayUse
from billing.store.daily_usage import day_update
from billing.store.database import Database
from tests.builders import NOW, call, calls_feature, detection_feature, plan
from tests.load.bench import KILOBYTE, Meter, _size
from tests.load.bench_usage import FEATURES
from tests.platform_of_one import World

# Wallet 2, entry 2 and 1 of its index, day 2.
A_CALL = 7


@pytest.fixture
def store(database: Database) -> World:
    store = World(database)
    store.open_account(plan(calls_feature(included_minutes=500), detection_feature()), paid="1000")
    return store


def test_a_call_writes_seven_units_and_a_hundred_share_their_wallet_and_their_day(store: World) -> None:
    client: Any = store.database.client
    meter = Meter(client)
    store.settle(call("first", seconds="312", detections=1), now=NOW)
    assert meter.write_units == A_CALL
    meter.reset()
    store.settle(*(call(f"e{number}", seconds="312", detections=1) for number in range(90)), now=NOW)
    assert meter.write_units == 2 + 90 * 3 + 2


def test_a_day_of_six_features_stays_below_the_kilobyte_that_a_unit_pays_for(database: Database) -> None:
    """With figures of a workspace that makes a thousand calls an hour."""
    use = DayUse(plan=("enterprise-plan", 123))
    use.counters.update({"calls": 24_000, "events": 31_415})
    for feature in FEATURES:
        figures = {"n": 24_000, "q": 4_321_987_654_000, "i": 30_000_000_000, "o": 4_291_987_654_000}
        figures |= {"a": 8_583_975_308, "c": 3_601_656_378}
        use.counters.update({f"{feature}|{letter}": value for letter, value in figures.items()})
    update = day_update(
        database, "an-account-of-forty-letters-or-so-000042", DayOfWorkspace("2026-11-23", "w" * 20), use
    )
    names, values = update["Update"]["ExpressionAttributeNames"], update["Update"]["ExpressionAttributeValues"]
    row = {**update["Update"]["Key"], **{name: values[f":{alias[1:]}"] for alias, name in names.items()}}
    assert _size(row) < KILOBYTE
