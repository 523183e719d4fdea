"""The sample calls of `events/`, posted to the running platform: what each cost and why, and whether it should."""

import json
from collections.abc import Sequence
from typing import Any

from infra.local.client import Api
from infra.local.console_story import a_customer_visits_the_console
from infra.local.deploy import Outputs, session
from infra.local.document_story import a_payment_has_its_documents
from infra.local.money_story import money_comes_in
from infra.local.subscription_story import a_customer_subscribes, a_subscription_renews
from infra.local.telling import Story, balance, first, until
from infra.local.warming import kept_warm
from infra.paths import EVENTS

CALLS = {
    "key": "call_minutes",
    "name": "Conversation minutes",
    "metered_unit": "second",
    "priced_unit": "minute",
    "metered_per_priced": "60",
}
TEAM = {
    "name": "Team",
    "currency": "USD",
    "kind": "fixed",
    "base_price": "0.00",
    "usage_features": [
        {**CALLS, "included": "10", "unit_price": "0.123457", "increment": "1"},
        {
            "key": "voicemail_detection",
            "name": "Voicemail detection",
            "metered_unit": "detection",
            "included": "0",
            "unit_price": "0.01",
        },
        {
            "key": "llm_tokens",
            "name": "Language model tokens",
            "metered_unit": "token",
            "priced_unit": "million tokens",
            "metered_per_priced": "1000000",
            "included": "0",
            "unit_price": "3.00",
        },
    ],
    "recurring_features": [
        {"key": "call_concurrency", "name": "Calls at once", "included": "5", "unit_price": "8.00", "maximum": "50"}
    ],
}
PAY_AS_YOU_GO = {
    "name": "Pay as you go",
    "currency": "USD",
    "kind": "pay_as_you_go",
    "base_price": "0.00",
    "usage_features": [{**CALLS, "included": "0", "unit_price": "0.15", "increment": "60"}],
    "recurring_features": [],
}


SELLER = {
    "name": "Talktime Ltd",
    "legal_lines": ["1 Example Street", "London EC1A 1AA"],
    "country": "GB",
    "tax_id": "GB123456789",
    "receipt_prefix": "TT",
    "tax_rates": [{"name": "VAT", "percent": "20", "countries": ["GB"]}],
}


def tell_story(api: Api, outputs: Outputs) -> list[str]:
    """Seed, post the samples, and explain. Returns what differed; empty when all was as it should be."""
    story = Story(api, outputs)
    with kept_warm(outputs):
        seed(story)
        story.tell_side_by_side(calls_are_charged, money_comes_in, a_customer_subscribes)
        a_payment_has_its_documents(story)
        a_customer_visits_the_console(story)
        a_subscription_renews(story)
        the_books(story)
    return story.differences


def calls_are_charged(story: Story) -> None:
    """The samples of `events/`, in an order in which each one says something new."""
    for chapter in (
        a_call_within_the_quota,
        a_quota_used_up_in_the_middle_of_a_call,
        a_duplicate_and_a_conflict,
        what_cannot_be_charged_is_kept,
        usage_from_the_event_bus,
        a_negative_balance_pauses,
    ):
        chapter(story)


def seed(story: Story) -> None:
    story.tell("\nWho bills, two plans, two customers, three workspaces")
    api = story.api
    api.put("/v1/sellers/default", SELLER)
    api.put("/v1/plans/team", TEAM)
    api.put("/v1/plans/pay-as-you-go", PAY_AS_YOU_GO)
    for account, name, plan, workspaces, credit in (
        ("acme", "Acme LLC", "team", ("42", "43"), "1.00"),
        ("globex", "Globex FZE", "pay-as-you-go", ("77",), "100.00"),
    ):
        email = f"billing@{account}.example"
        api.post("/v1/accounts", {"account_id": account, "name": name, "email": email, "currency": "USD"})
        story.check(f"{account} before it has a plan", _permission(api, account), "no_plan")
        api.put(f"/v1/accounts/{account}/subscription", {"plan_id": plan})
        for workspace in workspaces:
            api.put(f"/v1/workspaces/{workspace}", {"account_id": account})
        adjust(story, account, credit, "opening wire")
        story.check(f"{account} on plan {plan}", balance(api, account), credit + "0000")


