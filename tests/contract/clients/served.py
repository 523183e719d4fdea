"""The events of the API on a port of loopback, as real clients meet them; what they queue is kept."""

import base64
import json
import threading
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from billing.api.edge_events import EventsApi
from billing.domain.workspace import Tenure, Workspace
from tests.api_client import Line
from tests.builders import NOW, store_with
from tests.described import description


class Owners:
    """Workspaces of any id belong to acme."""

    def get_many(self, workspace_ids: Collection[str]) -> Mapping[str, Workspace]:
        return {each: Workspace(each, (Tenure("acme"),)) for each in workspace_ids}


@dataclass(frozen=True)
class ServedEvents:
    url: str
    line: Line


@contextmanager
def served_events() -> Iterator[ServedEvents]:
    """POST /v1/events until the block ends. Each answer is held to the served document."""
    line = Line()
    api = EventsApi(store_with(workspaces=Owners()), line, lambda *_: None)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", "0")))
            answer = api.respond(
                {
                    "headers": {name.lower(): value for name, value in self.headers.items()},
                    "body": base64.b64encode(body).decode(),
                    "isBase64Encoded": True,
                    "requestContext": {
                        "authorizer": {"lambda": {"key_id": "k-1", "scopes": "usage:write", "account_id": ""}}
                    },
                },
                NOW,
            )
            description().check("POST", self.path, answer["statusCode"], answer["headers"], answer["body"])
            self.send_response(answer["statusCode"])
            for name, value in answer["headers"].items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer["body"].encode())

        def log_message(self, *_: object) -> None:
            """Not on the tests' standard error."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield ServedEvents(f"http://127.0.0.1:{server.server_port}", line)
        finally:
            server.shutdown()


def document() -> str:
    return json.dumps(description().document)
