"""Mails lead somewhere: each that asks for something links to the platform's page, in both parts and both languages."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.domain.account import LANGUAGES
from billing.domain.web_address import WEB_ADDRESS, check_web_address
from billing.words.billing_page import billing_page
from billing.words.email_texts import ALL_USED, CREDIT_NOTE, LAST_TRY, WORDINGS
from billing.words.write_email import Email, write_email
from tests.builders import BILLING_URL
from tests.unit.test_write_email import ACME, ARABIC, END, ISOLATE, MAILS, event_of, sample

ASKING = {
    "account.paused",
    "account.locked",
    "balance.low",
    "allowance.low",
    ALL_USED,
    "payment.failed",
    "auto_refill.suspended",
    "subscription.past_due",
    LAST_TRY,
    "receipt.issued",
    CREDIT_NOTE,
    "card.expiring",
}
SHORT = "https://portal.example/b"
WITH_EVERYTHING = "https://portal.example:8443/bills?tenant=a%26b&tab=cards#pay?now"


class Links(HTMLParser):
    """The links of a page: where each leads, and its words; and the directions of what is set apart."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.shown: list[str] = []
        self._inside: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        while self._inside.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        tag, attributes = self._inside[-1] if self._inside else ("", {})
        if tag == "a":
            self.found.append((attributes["href"] or "", data))
        elif attributes.get("dir") == "ltr" and tag == "bdi":
            self.shown.append(data)


def mail_of(about: str, language: str, billing_url: str = BILLING_URL, account_id: str = "acme") -> Email:
    event_type, facts = event_of(about)
    account = replace(ACME if language == "en" else ARABIC, account_id=account_id)
    return write_email(account, sample(event_type, **facts), billing_url)


def line_of(mail: Email) -> str:
    """The address as the text part has it: alone on its line, but for what keeps its direction."""
    (line,) = (each for each in mail.text.splitlines() if "://" in each)
    found = re.fullmatch(rf"(?:{ISOLATE} )?(\S+)(?: {END})?", line)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("about", MAILS)
def test_a_mail_has_a_link_exactly_where_it_asks_for_something(about: str, language: str) -> None:
    mail, action = mail_of(about, language), WORDINGS[language][about].action
    if about not in ASKING:
        assert action is None
        assert "://" not in mail.text + mail.html
        assert "<a" not in mail.html
        return
    url = f"{BILLING_URL}?account=acme"
    links = Links(mail.html)
    assert links.found == [(url, action)]
    assert links.shown == [url]
    assert line_of(mail) == url
    before = mail.text.splitlines()[-2]
    assert before == action


@pytest.mark.parametrize("language", LANGUAGES)
def test_an_address_of_many_parts_is_the_same_in_both_parts_of_a_mail(language: str) -> None:
    mail = mail_of("account.paused", language, WITH_EVERYTHING, "a+b@c.d")
    url = "https://portal.example:8443/bills?tenant=a%26b&tab=cards&account=a%2Bb%40c.d#pay?now"
    assert line_of(mail) == url
    assert [link for link, _ in Links(mail.html).found] == [url]
    assert url.replace("&", "&amp;") in mail.html
    assert url not in mail.html, "an ampersand that is not escaped may begin an entity"


def test_the_address_keeps_its_direction_in_a_mail_from_right_to_left_and_is_bare_in_english() -> None:
    url = f"{BILLING_URL}?account=acme"
    assert f"\n{ISOLATE} {url} {END}\n" in mail_of("account.paused", "ar").text
    assert f'<bdi dir="ltr">{url}</bdi>' in mail_of("account.paused", "ar").html
    assert f"\n{url}\n" in mail_of("account.paused", "en").text


@pytest.mark.parametrize(
    "name", ["شركة أكمي", '"><a href="https://evil.example">$url</a>', "https://evil.example/?a=1"]
)
def test_nothing_that_a_customer_is_called_is_in_the_link(name: str) -> None:
    for account in (ACME, ARABIC):
        mail = write_email(replace(account, name=name), sample("account.paused"), BILLING_URL)
        assert [link for link, _ in Links(mail.html).found] == [f"{BILLING_URL}?account=acme"]
        assert mail.text.splitlines()[-1].strip(f"{ISOLATE}{END} ") == f"{BILLING_URL}?account=acme"


@given(
    base=st.one_of(
        st.sampled_from([SHORT, "https://portal.example", WITH_EVERYTHING]), st.from_regex(WEB_ADDRESS, fullmatch=True)
    ),
    account_id=st.from_regex(r"\A[A-Za-z0-9][A-Za-z0-9_.@+-]{0,63}\Z"),
)
def test_the_page_gets_the_accounts_id_and_its_address_stays_as_it_was(base: str, account_id: str) -> None:
    url = billing_page(base, account_id)
    before, after = urlsplit(base), urlsplit(url)
    assert after._replace(query="") == before._replace(query="")
    assert after.query.startswith(before.query)
    assert parse_qs(after.query, keep_blank_values=True)["account"][-1] == account_id
    if len(url) <= 1000:
        check_web_address(url)


@pytest.mark.parametrize(
    ("account_id", "query"),
    [
        ("acme", "account=acme"),
        ("billing+eu@acme.example", "account=billing%2Beu%40acme.example"),
        ("a&b=c#d", "account=a%26b%3Dc%23d"),
    ],
)
def test_an_id_is_never_more_than_the_value_of_its_parameter(account_id: str, query: str) -> None:
    assert billing_page(SHORT, account_id) == f"{SHORT}?{query}"
    assert billing_page(f"{SHORT}?page=2#top", account_id) == f"{SHORT}?page=2&{query}#top"
