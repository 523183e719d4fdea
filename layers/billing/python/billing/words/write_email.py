"""Write an e-mail: an event's facts put into the account's language, as plain text and as HTML.

Facts are foreign to the sentence around them: an amount or an Arabic name keeps its own direction inside a sentence of
the other one. In HTML `bdi` says so, in text Unicode's isolates do (UAX #9).
"""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Template
from typing import Any

from billing.domain.account import Account
from billing.domain.money import minor_unit_decimals
from billing.words.email_texts import RIGHT_TO_LEFT, reason_in, wording

_MAX_FACT_CHARACTERS = 300
_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_PAGE = Template("""\
<!doctype html>
<html lang="$language" dir="$direction">
<head><meta charset="utf-8"><title>$title</title></head>
<body dir="$direction" style="font-family: sans-serif; line-height: 1.5; max-width: 36em">
$lines
</body>
</html>
""")


@dataclass(frozen=True, slots=True)
class Email:
    """The same words twice, for readers with and without HTML."""

    to: str
    subject: str
    text: str
    html: str


def write_email(account: Account, event_type: str, data: Mapping[str, Any]) -> Email:
    """The mail about an event that is mailed (see `is_mailed`); `data` is the event's."""
    language = account.language
    words = wording(language, event_type, data)
    reason = reason_in(language, event_type, data.get("code"), data.get("reason"))
    facts = {"name": account.name} | {
        name: text for name, value in {**data, "reason": reason}.items() if (text := _shown(name, value))
    }
    lines = [line for line in map(Template, words.lines) if facts.keys() >= set(line.get_identifiers())]

    def isolated(value: str) -> str:
        needless = language not in RIGHT_TO_LEFT and value.isascii()
        return value if needless else f"{_ISOLATE}{value}{_END_ISOLATE}"

    subject = _filled(Template(words.subject), facts, isolated)
    paragraphs = [_filled(Template(html.escape(each.template)), facts, _bdi) for each in lines]
    return Email(
        to=account.email,
        subject=subject,
        text="\n\n".join(_filled(each, facts, isolated) for each in lines) + "\n",
        html=_PAGE.substitute(
            language=language,
            direction="rtl" if language in RIGHT_TO_LEFT else "ltr",
            title=html.escape(subject),
            lines="\n".join(f"<p>{each}</p>" for each in paragraphs),
        ),
    )


def _filled(template: Template, facts: Mapping[str, str], mark: Callable[[str], str]) -> str:
    return template.safe_substitute({name: mark(value) for name, value in facts.items()})


def _bdi(value: str) -> str:
    return f"<bdi>{html.escape(value)}</bdi>"


def _shown(name: str, value: object) -> str | None:
    """A fact as people read it: an amount, a card, a day; None for what a sentence cannot hold."""
    if isinstance(value, Mapping):
        if "currency" in value:
            return _amount(str(value["amount"]), str(value["currency"]))
        if "last4" in value:
            return f"{value.get('brand') or ''} •••• {value['last4']}".strip()
        return None
    if not isinstance(value, str) or not value:
        return None
    if name.endswith(("_at", "_start", "_end")):
        return value[:10]
    return " ".join(value.split())[:_MAX_FACT_CHARACTERS]


def _amount(amount: str, currency: str) -> str:
    """At least the currency's own decimals, and no more than the amount has."""
    whole, _, fraction = amount.partition(".")
    decimals = minor_unit_decimals(currency)
    fraction = fraction.rstrip("0").ljust(decimals, "0")
    return f"{whole}.{fraction} {currency}" if fraction else f"{whole} {currency}"
