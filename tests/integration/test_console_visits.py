"""Visits of the console: the way in, whose it is, what it may do, and how it ends."""

import base64
import logging
from datetime import timedelta

import pytest

from billing.console.files import ConsoleFiles
from billing.console.routes import ROUTES
from billing.domain.account import Account
from billing.domain.portal_session import LIFE
from billing.runtime.show_page import show_page
from billing.runtime.typesetter import typeset
from billing.store.accounts import Accounts
from billing.store.database import StoreBusy
from billing.store.portal_sessions import PortalSessions
from tests.builders import NOW
from tests.documented import seller
from tests.paying_account import Paying
from tests.visitor import ORIGIN, Visitor, ticket_for, visitor_of


def test_the_token_is_gone_from_the_address_after_the_first_answer(paying: Paying) -> None:
    visitor = Visitor(paying.store, paying.gateway)
    ticket = ticket_for(paying.store, "acme", page="payment-methods")
    answer = visitor.send("GET", f"/console/enter?t={ticket}")
    assert (answer.status, answer.location, answer.html) == (303, "/console/payment-methods", "")
    (cookie,) = answer.cookies
    assert cookie.startswith("__Host-tt_session=ps_")
    assert "; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=3600" in cookie
    assert ticket.partition(".")[2] not in cookie
    assert ticket not in repr(visitor.told)
    shown = visitor.get(answer.location)
    assert shown.status == 200
    assert ticket not in shown.html


def test_a_link_opens_once_and_a_prefetch_opens_nothing(paying: Paying) -> None:
    ticket = ticket_for(paying.store, "acme")
    ahead = Visitor(paying.store, paying.gateway)
    assert ahead.send("GET", f"/console/enter?t={ticket}", sec_purpose="prefetch;prerender").status == 204
    assert ahead.send("HEAD", f"/console/enter?t={ticket}").status == 204
    assert ahead.cookies == {}
    first, second = Visitor(paying.store, paying.gateway), Visitor(paying.store, paying.gateway)
    assert first.get(f"/console/enter?t={ticket}").status == 200
    refused = second.get(f"/console/enter?t={ticket}")
    assert (refused.status, refused.title) == (401, "This link was used already")
    assert second.cookies == {}
    # Whoever is in already, and comes by the same link again, as by a reload, goes on.
    assert first.get(f"/console/enter?t={ticket}").title == "Overview"


@pytest.mark.parametrize("ticket", ["", "x", "ps_1.x", "%00", "ps_" + "0" * 24 + "." + "a" * 43])
def test_what_is_no_link_opens_nothing(paying: Paying, ticket: str) -> None:
    assert Visitor(paying.store, paying.gateway).get(f"/console/enter?t={ticket}").status == 401


def test_cookies_are_found_where_aws_has_them_and_where_an_emulator_leaves_them(paying: Paying) -> None:
    visitor = visitor_of(paying)
    assert visitor.get("/console").status == 200
    visitor.aws_cookies = False
    assert visitor.get("/console").status == 200


def test_a_visit_ends_after_an_hour_and_says_how_to_go_on(paying: Paying) -> None:
    visitor = visitor_of(paying, return_url="https://platform.example/billing")
    assert "This visit ends on 23 Nov 2026, 13:00 UTC." in visitor.get("/console").text
    assert visitor.at(NOW + LIFE - timedelta(seconds=1)).get("/console").status == 200
    ended = visitor.at(NOW + LIFE).get("/console")
    assert (ended.status, ended.title) == (401, "This visit has ended")
    assert "Nothing was changed." in ended.text
    assert 'href="https://platform.example/billing"' in ended.html
    assert ended.headers["cache-control"] == "private, no-store"


def test_a_revoked_session_shows_nothing_more(paying: Paying) -> None:
    visitor = visitor_of(paying)
    page = visitor.get("/console")
    session_id = visitor.cookies["__Host-tt_session"].partition(".")[0]
    paying.store.portal_sessions.remove(session_id)
    assert visitor.at(NOW).send("POST", "/console/auto-refill", page.form("Save").fields).status == 401
    assert visitor.get("/console").status == 401


def test_who_signs_out_is_out_with_every_copy_of_the_cookie(paying: Paying) -> None:
    visitor = visitor_of(paying)
    copy = Visitor(paying.store, paying.gateway, cookies=dict(visitor.cookies))
    assert visitor.press(visitor.get("/console"), "Sign out").title == "You are signed out"
    assert visitor.get("/console").status == 401
    assert copy.get("/console").status == 401


def test_a_stranger_is_told_in_their_language(paying: Paying) -> None:
    stranger = Visitor(paying.store, paying.gateway)
    assert 'lang="ar" dir="rtl"' in stranger.get("/console", accept_language="fr, ar-EG;q=0.8, en").html
    assert 'lang="en" dir="ltr"' in stranger.get("/console", accept_language="zh").html


