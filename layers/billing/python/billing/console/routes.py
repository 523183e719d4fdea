"""All pages: what is asked for, and what answers it. A GET changes nothing."""

from collections.abc import Callable
from dataclasses import dataclass

from billing.console import cards, credit, details, history, overview, plan, refill, renewal, settings
from billing.console.answers import Answer


@dataclass(frozen=True, slots=True)
class ConsoleRoute:
    """`answer` takes the visit, and the parts of the path that are in braces."""

    method: str
    path: str
    answer: Callable[..., Answer]


ROUTES: tuple[ConsoleRoute, ...] = (
    ConsoleRoute("GET", "/console", overview.show),
    ConsoleRoute("GET", "/console/auto-refill/check", refill.check),
    ConsoleRoute("POST", "/console/auto-refill", refill.save),
    ConsoleRoute("GET", "/console/add-credit", credit.show),
    ConsoleRoute("GET", "/console/add-credit/check", credit.check),
    ConsoleRoute("POST", "/console/add-credit", credit.buy),
    ConsoleRoute("GET", "/console/payment-methods", cards.show),
    ConsoleRoute("POST", "/console/payment-methods", cards.add),
    ConsoleRoute("GET", "/console/payment-methods/{payment_method_id}/default", cards.check_default),
    ConsoleRoute("POST", "/console/payment-methods/{payment_method_id}/default", cards.make_default),
    ConsoleRoute("GET", "/console/payment-methods/{payment_method_id}/remove", cards.check_removal),
    ConsoleRoute("POST", "/console/payment-methods/{payment_method_id}/remove", cards.remove),
    ConsoleRoute("GET", "/console/plan", plan.show),
    ConsoleRoute("POST", "/console/plan", plan.change),
    ConsoleRoute("GET", "/console/plan/preview", plan.preview),
    ConsoleRoute("GET", "/console/plan/cancel", plan.check_cancel),
    ConsoleRoute("POST", "/console/plan/cancel", plan.cancel),
    ConsoleRoute("POST", "/console/plan/keep", plan.keep),
    ConsoleRoute("GET", "/console/plan/pay", renewal.show),
    ConsoleRoute("POST", "/console/plan/pay", renewal.pay),
    ConsoleRoute("GET", "/console/history", history.show),
    ConsoleRoute("GET", "/console/history/{transaction_id}", history.show_one),
    ConsoleRoute("GET", "/console/details", details.show),
    ConsoleRoute("POST", "/console/details", details.save),
    ConsoleRoute("POST", "/console/preferences", settings.prefer),
    ConsoleRoute("POST", "/console/sign-out", settings.sign_out),
)