def a_call_within_the_quota(story: Story) -> None:
    story.tell("\nCalls within the quota of 10 minutes; 0.2166666667 minutes are 13 seconds; a call of no length")
    for sample, event_id in (
        ("single_call", "call-0001"),
        ("fraction_of_a_minute", "call-0002"),
        ("without_usage", "call-0003"),
        ("zero_duration", "call-0004"),
    ):
        post_samples(story, sample)
        explain(story, "acme", event_id)
    story.check("acme's balance: one voicemail detection was not included", balance(story.api, "acme"), "0.990000")
    story.check("acme's minutes used", _allowance(story.api, "acme")["used"], "6.933333")


def a_quota_used_up_in_the_middle_of_a_call(story: Story) -> None:
    story.tell("\nA batch of three calls of both customers; the quota is used up in the middle of call-0006")
    post_samples(story, "batch")
    # The queue keeps no order: whichever is settled first draws first, and the two together cost the same.
    drawn = [explain(story, "acme", event_id)["lines"][0] for event_id in ("call-0005", "call-0006")]
    story.check(
        "included, overage, charge of the minutes of acme's two calls",
        (
            sum(int(line["included"]) for line in drawn),
            sum(int(line["overage"]) for line in drawn),
            sum(_micros(line["amount"]["amount"]) for line in drawn),
        ),
        (184, 146, 300_412),
    )
    explain(story, "globex", "call-0007")
    story.check("acme's balance, to the micro-unit", balance(story.api, "acme"), "0.679588")
    story.check("globex's balance", balance(story.api, "globex"), "99.250000")


def a_duplicate_and_a_conflict(story: Story) -> None:
    story.tell("\nThe first call again, twice; and once more with another length")
    post_samples(story, "duplicate")
    post_samples(story, "conflict")
    rejected = until(lambda: _rejected(story.api, "call-0001"))
    story.check("the other length is reported", rejected["code"], "event_conflict")
    story.check("acme's balance is what it was", balance(story.api, "acme"), "0.679588")


def what_cannot_be_charged_is_kept(story: Story) -> None:
    story.tell("\nEvents that cannot be charged are kept; once the workspace exists, its call is replayed")
    answer = post_samples(story, "broken_quantity_is_negative")
    story.check("a negative quantity is refused at once", answer["rejected"][0]["code"], "invalid_quantity")
    post_samples(story, "unknown_feature")
    post_samples(story, "unknown_workspace")
    story.check(
        "a feature that is not in the plan",
        until(lambda: _rejected(story.api, "call-0012"))["code"],
        "unknown_feature",
    )
    kept = until(lambda: _rejected(story.api, "call-0011"))
    story.check("a workspace nobody knows", kept["code"], "unknown_workspace")
    story.api.put("/v1/workspaces/no-such-workspace", {"account_id": "acme"})
    story.api.post(f"/v1/rejected-events/{kept['rejection_id']}/replay", None)
    explain(story, "acme", "call-0011")
    story.check("acme's balance", balance(story.api, "acme"), "0.556131")


def usage_from_the_event_bus(story: Story) -> None:
    story.tell("\nTokens, which are no call; and a call that comes by the usage bus")
    post_samples(story, "tokens", folder="usage_recorded")
    explain(story, "acme", load_sample("tokens", "usage_recorded")["id"])
    event = load_sample("from_event_bus")
    bus = session().client("events", endpoint_url=story.outputs.aws_url)
    bus.put_events(
        Entries=[
            {
                "EventBusName": story.outputs.usage_bus,
                "Source": event["source"],
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
            }
        ]
    )
    explain(story, "acme", event["detail"]["id"])
    story.check("acme's balance", balance(story.api, "acme"), "0.377972")


def a_negative_balance_pauses(story: Story) -> None:
    story.tell("\nA call that lasted half a day is never cut off; it leaves globex in debt, and new calls are refused")
    story.check("globex before", _permission(story.api, "globex"), "allowed")
    post_samples(story, "negative_balance")
    explain(story, "globex", "call-0010")
    story.check("globex's balance", balance(story.api, "globex"), "-8.750000")
    story.check("globex now", _permission(story.api, "globex"), "account_paused")
    adjust(story, "globex", "8.75", "wire 4711")
    story.check("a balance of exactly zero resumes nothing", _permission(story.api, "globex"), "account_paused")
    adjust(story, "globex", "0.000001", "wire 4712")
    story.check("a micro-unit above zero does", _permission(story.api, "globex"), "allowed")
    history = story.api.get("/v1/accounts/globex/transactions?kind=adjustment")["items"]
    wires = [(row["lines"][0]["description"], row["amount"]["amount"]) for row in reversed(history)]
    by_wire = [("opening wire", "100.000000"), ("wire 4711", "8.750000"), ("wire 4712", "0.000001")]
    story.check("in globex's billing history", wires, by_wire)


