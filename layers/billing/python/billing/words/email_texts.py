"""What the customer is told by e-mail, in English and Arabic, and which notices are told so.

A line names facts by their fields (see `notice_facts`). It stands in a mail only where the notice states each of them;
the first line always does.
"""

from collections.abc import Mapping
from typing import NamedTuple

from billing.domain.account import LANGUAGES
from billing.domain.complete import complete
from billing.domain.declines import NO_DECLINE
from billing.domain.document import is_prompt
from billing.domain.notice_facts import (
    AccountLocked,
    AllowanceLow,
    Facts,
    PaymentFailed,
    ReceiptIssued,
    SubscriptionPastDue,
    SubscriptionRenewed,
)
from billing.domain.notice_types import NOTICE_TYPES, NoticeType


class Wording(NamedTuple):
    """`action` are the words of the link, in a mail that asks its reader for something; None in one that only tells.

    It has no default: whoever words a new mail decides. A dispute asks for nothing that a page of ours could take: it
    is decided at the bank, and what follows from it here (auto-refill that is suspended, calls that are paused) is told
    by a mail of its own, with its link. A subscription that has ended was ended by somebody, and nobody is pressed.
    """

    subject: str
    lines: tuple[str, ...]
    action: str | None


LAST_TRY = "subscription.past_due, the last try"
"""What `subscription.past_due` says where no other try comes: the account is locked."""

CREDIT_NOTE = "receipt.issued, a credit note"
"""What `receipt.issued` says of a refund."""

ALL_USED = "allowance.low, all of it"
"""What `allowance.low` says where nothing is left."""

_NOT_MAILED: frozenset[NoticeType] = frozenset({"usage.rejected", "webhook_endpoint.disabled", "payment.refunded"})
"""The first two are the platform's own affairs. A refund's credit note has the mail."""
_MAILS = {*NOTICE_TYPES, LAST_TRY, CREDIT_NOTE, ALL_USED} - _NOT_MAILED

_ENGLISH: Mapping[str, Wording] = {
    "account.paused": Wording(
        "Calls are paused for $name",
        (
            "The credit balance of $name is $balance, so new calls are refused. Running calls were not cut off.",
            "Calls resume as soon as the balance is above zero: add credit to resume them.",
        ),
        action="Add credit",
    ),
    "account.resumed": Wording(
        "Calls may start again for $name",
        ("$name is active again: calls may start.", "The credit balance is $balance."),
        action=None,
    ),
    "account.locked": Wording(
        "$name is locked",
        ("$name is locked, and new calls are refused.", "The reason: $lock_reason", "Please contact us."),
        action="Open billing",
    ),
    "balance.low": Wording(
        "The balance of $name is below $threshold",
        (
            "The credit balance of $name has fallen below $threshold: it is $balance.",
            "Once it is negative, new calls are refused. Add credit in time.",
        ),
        action="Add credit",
    ),
    "allowance.low": Wording(
        "$percent % of what is included is used: $feature, $name",
        (
            "$feature: $percent % of what the plan of $name includes is used. Included: $included.",
            "What is used beyond that until $period_end is paid from the credit balance, which is $balance.",
        ),
        action="See the usage",
    ),
    ALL_USED: Wording(
        "All that is included is used: $feature, $name",
        (
            "$feature: all that the plan of $name includes is used. Included: $included.",
            "What is used until $period_end is paid from the credit balance, which is $balance.",
            "Add credit in time, or choose a larger plan.",
        ),
        action="Open billing",
    ),
    "payment.succeeded": Wording(
        "We received $amount for $name",
        (
            "We received your payment of $amount for $name. Thank you.",
            "The subscription is renewed until $period_end.",
            "Paid with: $card",
            "Transaction: $transaction_id",
        ),
        action=None,
    ),
    "receipt.issued": Wording(
        "We received $amount for $name: receipt $number",
        (
            "We received your payment of $amount for $name. Thank you.",
            "The subscription is renewed until $period_end.",
            "Receipt: $number",
            "Paid with: $card",
            "Transaction: $transaction_id",
        ),
        action="Download the receipt",
    ),
    CREDIT_NOTE: Wording(
        "We refunded $amount to $name: credit note $number",
        (
            "We gave back $amount of a payment for $name. Your bank may need some days to show it.",
            "Credit note: $number",
            "It belongs to receipt $receipt_number.",
            "Card: $card",
            "Transaction: $transaction_id",
        ),
        action="Download the credit note",
    ),
    "payment.failed": Wording(
        "A payment of $amount for $name failed",
        (
            "The payment of $amount for $name did not go through.",
            "$reason",
            "Card: $card",
            "Transaction: $transaction_id",
        ),
        action="Pay or use another card",
    ),
    "auto_refill.suspended": Wording(
        "Auto-refill is suspended for $name",
        (
            "Auto-refill is suspended for $name: no credit is bought by itself.",
            "$reason",
        ),
        action="Resume auto-refill",
    ),
    "subscription.renewed": Wording(
        "The subscription of $name is renewed",
        ("The subscription of $name is renewed until $period_end.", "Plan: $plan_id"),
        action=None,
    ),
    "subscription.past_due": Wording(
        "The subscription of $name is not paid",
        (
            "The renewal of the subscription of $name for $amount could not be paid.",
            "$reason",
            "Card: $card",
            "We try again on $next_attempt_at. Until then calls are paid from the credit balance.",
            "A new default card is charged at once.",
            "Transaction: $transaction_id",
        ),
        action="Pay now or use another card",
    ),
    LAST_TRY: Wording(
        "$name is locked: the subscription is not paid",
        (
            "$name is locked, and new calls are refused.",
            "The renewal of the subscription for $amount could not be paid, and this was the last try.",
            "$reason",
            "Card: $card",
            "A new default card is charged at once, and paying lifts this lock.",
            "Transaction: $transaction_id",
        ),
        action="Pay now or use another card",
    ),
    "subscription.canceled": Wording(
        "The subscription of $name has ended",
        ("The subscription of $name has ended.", "It ended on $ended_at.", "Plan: $plan_id"),
        action=None,
    ),
    "card.expiring": Wording(
        "A card of $name expires soon",
        (
            "The card $card of $name expires at the end of $expires, in $days_left.",
            "Add another card, so that no payment fails.",
        ),
        action="Add a card",
    ),
    "dispute.opened": Wording(
        "A payment of $name is disputed",
        (
            "Your bank has opened a dispute over a payment of $amount for $name.",
            "The credit was taken back until the dispute is decided, and auto-refill is suspended.",
            "Transaction: $transaction_id",
        ),
        action=None,
    ),
}

