"""Why a card or a bank account paid nothing, in the customer's words."""

from billing.domain.declines import Failure
from billing.words.phrases import Phrases

_ENGLISH = {
    "account_closed": "The bank account was closed. Use another one, or a card.",
    "amount_refused": "The amount cannot be charged. Choose another one, or contact us. Nothing was charged.",
    "authentication_required": "Your bank wants you to confirm this payment yourself.",
    "canceled": "The payment was canceled. Nothing was charged.",
    "card_declined": "Your bank declined the card without a reason. Ask your bank, or use another card.",
    "card_not_supported": "The card does not support this kind of payment. Use another card.",
    "card_unusable": "The card can no longer be charged. Add it again, or use another card.",
    "card_velocity_exceeded": "The card has reached its limit. Try again later, or use another card.",
    "currency_mismatch": "The payment was made in another currency than the account's and not credited: contact us.",
    "currency_not_supported": "The card does not support this currency. Use another card.",
    "debit_not_authorized": "The bank says that this debit was not authorized. Ask your bank, or use a card.",
    "debit_returned": "The bank returned the debit. Ask your bank, or use a card.",
    "debit_without_funds": "There was not enough money on the bank account. Use a card, or try again once there is.",
    "dispute_opened": "A payment by this card is disputed, so it was not charged. Use another card, or contact us.",
    "do_not_honor": "Your bank declined the card without a reason. Ask your bank, or use another card.",
    "expired_card": "The card has expired. Use another card.",
    "incorrect_cvc": "The card's security code is wrong. Add the card again.",
    "insufficient_funds": "The card has insufficient funds. Use another card, or try again once it has.",
    "invalid_account": "The card, or the account behind it, is not valid. Use another card.",
    "invalid_amount": "The amount is more than the card allows. Use a smaller amount or another card.",
    "issuer_not_available": "Your bank could not be reached. Try again later.",
    "no_account": "The bank account could not be found. Check its numbers, or use a card.",
    "no_card": "There is no card to charge. Add one.",
    "no_longer_wanted": "The payment was not needed any more. Nothing was charged.",
    "not_completed": "The payment was not made. Nothing was charged; please try again.",
    "processing_error": "The bank had a problem with this payment. Try again later.",
    "reenter_transaction": "The bank had a problem with this payment. Try again later.",
    "restricted_card": "The card cannot be used for this payment. Use another card.",
    "transaction_not_allowed": "The card cannot be used for this payment. Ask your bank, or use another card.",
    "try_again_later": "Your bank could not answer. Try again later.",
    "withdrawal_count_limit_exceeded": "The card has reached its limit. Try again later, or use another card.",
}

DECLINES = Phrases(
    _ENGLISH,  # Stripe knows more codes, and adds others: what has no words is a decline without a reason
    en=_ENGLISH,
    ar={
        "account_closed": "أُغلق الحساب المصرفي. استخدم حسابًا آخر أو بطاقة.",
        "amount_refused": "لا يمكن خصم هذا المبلغ. اختر مبلغًا آخر أو تواصل معنا. لم يُخصم أي شيء.",
        "authentication_required": "يطلب مصرفك أن تؤكد هذه الدفعة بنفسك.",
        "canceled": "أُلغيت عملية الدفع. لم يُخصم أي مبلغ.",
        "card_declined": "رفض مصرفك البطاقة دون ذكر السبب. استفسر من مصرفك أو استخدم بطاقة أخرى.",
        "card_not_supported": "لا تدعم البطاقة هذا النوع من الدفع. استخدم بطاقة أخرى.",
        "card_unusable": "لم يعد بالإمكان الخصم من البطاقة. أضفها من جديد أو استخدم بطاقة أخرى.",
        "card_velocity_exceeded": "بلغت البطاقة حدها. حاول لاحقًا أو استخدم بطاقة أخرى.",
        "currency_mismatch": "تمت الدفعة بعملة غير عملة الحساب ولم تُضف إلى الرصيد: تواصل معنا.",
        "currency_not_supported": "لا تدعم البطاقة هذه العملة. استخدم بطاقة أخرى.",
        "debit_not_authorized": "يقول المصرف إن هذا الخصم غير مصرح به. اسأل مصرفك أو استخدم بطاقة.",
        "debit_returned": "أعاد المصرف الخصم. اسأل مصرفك أو استخدم بطاقة.",
        "debit_without_funds": "لم يكن في الحساب المصرفي رصيد كاف. استخدم بطاقة، أو حاول ثانية عندما يتوفر.",
        "dispute_opened": "اعتُرض على دفعة بهذه البطاقة، لذلك لم يُخصم منها. استخدم بطاقة أخرى أو تواصل معنا.",
        "do_not_honor": "رفض مصرفك البطاقة دون ذكر السبب. استفسر من مصرفك أو استخدم بطاقة أخرى.",
        "expired_card": "انتهت صلاحية البطاقة. استخدم بطاقة أخرى.",
        "incorrect_cvc": "رمز أمان البطاقة غير صحيح. أضف البطاقة من جديد.",
        "insufficient_funds": "رصيد البطاقة غير كافٍ. استخدم بطاقة أخرى، أو حاول من جديد عند توفر الرصيد.",
        "invalid_account": "البطاقة أو الحساب المرتبط بها غير صالح. استخدم بطاقة أخرى.",
        "invalid_amount": "المبلغ أكبر مما تسمح به البطاقة. استخدم مبلغًا أصغر أو بطاقة أخرى.",
        "issuer_not_available": "تعذّر الوصول إلى مصرفك. حاول لاحقًا.",
        "no_account": "لم يُعثر على الحساب المصرفي. تحقق من أرقامه أو استخدم بطاقة.",
        "no_card": "لا توجد بطاقة للخصم منها. أضف بطاقة.",
        "no_longer_wanted": "لم تعد هناك حاجة إلى هذه الدفعة. لم يُخصم أي مبلغ.",
        "not_completed": "لم تتم عملية الدفع ولم يُخصم أي مبلغ. يُرجى المحاولة من جديد.",
        "processing_error": "واجه المصرف مشكلة في هذه الدفعة. حاول لاحقًا.",
        "reenter_transaction": "واجه المصرف مشكلة في هذه الدفعة. حاول لاحقًا.",
        "restricted_card": "لا يمكن استخدام البطاقة لهذه الدفعة. استخدم بطاقة أخرى.",
        "transaction_not_allowed": "لا يمكن استخدام البطاقة لهذه الدفعة. استفسر من مصرفك أو استخدم بطاقة أخرى.",
        "try_again_later": "لم يتمكن مصرفك من الرد. حاول لاحقًا.",
        "withdrawal_count_limit_exceeded": "بلغت البطاقة حدها. حاول لاحقًا أو استخدم بطاقة أخرى.",
    },
)
_WITHOUT_A_REASON = "card_declined"


def why_not_paid(failure: Failure, language: str = "en") -> str:
    """The reason, in words that everybody may read."""
    is_said = DECLINES.knows(failure.code) and not failure.is_confidential
    return DECLINES.say(language, failure.code if is_said else _WITHOUT_A_REASON)