def the_books(story: Story) -> None:
    story.tell("\nThe books: each entry's postings sum to zero, and the balance is the sum of the entries")
    for account in ("acme", "globex", "initech"):
        entries = story.api.get(f"/v1/accounts/{account}/ledger?limit=100")["items"]
        unbalanced = [entry["entry_id"] for entry in entries if sum(map(_posting_micros, entry["postings"]))]
        story.check(f"{account}'s entries that do not balance", unbalanced, [])
        total = sum(_micros(entry["amount"]["amount"]) for entry in entries)
        story.check(f"{account}'s entries less its balance", total - _micros(balance(story.api, account)), 0)
    day = "from=2026-11-23&to=2026-11-23"
    records = story.api.get(f"/v1/accounts/acme/usage/records?{day}&limit=100")["items"]
    paid = sum(_micros(record["amount"]["amount"]) for record in records)
    told = story.api.get(f"/v1/accounts/acme/usage?{day}")["totals"]["cost"]["amount"]
    story.check("acme's usage of the day less its records", _micros(told) - paid, 0)
    month = records[0]["settled_at"][:7]
    books = story.api.get(f"/v1/exports/trial-balance?month={month}")["currencies"]
    closings = {
        currency: sum(_micros(line["closing"]["amount"]) for line in lines) for currency, lines in books.items()
    }
    story.check("the trial balance of all accounts", closings, {"USD": 0})


def post_samples(story: Story, sample: str, *, folder: str = "call_ended") -> Any:  # noqa: ANN401  JSON
    return story.api.post("/v1/events", load_sample(sample, folder))


def load_sample(sample: str, folder: str = "call_ended") -> Any:  # noqa: ANN401  JSON
    return json.loads((EVENTS / folder / f"{sample}.json").read_text())


def adjust(story: Story, account: str, amount: str, reason: str) -> None:
    body = {"amount": amount, "reason": reason, "by": "ops@example.com"}
    entry = story.api.post(f"/v1/accounts/{account}/adjustments", body, key=reason.replace(" ", "-"))
    story.tell(f"  {account}: {reason}, {amount}; balance {entry['balance_after']['amount']}")


def explain(story: Story, account: str, event_id: str) -> Any:  # noqa: ANN401  JSON
    """Wait until the event is settled and tell what it cost and why. Returns its usage record."""
    record = until(lambda: _usage_record(story.api, account, event_id))
    story.tell(
        f"  {event_id} cost {record['amount']['amount']}; {account}'s balance {record['balance_after']['amount']}"
    )
    for line in record["lines"]:
        parts = [
            f"{line[part]} {words}"
            for part, words in (("included", "included"), ("overage", "overage"), ("pay_as_you_go", "pay as you go"))
            if line[part] != "0"
        ]
        paid = ", ".join(parts) or "nothing to pay"
        price = f"{line['amount']['amount']} at {line['unit_price']['amount']}"
        story.tell(
            f"      {line['feature']}: {line['quantity']} {line['unit']}, billed {line['billed']}: {paid}; {price}"
        )
    return record


def _usage_record(api: Api, account: str, event_id: str) -> Any:  # noqa: ANN401  JSON
    records = api.get(f"/v1/accounts/{account}/usage/records?limit=100")["items"]
    return first(record for record in records if record["event_id"] == event_id)


def _rejected(api: Api, event_id: str) -> Any:  # noqa: ANN401  JSON
    return first(event for event in api.get("/v1/rejected-events")["items"] if event["event_id"] == event_id)


def _permission(api: Api, account: str) -> str:
    code: str = api.get(f"/v1/accounts/{account}/call-permission")["code"]
    return code


def _allowance(api: Api, account: str) -> Any:  # noqa: ANN401  JSON
    allowances: Sequence[Any] = api.get(f"/v1/accounts/{account}/billing")["allowances"]
    return first(allowance for allowance in allowances if allowance["feature"] == "call_minutes")


def _micros(amount: str) -> int:
    return int(amount.replace(".", ""))


def _posting_micros(posting: Any) -> int:  # noqa: ANN401  JSON
    amount = posting["amount"]
    return _micros(amount["amount"] if isinstance(amount, dict) else amount)