@pytest.mark.parametrize("route", [each for each in ROUTES if each.method == "POST"], ids=lambda each: each.path)
@pytest.mark.parametrize("how", ["another site", "another origin", "no token", "a wrong token"])
def test_a_form_from_another_site_changes_nothing(paying: Paying, route: object, how: str) -> None:
    path = route.path.replace("{payment_method_id}", "pm_1")  # type: ignore[attr-defined]
    visitor = visitor_of(paying)
    token = visitor.get("/console").form("Sign out").fields["token"]
    headers = {"another site": {"sec_fetch_site": "cross-site"}, "another origin": {"sec_fetch_site": "same-site"}}
    fields = {"token": token, "key": "k", "amount": "50", "card": "new", "enabled": "off"}
    if how == "no token":
        del fields["token"]
    if how == "a wrong token":
        fields["token"] = "0" * 64
    before = paying.wallet
    refused = visitor.send("POST", path, fields, **headers.get(how, {}))
    assert (refused.status, refused.title) == (403, "This form has expired")
    assert paying.wallet == before
    assert visitor.get("/console").status == 200


def test_an_old_browser_says_its_origin(paying: Paying) -> None:
    visitor = visitor_of(paying)
    fields = visitor.get("/console").form("Sign out").fields | {"theme": "dark"}
    foreign = visitor.send("POST", "/console/preferences", fields, sec_fetch_site="none", origin="https://evil.example")
    assert foreign.status == 403


def test_a_visit_that_may_only_look_changes_nothing(paying: Paying) -> None:
    paying.add_card()
    visitor = visitor_of(paying, read_only=True)
    page = visitor.get("/console")
    assert "You can look at everything in this visit, but change nothing." in page.text
    buttons = {text for form in page.forms for text, _ in form.buttons}
    assert buttons == {"العربية", "Sign out", "As the system", "Light", "Dark"}
    token = page.form("Sign out").fields["token"]
    refused = visitor.send("POST", "/console/auto-refill", {"token": token, "enabled": "off"})
    assert (refused.status, refused.title) == (403, "This visit can only look")
    assert visitor.press(page, "Dark").html.count('data-theme="dark"') == 1


def test_language_and_theme_are_kept_by_the_browser(paying: Paying) -> None:
    visitor = visitor_of(paying)
    arabic = visitor.press(visitor.get("/console/payment-methods"), "العربية")
    assert (arabic.path, 'lang="ar" dir="rtl"' in arabic.html) == ("/console/payment-methods", True)
    dark = visitor.press(arabic, "داكن")
    assert 'dir="rtl" data-theme="dark"' in dark.html
    assert 'lang="en" dir="ltr" data-theme="dark"' in visitor.press(dark, "English").html


@pytest.mark.parametrize("back", ["https://evil.example", "//evil.example", "/v1/accounts", "/console\nx", "/consolex"])
def test_a_choice_leads_back_to_a_page_of_ours_alone(paying: Paying, back: str) -> None:
    visitor = visitor_of(paying)
    form = visitor.get("/console").form("Dark")
    answer = visitor.send("POST", "/console/preferences", form.fields | {"theme": "dark", "back": back})
    assert (answer.status, answer.location) == (303, "/console")


def test_a_session_never_sees_another_account_whatever_id_it_asks_for(paying: Paying) -> None:
    Accounts(paying.database).create(Account("globex", "另一家", "b@globex.example", "USD", "en", NOW))
    other = Paying(paying.database, paying.stripe, "globex")
    other.add_card(key="globex")
    bought = other.top_up("50", card=other.cards[0].payment_method_id, transaction_id="tx_" + "9" * 24)
    visitor = visitor_of(paying)
    ids = {"payment_method_id": other.cards[0].payment_method_id, "transaction_id": bought.transaction_id}
    token = visitor.get("/console").form("Sign out").fields["token"]
    tried = 0
    for route in ROUTES:
        for values, unknown in ((ids, dict.fromkeys(ids, "pm_nobody")),):
            if "{" not in route.path:
                continue
            fields = {"token": token} if route.method == "POST" else None
            foreign = visitor.send(route.method, route.path.format(**values), fields)
            nobody = visitor.send(route.method, route.path.format(**unknown), fields)
            assert foreign.status == nobody.status == 404, route
            assert "globex" not in foreign.html
            tried += 1
    assert tried >= 5
    assert "9999" not in visitor.get("/console/history").html
    answer = visitor.get(f"/console/add-credit?after={bought.transaction_id}")
    assert answer.status == 404
    card_of_other = {"amount": "50", "card": ids["payment_method_id"], "key": "k", "token": token}
    assert visitor.send("POST", "/console/add-credit", card_of_other).status == 404
    assert other.wallet.balance_micros == 50_000_000
    assert [card.verification for card in other.cards] == ["verified"]


