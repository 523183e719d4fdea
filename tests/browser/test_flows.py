"""What customers do in the console, in a real browser, by mouse and by keyboard alone."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Page, expect

from billing.domain.portal_session import LIFE
from tests.browser.serving import Served
from tests.builders import NOW
from tests.documented import seller
from tests.subscriber import STARTER, Subscriber


def heading(page: Page) -> str:
    return page.locator("h1").inner_text()


def pay_on_stripes_page(page: Page, card: str = "pm_card_visa", button: str = "Pay") -> None:
    page.select_option("select[name=card]", card)
    page.get_by_role("button", name=button, exact=True).click()


def enter(page: Page) -> None:
    """Press Enter, and wait for the page to which that leads."""
    with page.expect_navigation():
        page.keyboard.press("Enter")


def tab_to(page: Page, name: str, *, most: int = 40) -> int:
    """Press Tab until the focus is on what is called so. Returns how often."""
    for times in range(1, most + 1):
        page.keyboard.press("Tab")
        focused = page.evaluate(
            "(() => { const e = document.activeElement; const l = e.labels && e.labels[0];"
            " return (l ? l.innerText : e.innerText || e.value || '').trim() })()"
        )
        if str(focused).startswith(name):
            return times
    raise AssertionError(f"{most} tabs lead to no {name!r}")


def test_a_first_visit_leads_to_a_card_and_to_credit(page: Page, served: Served) -> None:
    page.goto(served.ticket())
    assert page.url == f"{served.url}/console"
    expect(page.get_by_text("Three steps to the first call")).to_be_visible()
    page.get_by_role("link", name="Add a card to pay with").click()
    page.get_by_role("button", name="Add a card").click()
    assert page.url.startswith(served.account.stripe.url)
    pay_on_stripes_page(page, button="Save card")
    expect(page.get_by_role("status")).to_have_text("Visa •••• 4242 is verified and is your default card.")
    assert page.url == f"{served.url}/console/payment-methods"
    page.get_by_role("link", name="Overview").click()
    page.get_by_role("link", name="Add credit").click()
    page.get_by_label("USD 50.00").check()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("You pay USD 50.00 with Visa •••• 4242.")).to_be_visible()
    page.get_by_role("button", name="Pay USD 50.00").click()
    expect(page.get_by_role("status")).to_have_text("USD 50.00 is paid. Your balance is USD 50.00.")
    page.reload()
    page.go_back()
    page.go_forward()
    assert [each.amount_micros for each in served.account.history] == [50_000_000]


def test_a_canceled_page_adds_no_card(page: Page, served: Served) -> None:
    page.goto(served.ticket(page="payment-methods"))
    page.get_by_role("button", name="Add a card").click()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status")).to_have_text("No card was added.")


def test_a_declined_card_says_why_and_the_focus_is_on_it(page: Page, served: Served) -> None:
    served.account.add_card()
    served.account.behave("insufficient_funds")
    page.goto(served.ticket(page="add-credit"))
    page.get_by_label("Another amount").fill("70.50")
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Pay USD 70.50").click()
    expect(page.get_by_role("alert")).to_contain_text("The card has insufficient funds.")
    assert page.title() == "Error: Add credit"
    assert page.evaluate("document.activeElement.id") == "errors"
    assert page.get_by_label("Another amount").input_value() == "70.50"


def test_a_bank_that_wants_its_customer_is_answered_on_the_page(page: Page, served: Served) -> None:
    served.account.add_card()
    served.account.behave("authentication_required")
    page.goto(served.ticket(page="add-credit"))
    page.get_by_label("USD 20.00").check()
    page.get_by_role("button", name="Continue").click()
    page.get_by_role("button", name="Pay USD 20.00").click()
    assert page.url.startswith(served.account.stripe.url)
    pay_on_stripes_page(page)
    expect(page.get_by_role("status")).to_have_text("USD 20.00 is paid. Your balance is USD 20.00.")
    assert [each.status for each in served.account.history] == ["Paid"]


def test_auto_refill_says_what_saving_charges(page: Page, served: Served) -> None:
    served.account.add_card()
    page.goto(served.ticket())
    page.get_by_label("When the balance falls below").fill("20")
    page.get_by_label("Add this amount").fill("100")
    page.get_by_label("On", exact=True).check()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saving charges USD 100.00 to Visa •••• 4242 now")).to_be_visible()
    page.get_by_role("link", name="Go back").click()
    assert served.account.history == []
    page.go_back()
    page.get_by_role("button", name="Save and pay USD 100.00").click()
    expect(page.get_by_role("status")).to_contain_text("Auto-Refill is on.")
    assert [each.kind for each in served.account.history] == ["auto_refill"]


def test_a_receipt_is_downloaded(page: Page, served: Served, tmp_path: Path) -> None:
    served.account.store.sellers.put(None, seller())
    served.account.add_card()
    served.account.top_up("50", card=served.account.cards[0].payment_method_id, transaction_id="tx_" + "1" * 24)
    page.goto(served.ticket(page="history"))
    page.get_by_role("link", name="23 Nov 2026").click()
    with page.expect_download() as found:
        page.get_by_role("link", name="TT-2026-000001").click()
    assert found.value.suggested_filename == "TT-2026-000001.pdf"
    kept = tmp_path / "receipt.pdf"
    found.value.save_as(kept)
    assert kept.read_bytes().startswith(b"%PDF")


def test_a_visit_that_is_over_changes_nothing_and_says_how_to_go_on(page: Page, served: Served) -> None:
    served.account.add_card()
    page.goto(served.ticket(return_url="https://platform.example/billing"))
    served.now = NOW + LIFE + timedelta(seconds=1)
    page.get_by_role("button", name="Save").click()
    assert heading(page) == "This visit has ended"
    assert (
        page.get_by_role("link", name="Open billing again").get_attribute("href") == "https://platform.example/billing"
    )
    assert served.account.wallet.refill is None


def test_credit_is_bought_by_keyboard_alone(page: Page, served: Served) -> None:
    served.account.add_card()
    page.goto(served.ticket())
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.innerText") == "Skip to content"
    assert 1 + tab_to(page, "Add credit") <= 9
    enter(page)
    tab_to(page, "Another amount")
    page.keyboard.type("33.00")
    enter(page)
    tab_to(page, "Pay USD 33.00")
    enter(page)
    expect(page.get_by_role("status")).to_have_text("USD 33.00 is paid. Your balance is USD 33.00.")


def test_a_default_card_is_changed_and_a_card_removed_by_keyboard_alone(page: Page, served: Served) -> None:
    served.account.add_card()
    served.account.add_card("pm_card_mastercard", key="page-2")
    page.goto(served.ticket(page="payment-methods"))
    tab_to(page, "Make default")
    enter(page)
    tab_to(page, "Make default")
    enter(page)
    expect(page.get_by_role("status")).to_have_text("Mastercard •••• 4444 is your default card.")
    tab_to(page, "Remove")
    enter(page)
    tab_to(page, "Remove")
    enter(page)
    expect(page.get_by_role("status")).to_have_text("Visa •••• 4242 was removed.")


def test_a_number_is_rented_the_subscription_canceled_and_kept(page: Page, served: Served) -> None:
    Subscriber(served.account).subscribed()
    page.goto(served.ticket(page="plan"))
    page.get_by_label("how many you want").fill("3")
    page.get_by_role("button", name="See what this costs").click()
    expect(page.get_by_role("heading", name="Check this change")).to_be_visible()
    page.get_by_role("button", name="Pay USD 6.00 and change").click()
    expect(page.get_by_role("status")).to_have_text("USD 6.00 is paid, and the change is made.")
    page.get_by_role("link", name="Cancel the subscription").click()
    page.get_by_role("button", name="Cancel the subscription").click()
    expect(page.get_by_role("heading", name="The subscription is canceled")).to_be_visible()
    page.get_by_role("button", name="Keep the subscription").click()
    expect(page.get_by_role("status")).to_have_text("The subscription goes on.")


def test_a_plan_is_chosen_by_keyboard_alone(page: Page, served: Served) -> None:
    customer = Subscriber(served.account)
    served.account.store.plans.add_version(replace(STARTER, offered=True), NOW)
    served.account.add_card()
    page.goto(served.ticket())
    tab_to(page, "Choose a plan")
    enter(page)
    tab_to(page, "See what this plan costs")
    enter(page)
    tab_to(page, "Pay USD 30.00 and change")
    enter(page)
    expect(page.get_by_role("status")).to_have_text("USD 30.00 is paid, and the change is made.")
    assert customer.charges == [3000]


def test_no_page_needs_a_script_and_none_loads_anything_from_elsewhere(page: Page, served: Served) -> None:
    asked: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text))
    page.goto(served.ticket())
    for path in ("/console/add-credit", "/console/payment-methods", "/console/history", "/console/nothing"):
        page.goto(served.url + path)
        assert page.locator("script").count() == 0
    assert {url.split("/console")[0] for url in asked} == {served.url}
    # A browser tells of each answer that is an error; the policy's complaints would be others.
    assert [each for each in complaints if "404" not in each] == []
