"""Metrics as a log line in CloudWatch's embedded metric format, for the functions in which every import counts.

Powertools' Metrics says the same and costs them 22 ms of a cold start. The format:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime

NAMESPACE = "Talktime"
_MAX_VALUES_A_LINE = 100


def emit(
    service: str,
    now: datetime,
    *,
    counts: Mapping[str, int],
    milliseconds: Mapping[str, Sequence[float]] | None = None,
    verdicts: Mapping[str, Sequence[bool]] | None = None,
) -> None:
    """Write counts; distributions of times; and verdicts, 1 for a true one and else 0, so that their average is a rate.

    Of a distribution the specification takes a hundred values a line.
    """
    _write(service, now, "Count", counts)
    for name, times in (milliseconds or {}).items():
        _write_each(service, now, "Milliseconds", name, times)
    for name, given in (verdicts or {}).items():
        _write_each(service, now, "None", name, [int(verdict) for verdict in given])


def _write_each(service: str, now: datetime, unit: str, name: str, values: Sequence[float]) -> None:
    for start in range(0, len(values), _MAX_VALUES_A_LINE):
        _write(service, now, unit, {name: list(values[start : start + _MAX_VALUES_A_LINE])})


def _write(service: str, now: datetime, unit: str, metrics: Mapping[str, object]) -> None:
    definitions = [{"Name": name, "Unit": unit} for name in metrics]
    line = {
        "_aws": {
            "Timestamp": int(now.timestamp() * 1000),
            "CloudWatchMetrics": [{"Namespace": NAMESPACE, "Dimensions": [["service"]], "Metrics": definitions}],
        },
        "service": service,
        **metrics,
    }
    sys.stdout.write(json.dumps(line) + "\n")
