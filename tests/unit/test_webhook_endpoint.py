"""Webhook endpoints: which addresses may be spoken to, what is signed, and when one is given up."""

from datetime import UTC, datetime, timedelta

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from billing.domain.errors import InvalidValue
from billing.domain.webhook_endpoint import (
    WebhookEndpoint,
    check_url,
    is_public,
    require_allowed_url,
    secret_text,
    sign,
)
from tests.builders import NOW

SECRET = secret_text(bytes(range(32)))
OTHER = secret_text(bytes(32))
BODY = '{"type":"account.paused"}'


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104  (an address to refuse)
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.0.1",
        "198.18.0.1",
        "203.0.113.7",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1",
        "fe80::1%eth0",
        "fc00::1",
        "fec0::1",
        "fd00:ec2::254",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "64:ff9b::10.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)
def test_an_address_that_is_not_the_internets_is_refused(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"]
)
def test_an_address_of_the_internet_is_taken(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://platform.example/hook",
        "ftp://platform.example/hook",
        "platform.example/hook",
        "https://",
        "https:///hook",
        "https://user:secret@platform.example/",
        "https://platform.example/#part",
        "https://platform.example:0/",
        "https://platform.example:99999/",
        "https://platform.example/with space",
        "https://platform.example/\n",
        "https://plätze.example/",
        "https://localhost/",
        "https://db.localhost./",
        "https://printer.local/",
        "https://metadata.google.internal/",
        "https://database/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://127.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[fd00::1]/",
        "https://[::1/",
        "https://169.254.169.254/latest/meta-data",
        f"https://platform.example/{'a' * 1000}",
        "https://platform.example/<id>",
        "https://platform.example/%zz",
        "https://^K<e",
    ],
)
def test_an_endpoint_is_https_on_the_internet(url: str) -> None:
    with pytest.raises(InvalidValue):
        check_url(url, local=False)


@pytest.mark.parametrize(
    "url", ["https://platform.example/hook?tenant=1", "https://hooks.platform.example:8443/", "https://1.1.1.1/"]
)
def test_an_https_address_is_taken(url: str) -> None:
    assert check_url(url, local=False) == url


def test_an_endpoint_that_a_former_release_took_is_still_spoken_to() -> None:
    assert require_allowed_url("https://platform.example/hook?for={tenant}", local=False)


def test_on_one_machine_http_and_loopback_are_taken() -> None:
    assert check_url("http://127.0.0.1:9000/hook", local=True)


def test_a_signature_satisfies_the_specifications_own_verifier() -> None:
    timestamp = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign([SECRET], "evt_1", timestamp, BODY),
    }
    assert Webhook(SECRET).verify(BODY, headers) == {"type": "account.paused"}
    for altered in (BODY + " ", BODY.replace("paused", "locked")):
        with pytest.raises(WebhookVerificationError):
            Webhook(SECRET).verify(altered, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, headers)


def test_while_a_secret_is_rotated_both_verify() -> None:
    timestamp = int(datetime.now(UTC).timestamp())
    headers = {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign([SECRET, OTHER], "evt_1", timestamp, BODY),
    }
    assert Webhook(SECRET).verify(BODY, headers) == Webhook(OTHER).verify(BODY, headers)


def endpoint(failing_since: datetime | None = None) -> WebhookEndpoint:
    return WebhookEndpoint("we_1", "https://platform.example/", (), "", NOW, failing_since=failing_since)


def test_an_endpoint_that_has_failed_for_three_days_is_disabled_with_a_reason() -> None:
    before = endpoint(failing_since=NOW - timedelta(days=3))
    after = before.after_attempt(accepted=False, status=500, now=NOW)
    assert not after.enabled
    assert after.disabled_reason == "it has taken nothing for 3 days"


def test_an_endpoint_that_failed_a_moment_less_than_three_days_goes_on() -> None:
    before = endpoint(failing_since=NOW - timedelta(days=3) + timedelta(milliseconds=1))
    assert before.after_attempt(accepted=False, status=None, now=NOW).enabled


def test_one_success_makes_an_endpoint_healthy() -> None:
    before = endpoint(failing_since=NOW - timedelta(days=4))
    assert before.after_attempt(accepted=True, status=200, now=NOW) == endpoint()


def test_an_endpoint_that_says_it_is_gone_is_disabled_at_once() -> None:
    assert not endpoint().after_attempt(accepted=False, status=410, now=NOW).enabled


def test_an_endpoint_hears_what_it_asked_for_or_everything() -> None:
    all_of_them = endpoint()
    some = WebhookEndpoint("we_1", "https://platform.example/", ("account.paused",), "", NOW)
    assert all_of_them.wants("card.expiring")
    assert some.wants("account.paused")
    assert not some.wants("card.expiring")
