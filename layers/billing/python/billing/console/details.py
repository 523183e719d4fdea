"""Details: what the customer is called on receipts, and where mails go."""

from billing.console.answers import Answer, FieldError, Notice, Page, Redirect
from billing.console.forms import Form
from billing.console.visit import Visit
from billing.domain.billing_details import MAX_ADDRESS_LINES, MAX_EMAILS, BillingDetails
from billing.domain.texts import MAX_NAME_CHARACTERS, MAX_SHORT_TEXT_CHARACTERS, is_email, is_line
from billing.services.accounts import set_billing_details
from billing.words.countries import COUNTRIES, country

_LINES = tuple(f"line{number}" for number in range(1, MAX_ADDRESS_LINES + 1))


def show(visit: Visit, *, typed: Form | None = None, errors: tuple[FieldError, ...] = ()) -> Page:
    language = visit.speaker.language
    countries = sorted(((country(code, language), code) for code in COUNTRIES), key=lambda each: each[0])
    account = visit.customer.account
    facts = {
        "typed": typed or _fields(account.details or BillingDetails()),
        "countries": countries,
        "lines": _LINES,
        "account_name": account.name,
        "account_email": account.email,
    }
    return Page("details.html", "details", facts, errors=errors)


def _fields(details: BillingDetails) -> Form:
    lines = dict(zip(_LINES, (*details.address_lines, *[""] * MAX_ADDRESS_LINES), strict=False))
    return {
        "legal_name": details.legal_name or "",
        **lines,
        "country": details.country or "",
        "tax_id": details.tax_id or "",
        "emails": ", ".join(details.emails),
    }


def save(visit: Visit) -> Answer:
    """Keep the details as a whole: documents that are issued from now on carry them."""
    names = ("legal_name", *_LINES, "country", "tax_id", "emails")
    typed = {name: visit.form.get(name, "") for name in names}
    emails = tuple(dict.fromkeys(each for each in typed["emails"].replace(",", " ").split() if each))
    errors = _errors(visit, typed, emails)
    if errors:
        return show(visit, typed=typed, errors=errors)
    details = BillingDetails(
        typed["legal_name"] or None,
        tuple(typed[name] for name in _LINES if typed[name]),
        typed["country"] or None,
        typed["tax_id"] or None,
        emails,
    )
    set_billing_details(visit.store, visit.account_id, details)
    return Redirect("/console/details", Notice("details_saved"))


def _errors(visit: Visit, typed: Form, emails: tuple[str, ...]) -> tuple[FieldError, ...]:
    speaker = visit.speaker
    longest = dict.fromkeys(("legal_name", *_LINES), MAX_NAME_CHARACTERS) | {"tax_id": MAX_SHORT_TEXT_CHARACTERS}
    errors = [
        FieldError(name, speaker.plain("one_line", most=str(most)))
        for name, most in longest.items()
        if typed[name] and not is_line(typed[name], most)
    ]
    if typed["country"] and typed["country"] not in COUNTRIES:
        errors.append(FieldError("country", speaker.plain("choose_a_country")))
    if len(emails) > MAX_EMAILS or not all(is_email(each) for each in emails):
        errors.append(FieldError("emails", speaker.plain("mail_addresses", most=str(MAX_EMAILS))))
    return tuple(errors)
