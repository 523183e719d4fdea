"""Functions that start before they are needed, so that the story need not wait for them: a start takes a second."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local.deploy import Outputs, session

_NOTHING = json.dumps({"Records": []})
_BEHIND_QUEUES = ("settle_usage", "apply_payments", "auto_refill", "renew_subscriptions")
"""In the order in which the story comes to them. The others answer its first requests, or tell what these have done."""


@contextmanager
def kept_warm(outputs: Outputs) -> Iterator[None]:
    """Meanwhile the functions behind queues get batches of nothing, which they are done with at once."""

    def start_all() -> None:
        client = session().client("lambda", endpoint_url=outputs.aws_url)
        for folder in _BEHIND_QUEUES:
            client.invoke(FunctionName=outputs.functions[folder], Payload=_NOTHING)

    starting = threading.Thread(target=start_all)
    starting.start()
    try:
        yield
    finally:
        starting.join()
