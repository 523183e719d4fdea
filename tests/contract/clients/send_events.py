"""Run by the clients' own Python: each kind of event, by the generated client and by the SDK of CloudEvents.

Arguments: the API's address, the folder of the generated client, and a call and a usage event as JSON. Prints a line
for each request: the way in which it was sent, the status, the body.
"""

import http.client
import importlib
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

url, folder, text = sys.argv[1:]
call, used = json.loads(text)
sys.path.insert(0, str(Path(folder).parent))
package = Path(folder).name
models = importlib.import_module(f"{package}.models")
send = importlib.import_module(f"{package}.api.events.send_usage_events").sync_detailed
client = importlib.import_module(f"{package}.client").AuthenticatedClient(base_url=url, token="tk_test")


def tell(way: str, status: int, body: bytes) -> None:
    print(json.dumps([way, int(status), json.loads(body)]))


def by_generated_client(way: str, body: object, **headers: str) -> None:
    answer = send(client=client, body=body, **headers)
    tell(f"generated, {way}", answer.status_code, answer.content)


def by_sdk(way: str, message: HTTPMessage) -> None:
    """By a client that adds no header: of binary mode the SDK names no content type, unless the event states one."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    connection.request("POST", "/v1/events", message.body, {**message.headers, "authorization": "Bearer tk_test"})
    answer = connection.getresponse()
    tell(f"SDK, {way}", answer.status, answer.read())


def cloud_event(event: dict[str, Any], **attributes: str) -> CloudEvent:
    stated = {name: value for name, value in event.items() if name != "data"}
    return CloudEvent(attributes={**stated, **attributes}, data=event["data"])


binary = {f"ce_{name}": call[name] for name in ("specversion", "id", "source", "type")}
by_generated_client("call.ended", models.CallEnded.from_dict(call))
by_generated_client("usage.recorded", models.UsageRecordedType0.from_dict(used))
by_generated_client("binary", models.CallEndedData.from_dict(call["data"]), **binary)
for event in (call, used):
    by_sdk(f"binary, {event['type']}", to_binary_event(cloud_event(event)))
    typed = cloud_event(event, datacontenttype="application/json")
    by_sdk(f"binary with a content type, {event['type']}", to_binary_event(typed))
    by_sdk(f"structured, {event['type']}", to_structured_event(cloud_event(event)))
