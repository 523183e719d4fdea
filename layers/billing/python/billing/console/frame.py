"""What stands around every page of a visit: who bills, the tabs, the status of the account, and the way out."""

import secrets
from http import HTTPStatus

from billing.console.answers import Notice, Page, html_response
from billing.console.banner import banner_of
from billing.console.cookies import NO_NOTICE, NOTICE_COOKIE, cookies_of
from billing.console.rendering import Speaker, amounts, card_name, number, quantity, render
from billing.console.static_files import ICON, STYLESHEET, brand_address
from billing.console.visit import THEMES, Visit
from billing.domain.account import LANGUAGES
from billing.web.http import Request, Response
from billing.words.console_texts import CONSOLE

TABS = (
    ("overview", "/console"),
    ("payment_methods", "/console/payment-methods"),
    ("plan", "/console/plan"),
    ("history", "/console/history"),
)
_KEY_BYTES = 16


def respond(page: Page, visit: Visit, request: Request, sent: dict[str, str], *, zipped: bool) -> Response:
    told = Notice.parse(cookies_of(request).get(NOTICE_COOKIE, ""))
    cookies = [] if told is None else [NO_NOTICE]
    text = render(page.template, {**_around(page, visit), "notice": _said(told, visit), **page.facts})
    status = page.status if not page.errors or page.status != HTTPStatus.OK else HTTPStatus.UNPROCESSABLE_ENTITY
    return html_response(status, text, sent, cookies, zipped=zipped)


def _around(page: Page, visit: Visit) -> dict[str, object]:
    speaker, customer = visit.speaker, visit.customer
    seller = customer.seller
    own = sorted((each for _, each in TABS if visit.path == each or visit.path.startswith(f"{each}/")), key=len)
    return {
        "speaker": speaker,
        "t": speaker.say,
        "plain": speaker.plain,
        "title": speaker.plain(page.title),
        "heading": page.title,
        "errors": page.errors,
        "error_of": {each.field: each.text for each in page.errors},
        "visit": visit,
        "wallet": customer.wallet,
        "customer": customer,
        "brand": "" if seller is None else seller.name,
        "brand_stylesheet": brand_address(None),
        "stylesheet": STYLESHEET.address,
        "icon": ICON.address,
        "tabs": TABS,
        "own_tab": own[-1] if own else "",
        "banner": banner_of(customer, speaker, visit.now),
        "other_languages": [Speaker(each) for each in LANGUAGES if each != speaker.language],
        "themes": THEMES,
        "may_change": not visit.session.read_only,
        "new_key": lambda: secrets.token_hex(_KEY_BYTES),
        "card_name": card_name,
        "quantity": quantity,
        "number": number,
        **amounts(visit.currency),
    }


def _said(told: Notice | None, visit: Visit) -> dict[str, object] | None:
    """Only a sentence that there is, with just the facts that it names."""
    if told is None or not CONSOLE.knows(told.code) or CONSOLE.facts(told.code) != told.facts.keys():
        return None
    return {"tone": told.tone, "text": visit.speaker.say(told.code, **told.facts)}