def test_every_answer_keeps_strangers_scripts_and_caches_out(paying: Paying) -> None:
    visitor = visitor_of(paying)
    for address in ("/console", "/console/nothing", "/console/payment-methods/pm_1/remove"):
        headers = visitor.get(address).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert "unsafe-inline" not in policy
        assert "form-action 'self' https://checkout.stripe.com" in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["cache-control"] == "private, no-store"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["x-content-type-options"] == "nosniff"


def test_styles_are_kept_for_ever_under_addresses_that_name_their_content(paying: Paying) -> None:
    visitor = visitor_of(paying)
    page = visitor.get("/console").html
    for part in ("/console/static/console.", "/console/brand/1f5fbf.css", "/console/static/icon."):
        start = page.index(part)
        address = page[start : page.index('"', start)]
        shown = Visitor(paying.store, paying.gateway).get(address)
        assert shown.status == 200
        assert "immutable" in shown.headers["cache-control"]
    assert ORIGIN not in page
    assert "http:" not in page


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/console/nothing", 404),
        ("GET", "/console/sign-out", 405),
        ("POST", "/console", 405),
        ("PUT", "/console", 405),
    ],
)
def test_what_is_not_there_is_a_page_that_says_so(paying: Paying, method: str, path: str, status: int) -> None:
    answer = visitor_of(paying).send(method, path)
    assert (answer.status, answer.title) == (status, "There is nothing here")


@pytest.mark.parametrize("query", ["a=1&a=2", "=%ff", "x=" + "a" * 1001, "&".join(f"f{n}=1" for n in range(61))])
def test_a_query_that_cannot_be_read_is_refused(paying: Paying, query: str) -> None:
    assert visitor_of(paying).send("GET", f"/console/add-credit?{query}").status == 400


def test_a_receipt_and_a_credit_note_are_files_of_the_own_account_alone(paying: Paying) -> None:
    who = seller()
    paying.store.sellers.put(None, who)
    paying.add_card()
    bought = paying.top_up("50", card=paying.cards[0].payment_method_id, transaction_id="tx_" + "1" * 24)
    paying.refund(bought.transaction_id, "20")
    visitor = visitor_of(paying)
    page = visitor.get(f"/console/history/{bought.transaction_id}")
    assert f"{who.receipt_prefix}-2026-000001" in page.text
    paths = [
        f"/console/history/{bought.transaction_id}/receipt.pdf",
        f"/console/history/{bought.transaction_id}/credit-notes/{who.receipt_prefix}-CN-2026-000001",
    ]
    files = ConsoleFiles(paying.store, typeset)
    for path in paths:
        assert f'href="{path}"' in page.html
        answer = files.respond(visitor.event("GET", path), NOW, visitor.told.append)
        assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "application/pdf")
        assert base64.b64decode(answer["body"]).startswith(b"%PDF")
    Accounts(paying.database).create(Account("globex", "另一家", "b@globex.example", "USD", "en", NOW))
    stranger = visitor_of(Paying(paying.database, paying.stripe, "globex"))
    for path in paths:
        refused = files.respond(stranger.event("GET", path), NOW, stranger.told.append)
        assert (refused["statusCode"], refused["headers"]["location"]) == (
            303,
            path[: len("/console/history/tx_") + 24],
        )
        nobody = files.respond(Visitor(paying.store, paying.gateway).event("GET", path), NOW, list[object]().append)
        assert (nobody["statusCode"], nobody["headers"]["location"]) == (303, "/console/history")


@pytest.mark.parametrize("path", ["/console", "/console/enter?t=ps_" + "0" * 24 + "." + "a" * 43])
def test_a_database_that_is_out_of_reach_is_told_on_a_page(
    paying: Paying, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    visitor = visitor_of(paying)

    def busy(*_: object) -> None:
        raise StoreBusy("nobody answers")

    monkeypatch.setattr(PortalSessions, "get", busy)
    answer = visitor.get(path)
    assert (answer.status, answer.title) == (503, "This did not work just now")
    assert "Nothing is charged twice." in answer.text


def test_what_breaks_is_logged_and_told_on_a_page(
    paying: Paying, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    visitor = visitor_of(paying)

    def broken(*_: object) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(PortalSessions, "get", broken)
    answer = show_page(visitor.console, visitor.event("GET", "/console"), logging.getLogger("console"))
    assert answer["statusCode"] == 500
    assert "This did not work just now" in answer["body"]
    assert "request failed" in caplog.text
    assert "a bug" not in answer["body"]
