"""What an entry of the ledger and a line of the billing history were for, by their codes and facts.

A sentence that a former release stored is shown as it stands, and so is the reason that a person gave.
"""

from typing import get_args

from billing.domain.decimals import format_millionths
from billing.domain.ledger import Counted, EntryCode, LedgerEntry, RatedLine
from billing.domain.transaction import LineCode, TransactionLine
from billing.words.formats import quantity
from billing.words.phrases import Phrases

ENTRIES: Phrases[EntryCode] = Phrases(
    get_args(EntryCode),
    en={
        "top_up": "Top-up",
        "auto_refill": "Auto-refill",
        "renewal": "Renewal",
        "plan_change": "Change of plan",
        "subscription_started": "New subscription",
        "subscription_changed": "Change of subscription",
        "not_needed": "A payment for the subscription that was not needed any more: your credit",
        "grant_expired": "Promotional credit expired",
        "refund": "Refund",
        "refund_returned": "Refund returned by the bank",
        "disputed": "Payment disputed",
        "dispute_given_back": "Disputed payment given back",
        "dispute_corrected": "A disputed payment, corrected to what the bank took",
        "usage_reset": "$reason (counted before, in metered units: $counted)",
        "replay_marker": "Charged as $cause",
    },
    ar={
        "top_up": "تعبئة رصيد",
        "auto_refill": "تعبئة تلقائية",
        "renewal": "تجديد الاشتراك",
        "plan_change": "تغيير الباقة",
        "subscription_started": "اشتراك جديد",
        "subscription_changed": "تغيير الاشتراك",
        "not_needed": "دفعة للاشتراك لم تعد هناك حاجة إليها: أُضيفت إلى رصيدك",
        "grant_expired": "انتهت صلاحية رصيد ترويجي",
        "refund": "رد مبلغ",
        "refund_returned": "مبلغ مردود أعاده المصرف",
        "disputed": "دفعة معترض عليها",
        "dispute_given_back": "أُعيدت دفعة معترض عليها",
        "dispute_corrected": "دفعة معترض عليها، صُحّحت إلى ما أخذه المصرف",
        "usage_reset": "$reason (المحسوب سابقًا بوحدات القياس: $counted)",
        "replay_marker": "حُسبت باسم $cause",
    },
)

LINES: Phrases[LineCode] = Phrases(
    get_args(LineCode),
    en={
        "plan": "$name",
        "rental": "$name",
        "plan_unused": "$name, unused",
        "rental_unused": "$name, unused",
        "rounding": "Rounded up to what a card can be charged: your credit",
        "not_needed": "A payment that was not needed any more: your credit",
        "adjustment": "$reason",
        "credit": "Credit for calls",
        "refund": "Refund of receipt $name",
    },
    ar={
        "plan": "$name",
        "rental": "$name",
        "plan_unused": "$name، الجزء غير المستخدم",
        "rental_unused": "$name، الجزء غير المستخدم",
        "rounding": "تقريب إلى ما يمكن خصمه من بطاقة: أُضيف إلى رصيدك",
        "not_needed": "دفعة لم تعد هناك حاجة إليها: أُضيفت إلى رصيدك",
        "adjustment": "$reason",
        "credit": "رصيد للمكالمات",
        "refund": "رد مبلغ الإيصال $name",
    },
)

_PARTS = ("included", "overage", "pay_as_you_go")
USAGE = Phrases(
    (*_PARTS, "counted", "counted_bought", "nothing_counted"),
    en={
        "included": "$quantity included",
        "overage": "$quantity overage",
        "pay_as_you_go": "$quantity pay as you go",
        "counted": "$feature $quantity",
        "counted_bought": "$feature $quantity of which $bought bought",
        "nothing_counted": "nothing",
    },
    ar={
        "included": "$quantity مشمول",
        "overage": "$quantity فوق الحصة",
        "pay_as_you_go": "$quantity حسب الاستخدام",
        "counted": "$feature $quantity",
        "counted_bought": "$feature $quantity منها $bought مشتراة",
        "nothing_counted": "لا شيء",
    },
)


def say_entry(entry: LedgerEntry, language: str = "en") -> str:
    """A usage entry keeps no words: its lines say it all."""
    if entry.usage is not None and entry.kind != "void":
        return "; ".join(explain(line, language) for line in entry.usage.lines)
    if entry.code is None:
        return entry.description
    counted = ", ".join(_say_counted(each, language) for each in entry.counted)
    return ENTRIES.say(
        language,
        entry.code,
        reason=entry.description,
        counted=counted or USAGE.say(language, "nothing_counted"),
        cause=entry.charged_as or "",
    )


def say_line(line: TransactionLine, language: str = "en") -> str:
    """What a part of the amount was for; plans and what is rented are called as the administrator calls them."""
    if line.code is None or line.description:
        return line.description
    return LINES.say(language, line.code, name=line.name, reason=line.description)


def explain(line: RatedLine, language: str = "en") -> str:
    """What was counted and how it was paid: "call_minutes: 90 second, 60 included, 30 overage"."""
    paid = (line.included_millionths, line.overage_millionths, line.pay_as_you_go_millionths)
    parts = [
        USAGE.say(language, part, quantity=format_millionths(millionths))
        for part, millionths in zip(_PARTS, paid, strict=True)
        if millionths
    ]
    separator = "، " if language == "ar" else ", "
    return f"{line.feature}: " + separator.join([quantity(line.billed_millionths, line.unit), *parts])


def _say_counted(counted: Counted, language: str) -> str:
    return USAGE.say(
        language,
        "counted_bought" if counted.bought_millionths else "counted",
        feature=counted.feature,
        quantity=format_millionths(counted.used_millionths),
        bought=format_millionths(counted.bought_millionths),
    )
