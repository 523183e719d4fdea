"""Words by code: every language says each code, names the same facts, and says apart what English says apart."""

import importlib
import pkgutil
import re
from dataclasses import replace
from itertools import chain

import pytest

from billing import words
from billing.domain.account import LANGUAGES
from billing.domain.declines import NO_DECLINE, Failure, bounce, decline
from billing.domain.ledger import Counted, LedgerEntry
from billing.domain.transaction import TransactionLine
from billing.words.decline_texts import DECLINES, why_not_paid
from billing.words.email_texts import WORDINGS
from billing.words.history_texts import say_entry, say_line
from billing.words.lock_texts import why_locked
from billing.words.phrases import Phrases
from tests.builders import NOW, plan, wallet

MODULES = [importlib.import_module(each.name) for each in pkgutil.walk_packages(words.__path__, "billing.words.")]
BOOKS = {
    f"{module.__name__.rpartition('.')[2]}.{name}": value
    for module in MODULES
    for name, value in vars(module).items()
    if isinstance(value, Phrases)
}
THE_SAME_IN_BOTH = {"$name", "$reason", "$feature $quantity"}
"""Sentences of facts alone."""


BOUGHT = Counted("minutes", 90_000_000, 30_000_000)


def entry(**facts: object) -> LedgerEntry:
    known = LedgerEntry(
        cause="c", account_id="acme", sequence=1, kind="adjustment", amount_micros=0, balance_after_micros=0,
        currency="USD", posted_at=NOW, description="", postings=(),
    )  # fmt: skip
    return replace(known, **facts)  # type: ignore[arg-type]


def test_all_phrases_are_looked_at() -> None:
    assert len(BOOKS) >= 7


@pytest.mark.parametrize("book", BOOKS)
def test_what_english_says_apart_every_language_says_apart_and_in_its_own_words(book: str) -> None:
    by_language = BOOKS[book]._sentences
    assert set(by_language) == set(LANGUAGES)
    english = by_language["en"]
    for language, said in by_language.items():
        assert said.keys() == english.keys()
        assert len(set(said.values())) == len(set(english.values())), language
        if language != "en":
            same = {text for code, text in said.items() if text == english[code]}
            assert same <= THE_SAME_IN_BOTH


def test_a_customer_reads_short_sentences() -> None:
    phrases = [text for book in BOOKS.values() for text in book._sentences["en"].values()]
    mails = [line for wording in WORDINGS["en"].values() for line in (wording.subject, *wording.lines)]
    sentences = [each for text in (*phrases, *mails) for each in re.split(r"(?<=[.:;!?])\s+", text)]
    assert len(sentences) > 100
    assert [each for each in sentences if len(each.split()) > 25] == []


@pytest.mark.parametrize(
    ("arabic", "why"),
    [
        ({"paid": "دُفع $amount"}, "missing are"),
        ({"paid": "دُفع $amount", "failed": "تعذّر", "late": "متأخر"}, "too many are"),
        ({"paid": "دُفع", "failed": "تعذّر"}, r"names other facts than English does: \['paid'\]"),
        ({"paid": "دُفع $amount $card", "failed": "تعذّر"}, r"names other facts than English does: \['paid'\]"),
    ],
)
def test_a_language_that_says_less_or_more_cannot_be_imported(arabic: dict[str, str], why: str) -> None:
    with pytest.raises(TypeError, match=why):
        Phrases(("paid", "failed"), en={"paid": "$amount was paid", "failed": "It failed"}, ar=arabic)


def test_a_language_that_is_missing_cannot_be_imported() -> None:
    with pytest.raises(TypeError, match="missing are"):
        Phrases(("paid",), en={"paid": "Paid"})


def test_a_fact_that_is_not_given_is_an_error_and_no_dollar_sign_for_a_customer() -> None:
    with pytest.raises(KeyError):
        Phrases(("paid",), en={"paid": "$amount"}, ar={"paid": "$amount"}).say("en", "paid")


def test_every_code_that_this_system_gives_a_failure_itself_has_words() -> None:
    bounces = (bounce(code).code for code in ("account_closed", "debit_not_authorized", "insufficient_funds", "no"))
    ours = chain(NO_DECLINE, bounces, (decline(None, None).code, "card_unusable", "expired_card"))
    assert [code for code in ours if not DECLINES.knows(code)] == []


@pytest.mark.parametrize("code", ["lost_card", "stolen_card", "pickup_card", "fraudulent", "a_code_of_next_year"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_bank_tells_in_confidence_is_a_decline_without_a_reason(code: str, language: str) -> None:
    assert why_not_paid(Failure(code), language) == why_not_paid(Failure("card_declined"), language)


@pytest.mark.parametrize(
    ("described", "english", "arabic"),
    [
        (entry(code="refund"), "Refund", "رد مبلغ"),
        (entry(code="replay_marker", charged_as="call:42:c-1"), "Charged as call:42:c-1", "حُسبت باسم call:42:c-1"),
        (entry(description="حوالة 4711"), "حوالة 4711", "حوالة 4711"),
        (entry(description="Promotional credit expired"), "Promotional credit expired", "Promotional credit expired"),
        (
            entry(code="usage_reset", description="a wrong plan", counted=(BOUGHT,)),
            "a wrong plan (counted before, in metered units: minutes 90 of which 30 bought)",
            "a wrong plan (المحسوب سابقًا بوحدات القياس: minutes 90 منها 30 مشتراة)",
        ),
        (
            entry(code="usage_reset", description="a wrong plan"),
            "a wrong plan (counted before, in metered units: nothing)",
            "a wrong plan (المحسوب سابقًا بوحدات القياس: لا شيء)",
        ),
    ],
)
def test_an_entry_is_said_by_its_code_or_as_a_person_or_a_former_release_put_it(
    described: LedgerEntry, english: str, arabic: str
) -> None:
    assert (say_entry(described), say_entry(described, "ar")) == (english, arabic)


@pytest.mark.parametrize(
    ("line", "english", "arabic"),
    [
        (TransactionLine("", "1", 1, code="plan", name="企业版"), "企业版", "企业版"),
        (TransactionLine("", "1", -1, code="plan_unused", name="Team"), "Team, unused", "Team، الجزء غير المستخدم"),
        (TransactionLine("Team, unused", "1", -1, code="plan_unused"), "Team, unused", "Team, unused"),
        (TransactionLine("wire 4711", "1", 1, code="adjustment"), "wire 4711", "wire 4711"),
        (TransactionLine("What a former release wrote", "1", 1), *["What a former release wrote"] * 2),
        (
            TransactionLine("", "1", 1, code="rounding"),
            "Rounded up to what a card can be charged: your credit",
            "تقريب إلى ما يمكن خصمه من بطاقة: أُضيف إلى رصيدك",
        ),
    ],
)
def test_a_line_is_said_by_its_code_or_as_it_was_stored(line: TransactionLine, english: str, arabic: str) -> None:
    assert (say_line(line), say_line(line, "ar")) == (english, arabic)


def test_a_lock_quotes_whoever_locked_or_names_the_renewal() -> None:
    by_hand = wallet(on=plan(), lock_reason="chargebacks")
    assert (why_locked(by_hand), why_locked(by_hand, "ar")) == ("chargebacks", "chargebacks")
    assert why_locked(wallet(on=plan())) is None
