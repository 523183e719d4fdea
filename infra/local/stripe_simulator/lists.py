"""What Stripe's lists and reads share: filters, pages, expansions, and the search language."""

import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from itertools import islice
from typing import Any

from infra.local.stripe_simulator import schema
from infra.local.stripe_simulator.copying import copied
from infra.local.stripe_simulator.errors import Json, invalid
from infra.local.stripe_simulator.state import State

DEFAULT_LIMIT = 10
MAX_LIMIT = 100
MAX_EXPANSION_DEPTH = 4

_NOT_FILTERS = {"limit", "starting_after", "ending_before", "expand"}
_KIND_OF_PARAM = {
    "customer": "customer", "payment_intent": "payment_intent", "charge": "charge", "payment_method": "payment_method",
}  # fmt: skip
_COMPARE: dict[str, Callable[[int, int], bool]] = {
    "gt": lambda a, b: a > b,
    "gte": lambda a, b: a >= b,
    "lt": lambda a, b: a < b,
    "lte": lambda a, b: a <= b,
}
_CLAUSE = re.compile(
    r"""(?P<not>-)?(?:metadata\[(?P<q>["'])(?P<key>[^"']+)(?P=q)\]|(?P<field>[a-z_]+))"""
    r"""(?P<op>:|>=|<=|>|<)(?:(?P<quote>["'])(?P<text>.*?)(?P=quote)|(?P<number>\d+)|(?P<null>null))"""
)
_SEARCHABLE = {"amount", "created", "currency", "customer", "status"}
_NUMERIC = {"amount", "created"}
_OPERATORS = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte"}


def list_page(state: State, items: Iterable[Json], params: Json, url: str) -> Json:
    """Stripe's list object: `items`, newest first, filtered and cut to the page asked for."""
    for name, kind in _KIND_OF_PARAM.items():
        if name in params:
            state.find(kind, params[name], name)
    limit = _limit(params)
    rest = iter(items)
    if "starting_after" in params:
        _until(rest, params["starting_after"], "starting_after")
    if "ending_before" in params:
        newer = _until(rest, params["ending_before"], "ending_before")
        before = [item for item in newer if _matches(item, params)]
        return {"object": "list", "data": before[-limit:], "has_more": len(before) > limit, "url": url}
    # One more than the page has: no list is read to its end.
    found = list(islice((item for item in rest if _matches(item, params)), limit + 1))
    return {"object": "list", "data": found[:limit], "has_more": len(found) > limit, "url": url}


def _limit(params: Json) -> int:
    limit: int = params.get("limit", DEFAULT_LIMIT)
    if not 1 <= limit <= MAX_LIMIT:
        bound = "greater than or equal to 1" if limit < 1 else f"less than or equal to {MAX_LIMIT}"
        raise invalid(f"This value must be {bound}.", "limit", "parameter_invalid_integer")
    return limit


def _until(items: Iterator[Json], object_id: str, param: str) -> list[Json]:
    """The items in front of the one with this id, which is taken, too."""
    passed: list[Json] = []
    for item in items:
        if item["id"] == object_id:
            return passed
        passed.append(item)
    raise invalid(f"No such object: '{object_id}'", param, "resource_missing")


def _matches(item: Json, params: Json) -> bool:
    for name, wanted in params.items():
        if name in _NOT_FILTERS:
            continue
        if name == "created":
            bounds = wanted if isinstance(wanted, dict) else {"gte": wanted, "lte": wanted}
            fits = all(_COMPARE[bound](item["created"], value) for bound, value in bounds.items())
        elif name == "types":
            fits = item["type"] in wanted
        elif name == "type":
            fits = fnmatchcase(item["type"], wanted)
        else:
            fits = item[name] == wanted
        if not fits:
            return False
    return True


def search_page(items: Iterable[Json], params: Json, url: str) -> Json:
    """Stripe's search result for its query language: clauses joined by AND, or by OR."""
    fits = _query(params["query"])
    found = [item for item in items if fits(item)]
    limit, start = _limit(params), _start(params.get("page"))
    has_more = len(found) > start + limit
    return {
        "object": "search_result",
        "data": found[start : start + limit],
        "has_more": has_more,
        "next_page": str(start + limit) if has_more else None,
        "url": url,
    }


def _start(page: str | None) -> int:
    if page is not None and not page.isdigit():
        raise invalid(f"Invalid page: {page}", "page")
    return int(page or 0)


def _query(query: str) -> Callable[[Json], bool]:
    joins = set(re.findall(r"\s(AND|OR)\s", query, re.IGNORECASE))
    if len({join.upper() for join in joins}) > 1:
        raise invalid("You can't combine AND and OR in one query.", "query")
    clauses = [_clause(text.strip()) for text in re.split(r"\s(?:AND|OR)\s", query, flags=re.IGNORECASE)]
    together = any if any(join.upper() == "OR" for join in joins) else all
    return lambda item: together(clause(item) for clause in clauses)


def _clause(text: str) -> Callable[[Json], bool]:
    match = _CLAUSE.fullmatch(text)
    if match is None or (match["field"] and match["field"] not in _SEARCHABLE):
        raise invalid(f"We were unable to parse your search query at: {text}", "query")
    field, key, operator = match["field"], match["key"], _OPERATORS.get(match["op"])
    if (operator is not None or match["number"]) and field not in _NUMERIC:
        raise invalid(f"Only numbers can be compared by size: {text}", "query")
    wanted: Any = int(match["number"]) if match["number"] else match["text"]

    def fits(item: Json) -> bool:
        have = item["metadata"].get(key) if key else item[field]
        same = _COMPARE[operator](have, wanted) if operator else have == wanted
        return same != bool(match["not"])

    return fits


def expand(state: State, answer: Json, paths: list[str]) -> Json:
    """The answer, or a copy in which the ids at `paths` (`latest_charge`, `data.customer`) are what they name."""
    if not paths:
        return answer
    copy: Json = copied(answer)
    for path in paths:
        steps = path.split(".")
        if len(steps) > MAX_EXPANSION_DEPTH:
            raise invalid(f"You cannot expand more than {MAX_EXPANSION_DEPTH} levels of a property ({path}).", "expand")
        _expand(state, copy, steps, path)
    return copy


def _expand(state: State, node: Json, steps: list[str], path: str) -> None:
    step, rest = steps[0], steps[1:]
    if step == "data" and isinstance(node.get("data"), list):
        for item in node["data"]:
            _expand(state, item, rest, path)
        return
    node[step] = _expanded(state, node, step, path)
    if rest and isinstance(node[step], dict):
        _expand(state, node[step], rest, path)


def _expanded(state: State, node: Json, step: str, path: str) -> Any:
    kind = node.get("object")
    if kind == "checkout.session" and step == "line_items":
        url = f"/v1/checkout/sessions/{node['id']}/line_items"
        return list_page(state, copied(state.line_items[node["id"]]), {}, url)
    if kind == "charge" and step == "refunds":
        refunds = copied([refund for refund in state.all("refund") if refund["charge"] == node["id"]])
        return list_page(state, refunds, {}, f"/v1/charges/{node['id']}/refunds")
    if kind is None or kind in {"list", "search_result"} or step not in schema.expansions(kind):
        if isinstance(node.get(step), dict):
            return node[step]
        raise invalid(f"This property cannot be expanded ({path}).", "expand")
    value = node[step]
    if not isinstance(value, str):
        return value
    return copied(state.objects.get(value) or state.deleted[value])
