"""Stripe's key is replaced while functions are warm: they go on with the new one, and nobody's card is blamed."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from billing.payments.errors import PaymentsMisconfigured
from billing.payments.gateway import Gateway
from billing.payments.time_limit import TimeLimit
from billing.runtime import aws, kept_secret
from billing.runtime.settings import load
from billing.runtime.stripe_access import gateway, webhook_secrets
from tests.builders import NOW, micros
from tests.paying_account import STAGE, Paying
from tests.platform_of_one import assert_books_balance

OLD, NEW = "sk_test_old", "sk_test_new"


@dataclass(frozen=True)
class Warm(Paying):
    """The account, asked for by a function that started with the old key."""

    vault: dict[str, str] = field(default_factory=lambda: {"key": OLD})
    made: list[Gateway] = field(default_factory=list)

    @property
    def gateway(self) -> Gateway:
        return self.made[0]

    def set(self, key: str, kind: str) -> None:
        self.stripe.control("keys", {"key": key, "kind": kind})

    def requests(self, method: str, path: str) -> list[dict[str, Any]]:
        made = self.stripe.control("requests", method="GET")["requests"]
        return [each for each in made if (each["method"], each["path"]) == (method, path)]


@pytest.fixture
def reads() -> list[str]:
    """What was read of Secrets Manager."""
    return []


@pytest.fixture
def warm(paying: Paying, reads: list[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Warm]:
    paying.add_card()
    warm = Warm(paying.database, paying.stripe)

    def secret(name: str) -> str:
        reads.append(name)
        return warm.vault[name]

    monkeypatch.setattr(aws, "secret", secret)
    told = {"STAGE": STAGE, "STRIPE_API_KEY_SECRET": "key", "STRIPE_API_BASE": paying.stripe.url}
    warm.made.append(gateway(load(told), "auto_refill", TimeLimit()))
    assert warm.gateway.account_of(str(warm.read("customers")[0]["id"])) == "acme"
    reads.clear()
    yield warm
    assert_books_balance(warm.store)


def by_card(warm: Warm, transaction_id: str = "tx_1") -> str:
    return warm.top_up("20", card=warm.cards[0].payment_method_id, transaction_id=transaction_id).status


@pytest.mark.parametrize("kind", ["revoked", "restricted"])
def test_a_charge_goes_on_with_the_new_key_once_the_old_one_is_refused(
    warm: Warm, kind: str, reads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    warm.set(OLD, kind)
    warm.vault["key"] = NEW
    assert by_card(warm) == "Paid"
    assert warm.wallet.balance_micros == micros("20")
    assert [each.status for each in warm.history] == ["Paid"]
    assert [card.verification for card in warm.stored_cards] == ["verified"]
    assert by_card(warm, "tx_2") == "Paid"
    assert reads == ["key"], "once, for all that follows"
    assert "StripeKeyRefused" not in capsys.readouterr().out


def test_a_charge_that_is_sent_again_has_the_same_idempotency_key_and_is_made_once(warm: Warm) -> None:
    before = len(warm.requests("POST", "/v1/payment_intents"))
    card = warm.cards[0].payment_method_id
    warm.set(OLD, "revoked")
    warm.vault["key"] = NEW
    assert warm.top_up("20", card=card).status == "Paid"
    refused, made = warm.requests("POST", "/v1/payment_intents")[before:]
    assert (refused["status"], made["status"]) == (401, 200)
    assert refused["idempotency_key"] == made["idempotency_key"] is not None


def test_a_refused_key_that_is_still_the_one_is_heard_of_and_read_once_a_minute(
    warm: Warm, reads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    warm.set(OLD, "revoked")
    for _ in range(3):
        with pytest.raises(PaymentsMisconfigured, match="Expired API Key"):
            warm.gateway.intent("pi_1")
    assert reads == ["key"]
    assert capsys.readouterr().out.count('"StripeKeyRefused": 1') == 3


def test_a_new_key_that_is_refused_too_is_heard_of(warm: Warm, capsys: pytest.CaptureFixture[str]) -> None:
    warm.set(OLD, "revoked")
    warm.set(NEW, "revoked")
    warm.vault["key"] = NEW
    with pytest.raises(PaymentsMisconfigured, match="Expired API Key"):
        warm.gateway.intent("pi_1")
    assert capsys.readouterr().out.count('"StripeKeyRefused": 1') == 1


def test_all_threads_of_a_run_go_on_with_the_new_key(
    warm: Warm, reads: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    customer = str(warm.read("customers")[0]["id"])
    warm.set(OLD, "revoked")
    warm.vault["key"] = NEW
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(lambda _: warm.gateway.account_of(customer), range(40))) == ["acme"] * 40
    assert reads == ["key"]
    assert "StripeKeyRefused" not in capsys.readouterr().out


def test_a_key_that_was_replaced_long_ago_is_used_before_the_old_one_is_refused(
    warm: Warm, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/v1/customers/{warm.read('customers')[0]['id']}"
    warm.vault["key"] = NEW
    warm.set(OLD, "revoked")
    monkeypatch.setattr(kept_secret, "KEPT_SECONDS", -1)
    before = len(warm.requests("GET", path))
    assert warm.gateway.account_of(path.rpartition("/")[2]) == "acme"
    assert [each["status"] for each in warm.requests("GET", path)[before:]] == [200]


def test_a_key_of_the_environment_is_refused_as_before(warm: Warm, capsys: pytest.CaptureFixture[str]) -> None:
    warm.set(OLD, "revoked")
    asked = gateway(load({"STAGE": STAGE, "STRIPE_API_KEY": OLD, "STRIPE_API_BASE": warm.stripe.url}), "api")
    with pytest.raises(PaymentsMisconfigured):
        asked.intent("pi_1")
    assert capsys.readouterr().out.count('"StripeKeyRefused": 1') == 1


def test_without_the_time_to_ask_again_no_charge_is_sent_and_the_next_run_makes_it(
    warm: Warm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Reading the secret may have taken the time that a charge needs."""
    warm.auto_refill(threshold="60", amount="100")
    before = len(warm.requests("POST", "/v1/payment_intents"))
    warm.set(OLD, "revoked")

    def slow(_: str) -> str:
        warm.gateway.limit.set(1)
        return NEW

    monkeypatch.setattr(aws, "secret", slow)
    charged = warm.charge_pending()
    assert charged is not None
    assert charged.status == "Processing"
    assert [each["status"] for each in warm.requests("POST", "/v1/payment_intents")[before:]] == [401]
    warm.gateway.limit.set(None)
    warm.reconcile(NOW + timedelta(minutes=10))
    assert [each.status for each in warm.history] == ["Paid"]
    assert "StripeKeyRefused" not in capsys.readouterr().out


def test_the_webhooks_secrets_are_kept_in_the_same_way(warm: Warm, reads: list[str]) -> None:
    warm.vault["hook"] = "whsec_a, whsec_b"
    kept = webhook_secrets(load({"STRIPE_WEBHOOK_SECRETS_SECRET": "hook"}))
    assert [kept.current(), kept.current()] == [("whsec_a", "whsec_b")] * 2
    assert reads == ["hook"]
