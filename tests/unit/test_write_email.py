"""E-mails: every type in every language, each fact isolated in its own direction, nothing of a customer's is markup."""

import re
from dataclasses import fields, replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from string import Template
from typing import Any

import pytest

from billing.contracts.bus_events import facts_of
from billing.domain.account import LANGUAGES, Account
from billing.domain.declines import Failure
from billing.domain.money import Money
from billing.domain.notice_facts import Facts
from billing.domain.refill_advice import ADVICE_CODES, advise_on
from billing.words.decline_texts import why_not_paid
from billing.words.email_texts import ALL_USED, CREDIT_NOTE, LAST_TRY, WORDINGS, is_mailed
from billing.words.refill_texts import say_advice
from billing.words.write_email import Email, write_email
from tests.builders import BILLING_URL, NOW, micros

BUS = Path(__file__).parents[2] / "events" / "bus"
ACME = Account("acme", "Acme LLC", "billing@acme.example", "USD", "en", NOW)
ISOLATE, END = "\u2068", "\u2069"


MAILS = sorted(WORDINGS["en"])
LOCKED_UNPAID = {"locked_by": "unpaid_renewal", "lock_reason": "The renewal could not be paid."}


_SPECIAL: dict[str, tuple[str, dict[str, Any]]] = {
    LAST_TRY: ("subscription.past_due", {"next_attempt_at": None}),
    ALL_USED: ("allowance.low", {"percent": 100}),
    CREDIT_NOTE: (
        "receipt.issued",
        {"document": "credit_note", "number": "TT-CN-2026-000007", "receipt_number": "TT-2026-000123"},
    ),
}


def sample(event_type: str, **facts: Any) -> Facts:
    """The facts of the sample in events/bus/, some of them replaced."""
    found = facts_of((BUS / f"{event_type}.json").read_text())
    assert found is not None
    return replace(found, **facts)


def event_of(mail: str) -> tuple[str, dict[str, Any]]:
    """The type that a mail is about, and facts with which it is the mail that is written."""
    return _SPECIAL.get(mail, (mail, {}))


def written(event_type: str, account: Account = ACME, **facts: Any) -> Email:
    return write_email(account, sample(event_type, **facts), BILLING_URL)


