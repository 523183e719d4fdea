"""The API's description of itself, to which tests hold whatever they are answered."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from billing.api.rest_api import rest_api
from billing.store.database import Database
from tests.builders import NOW

_OF_NO_OPERATION = {"route_not_found", "method_not_allowed"}

JsonObject = Mapping[str, Any]


@dataclass(frozen=True)
class Description:
    document: JsonObject

    def operation(self, method: str, path: str) -> JsonObject | None:
        """What the document says of a method of a path, whose parameters may be filled in."""
        for template, methods in self.document["paths"].items():
            if method.lower() in methods and re.fullmatch(re.sub(r"\{[a-z_]+\}", "[^/]*", template), path):
                said: JsonObject = methods[method.lower()]
                return said
        return None

    def response(self, operation: JsonObject, status: int) -> JsonObject | None:
        said: JsonObject | None = operation["responses"].get(str(status))
        if said is not None and "$ref" in said:
            said = self.document["components"]["responses"][said["$ref"].rpartition("/")[2]]
        return said

    def faults(self, schema: JsonObject, value: object) -> list[str]:
        """How `value` differs from a schema of the document."""
        validator = Draft202012Validator({**schema, "components": self.document["components"]})
        return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(value)]

    def faults_of_answer(
        self, method: str, path: str, status: int, headers: Mapping[str, str], text: str
    ) -> Sequence[str]:
        """How an answer differs from what the document says of its operation."""
        operation = self.operation(method, path)
        if operation is None:
            known = json.loads(text)["code"] in _OF_NO_OPERATION
            return [] if known else [f"{method} {path} is not described"]
        said = self.response(operation, status)
        if said is None:
            return [f"{status} is not described"]
        if not said.get("content"):
            return ["it has a body that is not described"] if text else []
        media_type = headers["content-type"].partition(";")[0]
        if media_type not in said["content"]:
            return [f"{status} is not described as {media_type}"]
        value = json.loads(text) if media_type.endswith("json") else text
        faults = self.faults(said["content"][media_type]["schema"], value)
        return [*faults, *self._faults_of_problem(said, value)] if media_type.endswith("problem+json") else faults

    def _faults_of_problem(self, said: JsonObject, problem: Any) -> list[str]:
        members = self.document["components"]["schemas"]["Problem"]["properties"]
        unknown = [f"the problem's member {name} is not described" for name in problem.keys() - members.keys()]
        return unknown + ([] if problem["code"] in said["x-codes"] else [f"the code {problem['code']} is not listed"])

    def check(self, method: str, path: str, status: int, headers: Mapping[str, str], text: str) -> None:
        faults = self.faults_of_answer(method, path, status, headers, text)
        assert not faults, f"{method} {path} -> {status} is not as described: {'; '.join(faults)}"


@cache
def description() -> Description:
    """As the deployed API describes itself. Its routes are bound to no store: none of them is asked."""
    nowhere: Any = Database(None, {}, lambda _: None)  # type: ignore[arg-type]
    nobody: Any = None
    api = rest_api(nowhere, nobody, lambda: nobody, return_url="", local=False)
    event = {"rawPath": "/openapi.json", "requestContext": {"http": {"method": "GET"}}}
    return Description(json.loads(api.respond(event, NOW, lambda _: None)["body"]))
