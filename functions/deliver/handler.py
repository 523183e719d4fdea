"""Delivery queue -> webhooks and e-mails, all of a batch at once; and, every minute, a sweep for what is due again."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

from billing.runtime import wiring  # the first: what comes after it is not looked through for garbage

# isort: split
from billing.contracts.delivery_queue import decode
from billing.contracts.times import parse_time
from billing.runtime import aws, batch, logs, mailbox, metrics, settings
from billing.runtime.delivery_queue import DeliveryQueue
from billing.runtime.webhook_sender import WebhookSender
from billing.services.deliver import DeliveryOffice, count_deliveries

_WORKERS = 10
_settings = settings.from_environment()
log = logs.logger("deliver", _settings.log_level)
_loop = batch.BatchLoop(log, "a delivery broke", batch.message_id)
_queue = DeliveryQueue(aws.sqs(), _settings.delivery_queue_url)
_mail = mailbox.sender(aws.sesv2(), _settings.mail_from)
_post = WebhookSender(local=_settings.local).post
_office = DeliveryOffice(wiring.store(_settings), _queue, post=_post, mail=_mail, billing_url=_settings.billing_url)


def handler(event: Mapping[str, Any], _: object) -> dict[str, Any]:
    """A schedule's event sweeps as of its own time. Of messages, only what broke on our side goes back to the queue."""
    now = datetime.now(UTC)
    if "Records" not in event:
        swept = _office.sweep(parse_time(event["time"], "time"))
        metrics.emit("deliver", now, counts={"DeliveriesSwept": swept})
        return {"swept": swept}
    # Each waits for somebody else's server: one that is slow holds up nobody.
    with ThreadPoolExecutor(_WORKERS) as pool:
        worked = _loop.try_all(event["Records"], lambda each: _office.attempt(decode(each["body"]), now), run=pool.map)
    metrics.emit("deliver", now, counts=count_deliveries(worked.results) | {"Broken": len(worked.broken)})
    return worked.answer