class Words(HTMLParser):
    """The text between the tags, and the tags that were opened and not closed."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "title" not in self.open:
            self.words.append(data)


def test_every_language_has_words_for_the_same_types() -> None:
    assert {language: set(wordings) for language, wordings in WORDINGS.items()} == {
        language: set(MAILS) for language in LANGUAGES
    }


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("mail_about", MAILS)
def test_a_mail_leaves_no_fact_open_and_says_the_same_twice(mail_about: str, language: str) -> None:
    event_type, facts = event_of(mail_about)
    mail = written(event_type, replace(ACME, language=language), **facts)
    page = Words(mail.html)
    assert page.open == []
    assert "$" not in mail.subject + mail.text + mail.html
    said = re.sub(f"[{ISOLATE}{END}\\s]", "", mail.text)
    assert re.sub(r"\s", "", "".join(page.words)) == said
    assert len(mail.text.splitlines()) >= 1
    assert "\n" not in mail.subject


@pytest.mark.parametrize("mail_about", MAILS)
def test_the_first_line_and_the_subject_name_only_facts_that_each_event_states(mail_about: str) -> None:
    stated = {each.name for each in fields(sample(event_of(mail_about)[0]))} | {"name"}
    for wordings in WORDINGS.values():
        subject, lines, _ = wordings[mail_about]
        assert set(Template(subject).get_identifiers()) <= stated
        assert set(Template(lines[0]).get_identifiers()) <= stated


@pytest.mark.parametrize("mail_about", MAILS)
def test_languages_state_the_same_facts(mail_about: str) -> None:
    facts = {
        language: {name for line in wordings[mail_about].lines for name in Template(line).get_identifiers()}
        for language, wordings in WORDINGS.items()
    }
    assert facts["ar"] == facts["en"]


def test_arabic_is_set_from_right_to_left_with_each_fact_isolated() -> None:
    mail = written("account.paused", replace(ACME, language="ar", name="شركة أكمي"))
    assert '<html lang="ar" dir="rtl">' in mail.html
    assert '<body dir="rtl"' in mail.html
    assert "<bdi>USD -0.04</bdi>" in mail.html
    assert f"{ISOLATE}USD -0.04{END}" in mail.text
    assert f"{ISOLATE}شركة أكمي{END}" in mail.subject


ARABIC = replace(ACME, language="ar", name="شركة أكمي")


@pytest.mark.parametrize("event_type", ["payment.failed", "subscription.past_due"])
@pytest.mark.parametrize("code", ["insufficient_funds", "no_card", "stolen_card", "a_code_of_next_year"])
def test_why_a_card_paid_nothing_is_said_in_the_mails_language(code: str, event_type: str) -> None:
    why = Failure(code)
    for account in (ACME, ARABIC):
        mail = written(event_type, account, code=code, reason=why_not_paid(why))
        assert why_not_paid(why, account.language) in mail.text
    assert why_not_paid(why) not in written(event_type, ARABIC, code=code, reason=why_not_paid(why)).text


def test_an_event_without_a_code_says_its_own_reason() -> None:
    assert "of a former release" in written("payment.failed", code=None, reason="of a former release").text


def test_why_auto_refill_is_suspended_is_said_in_the_mails_language() -> None:
    for code in (*ADVICE_CODES - {"monthly_limit", "ends_with_period"}, "lost_card"):
        for account in (ACME, ARABIC):
            mail = written("auto_refill.suspended", account, code=code)
            assert say_advice(advise_on(code), account.language) in mail.text


def test_a_card_that_expires_says_when_and_in_how_many_days() -> None:
    english, arabic = (written("card.expiring", account, days_left=7).text for account in (ACME, ARABIC))
    assert "expires at the end of Dec 2026, in 7 days." in english
    assert "7 أيام" in arabic
    assert "ديسمبر 2026" in arabic


def test_an_arabic_name_keeps_its_direction_inside_english() -> None:
    mail = written("account.paused", replace(ACME, name="شركة أكمي"))
    assert '<html lang="en" dir="ltr">' in mail.html
    assert f"{ISOLATE}شركة أكمي{END}" in mail.text


def test_plain_english_holds_no_invisible_characters() -> None:
    mail = written("account.paused")
    assert (mail.subject + mail.text).isascii()


def test_what_a_customer_calls_himself_is_never_markup() -> None:
    mail = written(
        "account.locked", replace(ACME, name="<b>A&B</b> $balance"), lock_reason='<script>alert("x")</script>'
    )
    assert "<script>" not in mail.html
    assert "&lt;b&gt;A&amp;B&lt;/b&gt; $balance" in mail.html
    assert "<b>A&B</b> $balance" in mail.text


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        ("12.345600", "USD", "USD 12.34"),
        ("20.000000", "USD", "USD 20.00"),
        ("-0.500000", "USD", "USD -0.50"),
        ("-0.000001", "USD", "USD -0.000001"),
        ("1200.000000", "JPY", "JPY 1,200"),
        ("1.500000", "KWD", "KWD 1.500"),
    ],
)
def test_a_balance_is_shown_in_its_currencys_decimals_and_never_hides_a_debt(
    amount: str, currency: str, shown: str
) -> None:
    assert shown in written("account.paused", balance=Money(micros(amount), currency)).text


@pytest.mark.parametrize(
    ("event_type", "facts", "mailed"),
    [
        ("payment.failed", {"kind": "renewal"}, False),
        ("payment.failed", {"kind": "auto_refill"}, True),
        ("payment.failed", {"kind": "top_up"}, True),
        ("payment.failed", {"kind": "plan_change"}, True),
        ("subscription.past_due", {}, True),
        ("subscription.past_due", {"next_attempt_at": None}, True),
        ("account.locked", LOCKED_UNPAID, False),
        ("account.locked", {"locked_by": "administrator"}, True),
        ("payment.succeeded", {"kind": "renewal"}, True),
        ("subscription.renewed", {"charged": True}, False),
        ("subscription.renewed", {"charged": False}, True),
        ("usage.rejected", {}, False),
        ("webhook_endpoint.disabled", {}, False),
    ],
)
def test_a_renewal_is_one_mail_paid_or_not_and_the_rest_is_mailed_as_it_is(
    event_type: str, facts: dict[str, Any], mailed: bool
) -> None:
    assert is_mailed(sample(event_type, **facts)) is mailed


def test_the_mail_about_a_failed_renewal_says_how_much_of_which_card_and_why_and_what_comes() -> None:
    assert written("subscription.past_due").text.split("\n\n") == [
        "The renewal of the subscription of Acme LLC for USD 49.00 could not be paid.",
        "The card has insufficient funds. Use another card, or try again once it has.",
        f"Card: {ISOLATE}visa •••• 4242{END}",
        "We try again on 24 Nov 2026. Until then calls are paid from the credit balance.",
        "A new default card is charged at once.",
        "Transaction: tx_90b1c2d3e4f5061728394a5b",
        f"Pay now or use another card\n{BILLING_URL}?account=acme\n",
    ]


def test_the_mail_about_the_last_try_says_that_calls_are_refused_and_promises_no_other_try() -> None:
    mail = written("subscription.past_due", next_attempt_at=None)
    assert mail.subject == "Acme LLC is locked: the subscription is not paid"
    assert "new calls are refused" in mail.text
    assert "The card has insufficient funds." in mail.text
    assert "We try again" not in mail.text


def test_the_mail_about_a_renewal_s_payment_says_until_when_it_is_renewed_and_another_payment_s_does_not() -> None:
    paid = written("payment.succeeded", kind="renewal", period_end=datetime(2026, 12, 23, 9, 15, 2, tzinfo=UTC))
    assert "The subscription is renewed until 23 Dec 2026." in paid.text
    assert "renewed" not in written("payment.succeeded").text


def test_a_line_about_what_the_event_does_not_state_is_left_out() -> None:
    with_reason, without = written("account.locked"), written("account.locked", lock_reason="")
    assert "The reason: chargebacks under review" in with_reason.text
    assert "reason" not in without.text
