"""Why, in a notice: in English on the bus and in webhooks, in the account's language in its mails."""

from dataclasses import replace

from billing.domain.declines import Failure
from billing.domain.notice_facts import AccountLocked, AutoRefillSuspended, Facts, PaymentFailed, SubscriptionPastDue
from billing.domain.refill_advice import advise_on
from billing.words.decline_texts import why_not_paid
from billing.words.lock_texts import LOCKS
from billing.words.refill_texts import say_advice


def say_reason(facts: Facts, language: str) -> str | None:
    """By the code of the notice. Where it has none, what it says itself; None of a notice that gives no reason."""
    match facts:
        case PaymentFailed(code=str(code)) | SubscriptionPastDue(code=str(code)):
            return why_not_paid(Failure(code), language)
        case PaymentFailed() | SubscriptionPastDue():
            return facts.reason
        case AutoRefillSuspended():
            return say_advice(advise_on(facts.code), language)
        case AccountLocked():
            return LOCKS.say(language, facts.locked_by, reason=facts.lock_reason)
    return None


def with_words(facts: Facts) -> Facts:
    """The facts with their reason in English, as they are told on the bus."""
    match facts:
        case PaymentFailed() | SubscriptionPastDue() | AutoRefillSuspended():
            return replace(facts, reason=say_reason(facts, "en"))
        case AccountLocked():
            return replace(facts, lock_reason=say_reason(facts, "en") or "")
    return facts
