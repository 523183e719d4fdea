"""What a customer is told about an auto-refill that does not start, and what to do about it."""

from billing.domain.refill_advice import ADVICE_CODES, Advice
from billing.words.formats import date_and_time
from billing.words.phrases import Phrases

ADVICE = Phrases(
    ADVICE_CODES,
    en={
        "authentication_required": "Your bank wants you to confirm payments. Pay by hand or change the default card.",
        "card_declined": "The card was declined. Pay by hand or change the default card to resume.",
        "deficit_too_large": "The balance is further below the threshold than one charge may be. Check your usage, "
        "then pay by hand or lower the threshold.",
        "dispute_opened": "A payment was disputed. Pay by hand, change the default card or save the settings again to "
        "resume.",
        "ends_with_period": "The subscription ends with its period: auto-refill buys no more credit.",
        "monthly_limit": "The monthly limit is reached. Auto-refill goes on at $goes_on_at. Raise the monthly limit or "
        "top up by hand to have credit before then.",
        "refunded": "A refill was refunded. Pay by hand, change the default card or save the settings again to resume.",
        "too_many_refills": "Auto-refill has bought credit many times today. It goes on tomorrow, or once you save the "
        "settings.",
    },
    ar={
        "authentication_required": "يطلب مصرفك تأكيد الدفعات. ادفع يدويًا أو غيّر البطاقة الافتراضية.",
        "card_declined": "رُفضت البطاقة. ادفع يدويًا أو غيّر البطاقة الافتراضية لاستئناف التعبئة.",
        "deficit_too_large": "الرصيد أدنى من الحد بأكثر مما يُخصم في دفعة واحدة. راجع الاستخدام ثم ادفع أو خفّض الحد.",
        "dispute_opened": "اعتُرض على دفعة. ادفع يدويًا أو غيّر البطاقة الافتراضية أو احفظ الإعدادات من جديد للاستئناف.",
        "ends_with_period": "ينتهي الاشتراك مع نهاية فترته: لن تشتري التعبئة التلقائية رصيدًا بعد ذلك.",
        "monthly_limit": "بلغت التعبئة التلقائية الحد الشهري. تُستأنف في $goes_on_at. ارفع الحد الشهري أو ادفع يدويًا "
        "ليتوفر رصيد قبل ذلك.",
        "refunded": "رُدّ مبلغ إحدى التعبئات. ادفع يدويًا أو غيّر البطاقة الافتراضية أو احفظ الإعدادات من جديد للاستئناف.",
        "too_many_refills": "اشترت التعبئة التلقائية رصيدًا مرات كثيرة اليوم. تُستأنف غدًا، أو عند حفظ الإعدادات.",
    },
)


def say_advice(advice: Advice, language: str = "en") -> str:
    goes_on_at = "" if advice.goes_on_at is None else date_and_time(advice.goes_on_at, language)
    return ADVICE.say(language, advice.code, goes_on_at=goes_on_at)
