"""Metrics are log lines that CloudWatch takes whole: a hundred values a line, and none left out."""

import json

import pytest

from billing.runtime import metrics
from tests.builders import NOW


def test_every_value_of_a_large_batch_is_written_a_hundred_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    lags = [float(n) for n in range(250)]
    metrics.emit("settle_usage", NOW, counts={"EventsSettled": 250}, milliseconds={"SettlementLag": lags})
    counts, *timed = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert counts["EventsSettled"] == 250
    assert [len(line["SettlementLag"]) for line in timed] == [100, 100, 50]
    assert [value for line in timed for value in line["SettlementLag"]] == lags
    (directive,) = timed[0]["_aws"]["CloudWatchMetrics"]
    assert directive["Metrics"] == [{"Name": "SettlementLag", "Unit": "Milliseconds"}]


def test_nothing_measured_is_no_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.emit("settle_usage", NOW, counts={"EventsSettled": 0}, milliseconds={"SettlementLag": []})
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_verdicts_are_ones_and_zeros_whose_average_is_a_rate(capsys: pytest.CaptureFixture[str]) -> None:
    metrics.emit("relay_changes", NOW, counts={}, verdicts={"CardDeclined": [True, False, False, False], "None": []})
    _, line = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert line["CardDeclined"] == [1, 0, 0, 0]
    assert line["_aws"]["CloudWatchMetrics"][0]["Metrics"] == [{"Name": "CardDeclined", "Unit": "None"}]
