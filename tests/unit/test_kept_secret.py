"""A secret that is replaced holds without a deployment, and is read as seldom as that takes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Barrier

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from billing.payments.settings import StripeNotConfigured, parse_api_key
from billing.runtime.kept_secret import KEPT_SECONDS, REFUSED_SECONDS, KeptSecret

FAILURES = [
    EndpointConnectionError(endpoint_url="https://secretsmanager.example"),
    ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, "GetSecretValue"),
    StripeNotConfigured("there is no key"),
]


@dataclass
class Vault:
    """A secret, how often it was read, and a clock."""

    text: str = "sk_old"
    reads: int = 0
    now: float = 1000.0
    fails: Exception | None = None
    while_reading: Callable[[], object] = field(default=lambda: None)

    def read(self) -> str:
        self.reads += 1
        self.while_reading()
        if self.fails is not None:
            raise self.fails
        return self.text

    def kept(self) -> KeptSecret[str]:
        return KeptSecret(self.read, lambda: self.now)


def test_it_is_read_again_after_five_minutes_and_not_before() -> None:
    vault = Vault()
    kept = vault.kept()
    vault.text = "sk_new"
    vault.now += KEPT_SECONDS
    assert (kept.current(), vault.reads) == ("sk_old", 1)
    vault.now += 0.1
    assert [kept.current() for _ in range(3)] == ["sk_new"] * 3
    assert vault.reads == 2


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: type(failure).__name__)
def test_what_was_read_last_stays_where_it_cannot_be_read_and_is_asked_for_no_oftener(failure: Exception) -> None:
    vault = Vault()
    kept = vault.kept()
    vault.text, vault.fails = "sk_new", failure
    vault.now += KEPT_SECONDS + 1
    assert [kept.current(), kept.current(), kept.instead_of("sk_old")] == ["sk_old", "sk_old", None]
    assert vault.reads == 3
    vault.fails = None
    vault.now += KEPT_SECONDS + 1
    assert kept.current() == "sk_new"


def test_it_is_not_made_of_what_cannot_be_read() -> None:
    for failure in FAILURES:
        with pytest.raises(type(failure)):
            Vault(fails=failure).kept()


def test_one_that_is_refused_is_read_at_once_however_lately_it_was_read() -> None:
    vault = Vault()
    kept = vault.kept()
    vault.text = "sk_new"
    assert kept.instead_of("sk_old") == "sk_new"
    assert (kept.current(), vault.reads) == ("sk_new", 2)


def test_one_that_stays_refused_is_read_once_a_minute() -> None:
    vault = Vault()
    kept = vault.kept()
    assert [kept.instead_of("sk_old") for _ in range(100)] == [None] * 100
    vault.now += REFUSED_SECONDS - 1
    assert (kept.instead_of("sk_old"), vault.reads) == (None, 2)
    vault.text = "sk_new"
    vault.now += 1
    assert (kept.instead_of("sk_old"), vault.reads) == ("sk_new", 3)


def test_what_was_refused_before_it_was_replaced_is_not_read_for() -> None:
    """Its answer came late: another request has brought the new one already."""
    vault = Vault(text="sk_new")
    assert (vault.kept().instead_of("sk_old"), vault.reads) == ("sk_new", 1)


def test_threads_that_are_refused_together_all_go_on_with_one_reading() -> None:
    vault = Vault()
    kept = vault.kept()
    vault.text = "sk_new"
    together = Barrier(8)

    def refused(_: int) -> str | None:
        together.wait()
        return kept.instead_of("sk_old")

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(refused, range(8))) == ["sk_new"] * 8
    assert vault.reads == 2


def test_threads_that_find_it_old_together_read_it_once_and_whoever_asks_meanwhile_does_not_wait() -> None:
    vault = Vault()
    kept = vault.kept()
    vault.now += KEPT_SECONDS + 1
    vault.text = "sk_new"
    meanwhile: list[str] = []
    vault.while_reading = lambda: meanwhile.append(kept.current())
    together = Barrier(8)

    def asks(_: int) -> str:
        together.wait()
        return kept.current()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(asks, range(8))) <= {"sk_old", "sk_new"}
    assert (meanwhile, kept.current(), vault.reads) == (["sk_old"], "sk_new", 2)


@pytest.mark.parametrize("text", ["", "sk_live_a\nsk_live_b", "sk live", "ключ", '{"key": "sk_live_a"}'])
def test_what_cannot_be_a_key_takes_the_place_of_none(text: str) -> None:
    vault = Vault()
    kept = KeptSecret(lambda: parse_api_key(vault.read()), lambda: vault.now)
    vault.text = text
    vault.now += KEPT_SECONDS + 1
    assert kept.current() == "sk_old"
