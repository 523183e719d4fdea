"""What a page costs: requests to the database, and bytes to the browser."""

import gzip
from collections import Counter

import pytest

from billing.console import static_files
from tests.builders import NOW
from tests.documented import seller
from tests.paying_account import Paying
from tests.subscriber import Subscriber
from tests.visitor import visitor_of

# The history reads its payments, and the numbers of their receipts, beside what every page reads.
MOST_REQUESTS = {"/console": 5, "/console/history": 5}
MOST_REQUESTS_OF_OTHERS = 4
MOST_BYTES = 6_000
MOST_BYTES_OF_A_FIRST_VISIT = 15_000
PAGES = (
    "/console",
    "/console/add-credit",
    "/console/payment-methods",
    "/console/plan",
    "/console/plan/cancel",
    "/console/history",
)


@pytest.fixture
def rich(paying: Paying) -> Paying:
    """With cards, a plan, auto-refill and a page of payments."""
    paying.store.sellers.put(None, seller())
    Subscriber(paying).subscribed(phone_number=3)
    paying.add_card("pm_card_mastercard", key="page-2")
    card = paying.cards[0].payment_method_id
    for number in range(20):
        paying.top_up("5", card=card, transaction_id=f"tx_{number:024}")
    paying.auto_refill()
    return paying


def test_a_page_asks_the_database_no_more_than_it_must(rich: Paying) -> None:
    asked: Counter[str] = Counter()
    visitor = visitor_of(rich)
    visitor.get("/console/plan")  # versions of plans never change, and are kept by the process
    rich.database.client.meta.events.register("before-call.dynamodb", lambda model, **_: asked.update([model.name]))
    for path in PAGES:
        asked.clear()
        assert visitor.get(path).status == 200
        # The store of a test is made anew for each request, and reads its plans again.
        requests = asked.total() - asked["GetItem"] + 1
        assert requests <= MOST_REQUESTS.get(path, MOST_REQUESTS_OF_OTHERS), (path, asked)


def test_a_page_is_small_and_so_is_all_that_a_first_visit_loads(rich: Paying) -> None:
    visitor = visitor_of(rich)
    styles = [static_files.STYLESHEET.content, static_files.ICON.content, b"x" * 200]
    loaded = sum(len(gzip.compress(each)) for each in styles)
    for path in PAGES:
        size = len(gzip.compress(visitor.get(path).html.encode()))
        assert size <= MOST_BYTES, path
        assert size + loaded <= MOST_BYTES_OF_A_FIRST_VISIT, path


def test_a_page_has_few_elements(rich: Paying) -> None:
    visitor = visitor_of(rich, now=NOW)
    for path in PAGES:
        html = visitor.get(path).html
        assert html.count("<") - html.count("</") <= 900, path