_ARABIC: Mapping[str, Wording] = {
    "account.paused": Wording(
        "تم إيقاف المكالمات مؤقتًا لحساب $name",
        (
            "رصيد حساب $name هو $balance، لذلك تُرفض المكالمات الجديدة. لم تُقطع أي مكالمة جارية.",
            "تُستأنف المكالمات فور أن يصبح الرصيد أكبر من صفر: أضف رصيدًا لاستئنافها.",
        ),
        action="أضف رصيدًا",
    ),
    "account.resumed": Wording(
        "يمكن بدء المكالمات من جديد لحساب $name",
        ("حساب $name نشط من جديد: يمكن بدء المكالمات.", "الرصيد الحالي هو $balance."),
        action=None,
    ),
    "account.locked": Wording(
        "تم قفل حساب $name",
        ("تم قفل حساب $name، وتُرفض المكالمات الجديدة.", "السبب: $lock_reason", "يُرجى التواصل معنا."),
        action="افتح صفحة الفوترة",
    ),
    "balance.low": Wording(
        "رصيد حساب $name أقل من $threshold",
        (
            "انخفض رصيد حساب $name عن $threshold، وهو الآن $balance.",
            "عندما يصبح الرصيد سالبًا تُرفض المكالمات الجديدة. أضف رصيدًا في الوقت المناسب.",
        ),
        action="أضف رصيدًا",
    ),
    "allowance.low": Wording(
        "استُخدم $percent % من المشمول: $feature، حساب $name",
        (
            "$feature: استُخدم $percent % من المشمول في باقة حساب $name. المشمول: $included.",
            "ما يُستخدم فوق ذلك حتى $period_end يُدفع من الرصيد، وهو الآن $balance.",
        ),
        action="اعرض الاستخدام",
    ),
    ALL_USED: Wording(
        "استُخدم كل المشمول: $feature، حساب $name",
        (
            "$feature: استُخدم كل المشمول في باقة حساب $name. المشمول: $included.",
            "ما يُستخدم حتى $period_end يُدفع من الرصيد، وهو الآن $balance.",
            "أضف رصيدًا في الوقت المناسب، أو اختر باقة أكبر.",
        ),
        action="افتح صفحة الفوترة",
    ),
    "payment.succeeded": Wording(
        "استلمنا $amount لحساب $name",
        (
            "استلمنا دفعتك بقيمة $amount لحساب $name. شكرًا لك.",
            "تم تجديد الاشتراك حتى $period_end.",
            "البطاقة: $card",
            "رقم المعاملة: $transaction_id",
        ),
        action=None,
    ),
    "receipt.issued": Wording(
        "استلمنا $amount لحساب $name: الإيصال $number",
        (
            "استلمنا دفعتك بقيمة $amount لحساب $name. شكرًا لك.",
            "تم تجديد الاشتراك حتى $period_end.",
            "الإيصال: $number",
            "البطاقة: $card",
            "رقم المعاملة: $transaction_id",
        ),
        action="نزّل الإيصال",
    ),
    CREDIT_NOTE: Wording(
        "رددنا $amount لحساب $name: إشعار دائن $number",
        (
            "رددنا مبلغ $amount من دفعة لحساب $name. قد يحتاج مصرفك إلى بضعة أيام لإظهاره.",
            "إشعار دائن: $number",
            "وهو يخص الإيصال $receipt_number.",
            "البطاقة: $card",
            "رقم المعاملة: $transaction_id",
        ),
        action="نزّل الإشعار الدائن",
    ),
    "payment.failed": Wording(
        "تعذّر دفع $amount لحساب $name",
        (
            "لم تتم عملية دفع $amount لحساب $name.",
            "$reason",
            "البطاقة: $card",
            "رقم المعاملة: $transaction_id",
        ),
        action="ادفع أو استخدم بطاقة أخرى",
    ),
    "auto_refill.suspended": Wording(
        "تم تعليق التعبئة التلقائية لحساب $name",
        (
            "تم تعليق التعبئة التلقائية لحساب $name: لن يُشترى أي رصيد تلقائيًا.",
            "$reason",
        ),
        action="استأنف التعبئة التلقائية",
    ),
    "subscription.renewed": Wording(
        "تم تجديد اشتراك حساب $name",
        ("تم تجديد اشتراك حساب $name حتى $period_end.", "الباقة: $plan_id"),
        action=None,
    ),
    "subscription.past_due": Wording(
        "اشتراك حساب $name غير مدفوع",
        (
            "تعذّر دفع تجديد اشتراك حساب $name بمبلغ $amount.",
            "$reason",
            "البطاقة: $card",
            "سنحاول مرة أخرى في $next_attempt_at. حتى ذلك الحين تُدفع المكالمات من الرصيد.",
            "عند تعيين بطاقة افتراضية جديدة يُعاد الدفع فورًا.",
            "رقم المعاملة: $transaction_id",
        ),
        action="ادفع الآن أو استخدم بطاقة أخرى",
    ),
    LAST_TRY: Wording(
        "تم قفل حساب $name: الاشتراك غير مدفوع",
        (
            "تم قفل حساب $name، وتُرفض المكالمات الجديدة.",
            "تعذّر دفع تجديد الاشتراك بمبلغ $amount، وكانت هذه المحاولة الأخيرة.",
            "$reason",
            "البطاقة: $card",
            "عند تعيين بطاقة افتراضية جديدة يُعاد الدفع فورًا، ويُرفع هذا القفل بعد الدفع.",
            "رقم المعاملة: $transaction_id",
        ),
        action="ادفع الآن أو استخدم بطاقة أخرى",
    ),
    "subscription.canceled": Wording(
        "انتهى اشتراك حساب $name",
        ("انتهى اشتراك حساب $name.", "تاريخ الانتهاء: $ended_at.", "الباقة: $plan_id"),
        action=None,
    ),
    "card.expiring": Wording(
        "تنتهي صلاحية بطاقة لحساب $name قريبًا",
        (
            "تنتهي صلاحية البطاقة $card لحساب $name في نهاية $expires، بعد $days_left.",
            "أضف بطاقة أخرى كي لا تفشل أي دفعة.",
        ),
        action="أضف بطاقة",
    ),
    "dispute.opened": Wording(
        "اعتراض على دفعة لحساب $name",
        (
            "فتح مصرفك اعتراضًا على دفعة بقيمة $amount لحساب $name.",
            "سُحب الرصيد إلى أن يُبت في الاعتراض، وتم تعليق التعبئة التلقائية.",
            "رقم المعاملة: $transaction_id",
        ),
        action=None,
    ),
}

