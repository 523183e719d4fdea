"""Whether a call may start, in a sentence. Apart from other words: the hot function that answers needs no more."""

from typing import get_args

from billing.domain.permission import PermissionCode
from billing.words.phrases import Phrases

PERMISSIONS: Phrases[PermissionCode] = Phrases(
    get_args(PermissionCode),
    en={
        "allowed": "The call may start.",
        "account_unknown": "There is no such account.",
        "no_plan": "The account has no plan yet.",
        "account_paused": "The balance is negative. Calls resume when it is above zero.",
        "account_locked": "The account is locked by the billing administrator, or until its renewal is paid.",
        "account_canceled": "The account is canceled.",
        "no_credit": "The included quota is used up and there is no credit left.",
        "concurrency_limit_reached": "All concurrent call slots are in use.",
    },
    ar={
        "allowed": "يمكن بدء المكالمة.",
        "account_unknown": "لا يوجد حساب بهذا المعرّف.",
        "no_plan": "ليس للحساب باقة بعد.",
        "account_paused": "الرصيد سالب. تُستأنف المكالمات عندما يصبح أكبر من صفر.",
        "account_locked": "الحساب مقفل من مسؤول الفوترة، أو إلى أن يُدفع تجديد الاشتراك.",
        "account_canceled": "الحساب ملغى.",
        "no_credit": "استُهلكت الحصة المشمولة ولم يبقَ رصيد.",
        "concurrency_limit_reached": "جميع خانات المكالمات المتزامنة مشغولة.",
    },
)
