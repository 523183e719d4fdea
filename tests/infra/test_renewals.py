"""Renewals: what the templates promise of the clock, the queue and their rights."""

import json
from typing import Any

from tests.infra.test_templates import Resources, functions_with, of_type, statements


def sweep(resources: Resources) -> dict[str, Any]:
    schedule: dict[str, Any]
    (schedule,) = of_type(resources, "AWS::Scheduler::Schedule").values()
    return schedule


def test_a_sweep_runs_every_five_minutes_as_of_the_schedule_s_own_moment(resources: Resources) -> None:
    assert sweep(resources)["ScheduleExpression"] == "rate(5 minutes)"
    assert json.loads(sweep(resources)["Target"]["Input"]) == {"time": "<aws.scheduler.scheduled-time>"}


def test_a_run_that_could_not_start_is_told_to_somebody(resources: Resources) -> None:
    queue = sweep(resources)["Target"]["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
    assert "RedrivePolicy" not in resources[queue]["Properties"]


def test_the_sweep_reads_an_index_and_no_wallet_and_moves_no_money(resources: Resources) -> None:
    granted = {
        action: json.dumps(statement["Resource"])
        for statement in statements(resources, "ScheduleRenewals")
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        if action.startswith("dynamodb:")
    }
    assert list(granted) == ["dynamodb:Query"]
    assert "/index/renewals" in granted["dynamodb:Query"]


def test_renewals_stay_below_the_requests_that_stripe_allows_in_a_second(resources: Resources) -> None:
    (mapping,) = (
        each
        for name, each in of_type(resources, "AWS::Lambda::EventSourceMapping").items()
        if name.startswith("RenewSubscriptions")
    )
    assert mapping["ScalingConfig"]["MaximumConcurrency"] <= 80


def test_the_renewal_worker_changes_no_plan_and_of_a_card_only_that_it_is_gone(resources: Resources) -> None:
    for table in ("plans", "payment_methods", "workspaces"):
        for action in ("PutItem", "UpdateItem", "DeleteItem"):
            if (table, action) != ("payment_methods", "UpdateItem"):
                assert "RenewSubscriptions" not in functions_with(resources, f"dynamodb:{action}", table)