WORDINGS = complete({"en": complete(_ENGLISH, _MAILS), "ar": complete(_ARABIC, _MAILS)}, LANGUAGES)


def is_mailed(facts: Facts) -> bool:
    """Whether the customer gets a mail of a notice with these facts: one mail a cause, the one that says most of it.

    A renewal's decline is told by `subscription.past_due`, the last one with the lock that follows; a renewal's payment
    by its receipt, with the month that it paid. A payment's own mail waits: it goes if no receipt came in time, and a
    receipt that comes later is not mailed. A payment by hand that is declined is mailed, though the API
    answered so: the answer is the platform's, and comes later or not at all where Stripe's own was late. A refill that
    failed for no fault of the card's is not: there is nothing that the customer can do.
    """
    match facts:
        case PaymentFailed():
            has_no_use = facts.kind == "auto_refill" and facts.code in NO_DECLINE
            return facts.kind != "renewal" and not has_no_use
        case AccountLocked():
            return facts.locked_by != "unpaid_renewal"
        case SubscriptionRenewed():
            return not facts.charged
        case ReceiptIssued():
            return is_prompt(facts.moved_at, facts.issued_at)
    return facts.type not in _NOT_MAILED


def wording(language: str, facts: Facts) -> Wording:
    """The words of a notice that is mailed."""
    match facts:
        case SubscriptionPastDue(next_attempt_at=None):
            return WORDINGS[language][LAST_TRY]
        case AllowanceLow(percent=100):
            return WORDINGS[language][ALL_USED]
        case ReceiptIssued(document="credit_note"):
            return WORDINGS[language][CREDIT_NOTE]
    return WORDINGS[language][facts.type]
