"""Write an e-mail: a notice's facts put into the account's language, as plain text and as HTML.

Facts are foreign to the sentence around them: an amount or an Arabic name keeps its own direction inside a sentence of
the other one. In HTML `bdi` says so, in text Unicode's isolates do (UAX #9).
"""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from string import Template

from billing.domain.account import Account
from billing.domain.money import Money
from billing.domain.month import Month
from billing.domain.notice_facts import AccountLocked, Facts
from billing.domain.transaction import CardFace
from billing.words.billing_page import billing_page
from billing.words.directions import RIGHT_TO_LEFT, isolate, one_line
from billing.words.email_texts import wording
from billing.words.formats import balance, date, days, money, month
from billing.words.notice_texts import say_reason

_MAX_FACT_CHARACTERS = 300
_PAGE = Template("""\
<!doctype html>
<html lang="$language" dir="$direction">
<head><meta charset="utf-8"><title>$title</title></head>
<body dir="$direction" style="font-family: sans-serif; line-height: 1.5; max-width: 36em">
$lines
</body>
</html>
""")
_LINK = Template('<a href="$url">$action</a><br><bdi dir="ltr">$url</bdi>')
"""The address is also shown: a reader sees where the link leads, and has it where links are taken out."""


@dataclass(frozen=True, slots=True)
class Email:
    """The same words twice, for readers with and without HTML."""

    to: tuple[str, ...]
    subject: str
    text: str
    html: str


def write_email(account: Account, facts: Facts, billing_url: str) -> Email:
    """The mail about a notice that is mailed (see `is_mailed`). One that asks for something links to `billing_url`."""
    language = account.language
    words = wording(language, facts)
    shown = {"name": _one_line(account.name) or account.account_id, **_all_shown(language, facts)}
    lines = [line for line in map(Template, words.lines) if shown.keys() >= set(line.get_identifiers())]

    def isolated(value: str) -> str:
        return isolate(value, language)

    subject = _filled(Template(words.subject), shown, isolated)
    texts = [_filled(each, shown, isolated) for each in lines]
    paragraphs = [_filled(Template(html.escape(each.template)), shown, _bdi) for each in lines]
    if words.action is not None:
        url = billing_page(billing_url, account.account_id)
        # Apart by spaces: a reader that makes links of addresses may else take an isolate for a part of one.
        line = isolate(f" {url} ", language).strip(" ")
        texts.append(f"{words.action}\n{line}")
        paragraphs.append(_LINK.substitute(url=html.escape(url), action=html.escape(words.action)))
    return Email(
        to=(account.details and account.details.emails) or (account.email,),
        subject=subject,
        text="\n\n".join(texts) + "\n",
        html=_PAGE.substitute(
            language=language,
            direction="rtl" if language in RIGHT_TO_LEFT else "ltr",
            title=html.escape(subject),
            lines="\n".join(f"<p>{each}</p>" for each in paragraphs),
        ),
    )


def _filled(template: Template, shown: Mapping[str, str], mark: Callable[[str], str]) -> str:
    return template.safe_substitute({name: mark(value) for name, value in shown.items()})


def _bdi(value: str) -> str:
    return f"<bdi>{html.escape(value)}</bdi>"


def _all_shown(language: str, facts: Facts) -> dict[str, str]:
    """The facts by their fields' names, without those of which there is nothing to show."""
    stated = {each.name: getattr(facts, each.name) for each in fields(facts)}
    words = say_reason(facts, language)
    said = {"lock_reason" if isinstance(facts, AccountLocked) else "reason": words}
    return {name: text for name, fact in (stated | said).items() if (text := _shown(name, fact, language))}


def _shown(name: str, fact: object, language: str) -> str | None:
    """A fact as people read it: an amount, a card, a day; None for what a sentence cannot hold."""
    match fact:
        case Money():
            return balance(fact) if name == "balance" else money(fact)
        case CardFace():
            return f"{fact.brand} •••• {fact.last4}".strip()
        case datetime():
            return date(fact, language)
        case Month():
            return month(fact.year, fact.month, language)
        case int() if name == "days_left":
            return days(fact, language)
        case int() if name == "percent":
            return str(fact)
        case str():
            return _one_line(fact)
    return None


def _one_line(text: str) -> str:
    return one_line(text, max_characters=_MAX_FACT_CHARACTERS)
