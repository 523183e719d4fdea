"""Every page in every state, in both directions and themes, wide and narrow: nothing that keeps anybody out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.conftest import TIMEOUT_MS
from tests.browser.serving import Served
from tests.builders import NOW
from tests.documented import seller
from tests.subscriber import FREE, PRO, RENEWAL, STARTER, Subscriber
from tests.unpaid_renewal import unpaid

Prepare = Callable[[Served], None]
_RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
PAYMENT = "tx_" + "1" * 24


@dataclass(frozen=True)
class State:
    """An account in some state, and the pages that show it. `{card}` is its first card."""

    prepare: Prepare
    paths: tuple[str, ...]


def empty(_: Served) -> None:
    """An account on its first day."""


def full(served: Served) -> None:
    """With two cards, payments of each kind and auto-refill."""
    account = served.account
    account.store.sellers.put(None, seller())
    account.add_card()
    account.add_card("pm_card_mastercard", key="page-2")
    card = account.cards[0].payment_method_id
    account.top_up("50", card=card, transaction_id=PAYMENT)
    account.refund(PAYMENT, "20")
    account.top_up("25", transaction_id="tx_" + "2" * 24)
    account.behave("insufficient_funds")
    account.top_up("70", card=card, transaction_id="tx_" + "3" * 24)
    account.behave("succeed")
    account.auto_refill()


def paused(served: Served) -> None:
    """In debt, with a card that was not kept."""
    served.account.add_card("pm_card_chargeCustomerFail")
    served.account.store.adjust("-1.25", "a call", account_id="acme")


def subscribed(served: Served) -> None:
    """On a plan with a rented number and an included quantity, with others to choose from, and then canceled."""
    customer = Subscriber(served.account)
    for each in (FREE, STARTER, PRO):
        served.account.store.plans.add_version(replace(each, offered=True), NOW)
    customer.subscribed(phone_number=3)
    served.account.store.adjust("12.345", "credit", account_id="acme")
    served.account.store.plans.add_version(replace(PRO, plan_id="max", name="الخطة", offered=True), NOW)


def ending(served: Served) -> None:
    subscribed(served)
    Subscriber(served.account).cancel(NOW)


def unpaid_month(served: Served) -> None:
    unpaid(Subscriber(served.account).subscribed())
    served.now = RENEWAL + timedelta(hours=1)


PLAN_PAGES = (
    "/console",
    "/console/plan",
    "/console/plan/preview?plan_id=pro",
    "/console/plan/preview?plan_id=pro&changed=1",
    "/console/plan/preview?plan_id=free",
    "/console/plan/preview?plan_id=starter&q.phone_number=x",
    "/console/plan/cancel",
)
STATES: Mapping[str, State] = {
    "empty": State(
        empty,
        (
            "/console",
            "/console/add-credit",
            "/console/payment-methods",
            "/console/history",
            "/console/plan",
            "/console/details",
            "/console/nothing",
        ),
    ),
    "full": State(
        full,
        (
            "/console",
            "/console/add-credit",
            "/console/add-credit/check?amount=50.00&card={card}",
            "/console/add-credit/check?amount=50.00&card=new",
            "/console/add-credit?after=tx_333333333333333333333333",
            "/console/auto-refill/check?enabled=on&threshold=500&amount=100&limit=1000",
            "/console/auto-refill/check?enabled=on&threshold=0&amount=x&limit=1",
            "/console/payment-methods",
            "/console/payment-methods/{card}/default",
            "/console/payment-methods/{card}/remove",
            "/console/history",
            "/console/history?status=Failed&kind=top_up&from=2026-11-01&to=2026-11-30",
            "/console/history?status=Failed&kind=renewal",
            "/console/history?from=x",
            "/console/history/tx_111111111111111111111111",
            "/console/history/tx_222222222222222222222222",
            "/console/history/tx_333333333333333333333333",
        ),
    ),
    "subscribed": State(subscribed, PLAN_PAGES),
    "ending": State(ending, PLAN_PAGES[:3]),
    "unpaid": State(unpaid_month, ("/console", "/console/plan", "/console/plan/pay", "/console/plan/cancel")),
    "paused": State(paused, ("/console", "/console/add-credit", "/console/payment-methods")),
}


@dataclass(frozen=True)
class Look:
    language: str
    theme: str
    width: int


LOOKS = [Look("en", "light", 1280), Look("ar", "dark", 390), Look("ar", "light", 1280), Look("en", "dark", 390)]


def window(browser: Browser, look: Look) -> Page:
    context = browser.new_context(
        viewport={"width": look.width, "height": 900},
        color_scheme="dark" if look.theme == "dark" else "light",
        locale=look.language,
    )
    context.set_default_timeout(TIMEOUT_MS)
    return context.new_page()


def wider_than_the_window(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("look", LOOKS, ids=str)
@pytest.mark.parametrize("state", STATES)
def test_every_page_is_clean_in_both_directions_and_themes(
    browser: Browser, served: Served, state: str, look: Look
) -> None:
    STATES[state].prepare(served)
    cards = served.account.cards
    page = window(browser, look)
    page.goto(served.ticket(language=look.language))
    found: list[str] = []
    for path in STATES[state].paths:
        page.goto(served.url + path.format(card=cards[0].payment_method_id if cards else ""))
        result = Axe().run(page, options=_RULES)
        found += [
            f"{path}: {each['id']}: {each['help']}: {each['nodes'][0]['html'][:200]}"
            for each in result.response["violations"]
        ]
        if wider_than_the_window(page) > 0:
            found.append(f"{path}: wider than {look.width}")
    page.context.close()
    assert found == []


def test_what_keeps_somebody_out_would_be_found(browser: Browser) -> None:
    page = window(browser, LOOKS[0])
    faulty = '<input><p style="color:#ccc">grey</p>'
    page.set_content(f'<html lang="en"><title>x</title><main><h1>x</h1>{faulty}</main></html>')
    found = {each["id"] for each in Axe().run(page, options=_RULES).response["violations"]}
    page.context.close()
    assert found >= {"label", "color-contrast"}


@pytest.mark.parametrize("language", ["en", "ar"])
@pytest.mark.parametrize("state", ["full", "subscribed"])
def test_nothing_scrolls_sideways_at_320_pixels_which_1280_are_at_400_percent(
    browser: Browser, served: Served, state: str, language: str
) -> None:
    STATES[state].prepare(served)
    card = served.account.cards[0].payment_method_id
    page = window(browser, Look(language, "light", 320))
    page.goto(served.ticket(language=language))
    for path in STATES[state].paths:
        page.goto(served.url + path.format(card=card))
        assert wider_than_the_window(page) <= 0, path
    page.context.close()


def test_the_doors_are_clean_too(browser: Browser, served: Served) -> None:
    page = window(browser, Look("ar", "dark", 390))
    for path in ("/console", "/console/enter?t=x", "/console/signed-out"):
        page.goto(served.url + path)
        assert Axe().run(page, options=_RULES).response["violations"] == [], path
    page.goto(served.ticket())
    served.now = NOW + timedelta(hours=2)
    page.goto(f"{served.url}/console")
    assert Axe().run(page, options=_RULES).response["violations"] == []
    page.context.close()
