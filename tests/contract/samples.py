"""One of each kind of thing that is stored, with all that it may hold, in any script."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from billing.domain.account import Account
from billing.domain.account_search import places_of
from billing.domain.api_key import ApiKey
from billing.domain.card import Card
from billing.domain.declines import Failure
from billing.domain.delivery import Delivery
from billing.domain.dunning import Dunning, FailedTry
from billing.domain.lease import LeasePage
from billing.domain.ledger import Counted, LedgerEntry, Posting, RatedLine, UsageRecord
from billing.domain.plan import CallRules, Plan, RecurringFeature, UsageFeature, VolumeDiscount
from billing.domain.rejection import RejectedEvent
from billing.domain.stripe_event import StripeEvent
from billing.domain.subscription import OwnPayment, Period, Subscription
from billing.domain.terms import PendingChange, Terms
from billing.domain.transaction import CardFace, Dispute, Refund, Transaction, TransactionLine
from billing.domain.usage import call_cause
from billing.domain.wallet import DefaultCard, DisputeHold, Grant, Refill, Wallet
from billing.domain.webhook_endpoint import WebhookEndpoint
from billing.domain.workspace import Tenure, Workspace
from billing.store.reconciliation import Bookmark, Deferral

NOW = datetime(2026, 11, 23, 9, 15, 2, 120_000, tzinfo=UTC)
OCTOBER = datetime(2026, 10, 1, tzinfo=UTC)
START = datetime(2026, 11, 1, tzinfo=UTC)
END = datetime(2026, 12, 1, tzinfo=UTC)
ACCOUNT = Account("acme", "Łódź Calls – شركة", "billing@acme.example", "USD", "ar", START)
ENTERPRISE = Plan(
    plan_id="enterprise",
    version=1,
    name="企业版",
    currency="USD",
    kind="fixed",
    base_price_micros=49_000_000,
    minimum_top_up_micros=10_000_000,
    usage_features={
        "call_minutes": UsageFeature(
            key="call_minutes",
            name="Gesprächsminuten",
            metered_unit="second",
            priced_unit="minute",
            metered_per_priced_millionths=60_000_000,
            included_millionths=500_000_000,
            unit_price_micros=120_000,
            increment_millionths=6_000_000,
            minimum_millionths=30_000_000,
            volume_discounts=(VolumeDiscount(10_000_000_000, 10_000_000), VolumeDiscount(50_000_000_000, 12_500_000)),
            unit_cost_micros=50_000,
        )
    },
    recurring_features={
        "phone_number": RecurringFeature("phone_number", "Номера", included=1, unit_price_micros=2_000_000, maximum=50)
    },
)
GUARDED = replace(
    ENTERPRISE,
    calls=CallRules(time=("call_minutes",), concurrency=None, check_length=False),
    maximum_charge_micros=250_000_000,
)
OFFERED = replace(ENTERPRISE, description="Для большой команды", offered=True, archived=True)
TERMS = Terms("enterprise", 1, {"phone_number": 3, "call_concurrency": 5})
WALLET = Wallet(
    account_id="acme",
    currency="USD",
    paid_micros=-124_800,
    grants=(Grant("welcome", 10_000_000, END), Grant("sorry", 2_500_000, END + timedelta(days=31))),
    paused=True,
    lock_reason="未付款 2026-118",
    subscription=Subscription(
        period=Period(
            "enterprise",
            1,
            START,
            END,
            used={"call_minutes": 600_000_000, "voicemail_detection": 3_000_000},
            bought={"voicemail_detection": 3_000_000},
            payment="failed",
        ),
        anchor_day=31,
        quantities={"phone_number": 4, "call_concurrency": 5},
        previous_period=Period("starter", 2, OCTOBER, START, used={"call_minutes": 1_000_000}),
        next_terms=TERMS,
        cancel_at_period_end=True,
        dunning=Dunning(
            failed_at=START,
            attempts=2,
            next_attempt_at=END,
            last=FailedTry("tx_renewal", 49_000_000, "insufficient_funds", "visa", "4242"),
            locked=True,
            grace_until=END + timedelta(days=7),
        ),
        canceled=False,
    ),
    pending_change=PendingChange("tx_change", TERMS, Terms("free", 7, {}), starts_at=START),
    default_card=DefaultCard("pm_1", "fingerprint-1"),
    refill=Refill(
        enabled=True,
        threshold_micros=20_000_000,
        amount_micros=100_000_000,
        monthly_limit_micros=500_000_000,
        pending="tx_refill",
        started=7,
        month="2026-11",
        charged_micros=300_000_000,
        failures=2,
        breaker_card="fingerprint-1",
        next_attempt_at=END,
        suspended="expired_card",
        last_attempt_at=START,
        last_failure="card_declined",
    ),
    sequence=41,
    posted_at=NOW,
    alert_thresholds=(20_000_000, 5_000_000),
    alerted_micros=5_000_000,
    version=1,
)
REFILLED = replace(
    WALLET,
    refill=Refill(enabled=True, threshold_micros=1, amount_micros=100_000_000, day="2026-11-23", started_today=3),
)
DECLINED = Wallet(
    "acme", "USD", refill=Refill(failures=1, breaker_card="fingerprint-1", next_attempt_at=END, retry_at=END), version=1
)
STOPPED = Wallet(
    "acme",
    "USD",
    refill=Refill(suspended="dispute_opened", stopped="dispute_opened", stopped_card="fingerprint-1"),
    version=1,
)
HELD = Wallet(
    "acme",
    "USD",
    refill=Refill(stopped="dispute_opened", stopped_card="fingerprint-1", refunded_card="fingerprint-2"),
    holds=(DisputeHold("du_1", "fingerprint-1"), DisputeHold("du_2", "fingerprint-1")),
    version=1,
)
UNPAID = Wallet(
    "acme",
    "USD",
    subscription=Subscription(
        period=Period("starter", 2, START, END, payment="failed"),
        anchor_day=1,
        dunning=Dunning(START, 1, END, FailedTry("tx_renewal", 49_000_000, "stolen_card", "visa", "4242")),
        own_payment=OwnPayment("tx_page", "page", NOW),
        dead_card="pm_1",
    ),
    version=1,
)
DUE = Wallet(
    "acme",
    "USD",
    subscription=Subscription(Period("starter", 2, START, END, payment="due", asked_at=NOW), anchor_day=1),
    version=1,
)
CHANGED = Wallet(
    "acme", "USD", subscription=Subscription(Period("starter", 2, START, END), anchor_day=1, changed_at=NOW), version=1
)
SUBSCRIBING = Wallet(
    "acme", "USD", pending_change=PendingChange("tx_first", TERMS, later=None, starts_at=START), version=1
)
CALL = LedgerEntry(
    cause="call:0f9c6a52",
    account_id="acme",
    sequence=42,
    kind="usage",
    amount_micros=-634_000,
    balance_after_micros=11_741_200,
    currency="USD",
    posted_at=NOW,
    description="",
    postings=(Posting("liability:promotional_credit", -634_000), Posting("revenue:usage", 634_000)),
    usage=UsageRecord(
        event_id="0f9c6a52",
        event_type="call.ended",
        call_id="c-881",
        workspace_id="42",
        occurred_at=NOW,
        plan_id="enterprise",
        plan_version=1,
        lines=(
            RatedLine("call_minutes", "second", 311_120_000, 312_000_000, 5_000_000, 307_000_000, 0, 120_000, 614_000),
            RatedLine("voicemail_detection", "detection", 2_000_000, 2_000_000, 0, 0, 2_000_000, 10_000, 20_000),
        ),
    ),
    fingerprint="digest-of-the-event",
)
assert CALL.usage is not None
REPLAYED_CALL = replace(
    CALL,
    cause=call_cause("42", "c-881"),
    usage=replace(CALL.usage, event_id="حدث-1"),
    rejection_id="0123456789abcdef0123456789abcdef",
)
MARKER = LedgerEntry(
    cause=call_cause("24", "c-881"),
    account_id="acme",
    sequence=CALL.sequence + 1,
    kind="replay_marker",
    amount_micros=0,
    balance_after_micros=CALL.balance_after_micros,
    currency="USD",
    posted_at=NOW,
    description="Charged as call:42:c-881",
    postings=(),
    fingerprint="0123456789abcdef0123456789abcdef",
    rejection_id="0123456789abcdef0123456789abcdef",
)
SAID_MARKER = replace(MARKER, cause="call:24:c-882", description="", code="replay_marker", charged_as="call:42:c-882")
RESET = replace(
    MARKER,
    cause="usage_reset:acme:r-1",
    kind="usage_reset",
    description="خطأ في الباقة",
    code="usage_reset",
    counted=(Counted("call_minutes", 5_400_000_000, 600_000_000), Counted("llm_tokens", 18_234_000_000)),
    by="ops@example.com",
)
ADJUSTMENT = LedgerEntry(
    cause="adjustment:acme:wire-4711",
    account_id="acme",
    sequence=43,
    kind="adjustment",
    amount_micros=500_000_000,
    balance_after_micros=511_741_200,
    currency="USD",
    posted_at=NOW,
    description="Überweisung 4711 – تحويل",
    postings=(
        Posting("asset:receivable", -500_000_000),
        Posting("liability:paid_credit", 500_000_000),
    ),  # by name: a map
    by="ops@example.com",
    fingerprint="digest-of-the-request",
)
RENEWAL = Transaction(
    transaction_id="tx_renewal",
    account_id="acme",
    kind="renewal",
    status="Paid",
    amount_micros=49_010_000,
    currency="USD",
    created_at=NOW,
    check_at=END,
    payment_method_id="pm_1",
    card_fingerprint="fingerprint-1",
    card=CardFace("visa", "4242"),
    payment_intent_id="pi_1",
    session_id="cs_1",
    url="https://checkout.example/cs_1",
    paid_at=NOW + timedelta(seconds=2),
    failure=Failure("card_declined"),
    refunds=(Refund("re_1", 9_000_000, NOW, returned=True), Refund("re_2", 1_000_000, END)),
    dispute_id="dp_1",
    dispute_status="won",
    lines=(
        TransactionLine("企业版", "1", 49_000_000, START, END),
        TransactionLine("Rounded up to what a card can be charged: your credit", "1", 10_000),
    ),
    fingerprint="digest-of-the-request",
    attempt=1,
    version=1,
)
ADJUSTED = Transaction(
    transaction_id="tx_adjusted",
    account_id="acme",
    kind="adjustment",
    status="Paid",
    amount_micros=-20_000,
    currency="USD",
    created_at=NOW,
    check_at=None,
    paid_at=NOW,
    lines=(TransactionLine("goodwill, taken back", "1", -20_000),),
)
ASKED = Transaction(
    transaction_id="tx_asked",
    account_id="acme",
    kind="auto_refill",
    status="Processing",
    amount_micros=100_000_000,
    currency="USD",
    created_at=NOW,
    check_at=END,
    payment_method_id="pm_1",
    card_fingerprint="fingerprint-1",
    attempt=1,
    asked_at=NOW + timedelta(minutes=5),
)
DISPUTED = Transaction(
    transaction_id="tx_disputed",
    account_id="acme",
    kind="top_up",
    status="Paid",
    amount_micros=50_000_000,
    currency="EUR",
    created_at=NOW,
    check_at=None,
    dispute_id="du_2",
    dispute_status="opened",
    disputes=(Dispute("du_1", "lost", 30_000_000, ("txn_1", "txn_2")), Dispute("du_2", "opened")),
)
CODED = Transaction(
    transaction_id="tx_coded",
    account_id="acme",
    kind="plan_change",
    status="Processing",
    amount_micros=27_500_000,
    currency="USD",
    created_at=NOW,
    check_at=END,
    lines=(
        TransactionLine("企业版", "1", 30_000_000, START, END, "plan"),
        TransactionLine("Starter, unused", "1", -2_500_000, START, END, "plan_unused"),
    ),
)
NAMED = replace(
    CODED,
    transaction_id="tx_named",
    lines=(
        TransactionLine("", "1", 30_000_000, START, END, "plan", "企业版"),
        TransactionLine("", "1", -2_505_000, START, END, "plan_unused", "Стартовый"),
        TransactionLine("", "1", 5_000, code="rounding"),
    ),
)
CARD = Card(
    account_id="acme",
    fingerprint="fingerprint-1",
    payment_method_id="pm_1",
    brand="visa",
    last4="4242",
    exp_month=12,
    exp_year=2026,
    verification="verified",
    added_at=START,
    failure=Failure("expired_card"),
    expiry_told_days=30,
)
REJECTED = RejectedEvent(
    rejection_id="0123456789abcdef0123456789abcdef",
    event_id="storage-1",
    code="invalid_quantity",
    detail="data.usage[0].quantity must not be negative",
    field="data.usage[0].quantity",
    payload='{"id":"storage-1","data":{"note":"ملاحظة"}}',
    rejected_at=NOW,
    arrived_at=START,
    account_id="acme",
    replay_event_id="storage-1",
)
REJECTED_AS_SENT = replace(REJECTED, cause="usage:42:0f1e2d3c", content="a1b2c3d4")
"""With what it is known by."""
UNREADABLE_EVENT = RejectedEvent(
    rejection_id="fedcba9876543210fedcba9876543210",
    event_id=None,
    code="malformed_json",
    detail="not JSON: Expecting value at character 0",
    field=None,
    payload="برنامج",
    rejected_at=NOW,
    arrived_at=NOW,
)
WORKSPACE = Workspace("42", (Tenure("acme", START), Tenure("globex", NOW)), "عيادة الأسنان")
LEASES = LeasePage(0, {b"twelve bytes": 1_795_425_302, b"\x00\xff" * 6: 1_795_426_000}, version=1, pages=2)
KEY = ApiKey("0123456789abcdef", "hash-of-a-secret", "Πλατφόρμα", frozenset({"usage:write", "admin"}), "acme", NOW)
USED_KEY = replace(KEY, expires_at=END, last_used_at=NOW)
LISTED_AT = places_of(ACCOUNT)["name"]
ENDPOINT = WebhookEndpoint(
    endpoint_id="we_1",
    url="https://platform.example/hooks/billing",
    events=("account.paused", "account.resumed"),
    description="Биллинг",
    created_at=NOW,
    enabled=False,
    disabled_reason="it answered 410 Gone",
    failing_since=START,
)
DELIVERY = Delivery(
    destination="we_1",
    event_id="evt_1",
    event_type="account.paused",
    account_id="acme",
    payload='{"source":"talktime","data":{"account_id":"acme"}}',
    created_at=NOW,
    status="pending",
    attempts=2,
    due_at=NOW + timedelta(minutes=5),
    last_attempt_at=NOW,
    last_status=500,
    last_error="answered 500",
)
STRIPE_EVENT = StripeEvent("evt_stripe_1", "payment_intent.succeeded", "pi_1")
REFUND_EVENT = StripeEvent("evt_stripe_2", "refund.created", "re_1", "pi_1")
BOOKMARK = Bookmark(read_to=NOW, span_seconds=21_600, event_id="evt_stripe_2", event_at=START)
DEFERRAL = Deferral(failures=3, due_at=END)
