"""What leaves the house: one POST, to the very address that was checked, with little patience."""

import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from billing.runtime.webhook_sender import WebhookSender
from tests.patience import WITHIN_SECONDS
from tests.webhook_receiver import Receiver, running_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


@pytest.fixture
def secure_receiver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """A receiver over TLS, whose certificate this process trusts."""
    certificate = tmp_path / "receiver.pem"
    certificate.write_bytes(_certificate_and_key())
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with running_receiver(certificate) as running:
        yield running


def _certificate_and_key() -> bytes:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, SHA256())
    )
    return certificate.public_bytes(Encoding.PEM) + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def patient() -> WebhookSender:
    """A sender that a slow machine does not make give up."""
    return WebhookSender(local=True, time_limit_seconds=WITHIN_SECONDS)


def test_a_body_and_its_headers_arrive_as_they_are(receiver: Receiver) -> None:
    answer = patient().post(f"{receiver.url}?tenant=1", {"webhook-id": "evt_1"}, '{"a":"é"}')
    assert (answer.status, answer.error) == (200, None)
    ((path, headers, body),) = receiver.received
    assert path == "/hooks/billing?tenant=1"
    assert headers["webhook-id"] == "evt_1"
    assert body == '{"a":"é"}'


def test_over_tls_a_body_arrives_where_the_certificate_is_trusted(secure_receiver: Receiver) -> None:
    answer = patient().post(secure_receiver.url, {}, "{}")
    assert (answer.status, answer.error, len(secure_receiver.received)) == (200, None, 1)


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_anything_but_a_2xx_is_no_acceptance(receiver: Receiver, status: int) -> None:
    receiver.status = status
    answer = patient().post(receiver.url, {}, "{}")
    assert (answer.status, answer.accepted) == (status, False)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(receiver: Receiver, status: int) -> None:
    with running_receiver() as elsewhere:
        receiver.status, receiver.location = status, elsewhere.url
        assert not WebhookSender(local=True).post(receiver.url, {}, "{}").accepted
        assert elsewhere.received == []


def test_a_server_that_answers_a_byte_at_a_time_is_cut_off(receiver: Receiver) -> None:
    receiver.drip_seconds = 0.05
    started = time.monotonic()
    answer = WebhookSender(local=True, time_limit_seconds=0.4).post(receiver.url, {}, "{}")
    assert not answer.accepted
    assert time.monotonic() - started < WITHIN_SECONDS, "as long as it dripped"


def test_a_server_that_answers_a_byte_at_a_time_over_tls_is_cut_off(secure_receiver: Receiver) -> None:
    secure_receiver.drip_seconds = 0.05
    started = time.monotonic()
    answer = WebhookSender(local=True, time_limit_seconds=0.4).post(secure_receiver.url, {}, "{}")
    assert not answer.accepted
    assert time.monotonic() - started < WITHIN_SECONDS, "as long as it dripped"


def test_a_server_that_never_answers_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        answer = WebhookSender(local=True, time_limit_seconds=0.3).post(url, {}, "{}")
    assert not answer.accepted


def test_a_server_that_is_not_there_is_a_failure_and_no_exception() -> None:
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))  # it keeps the port from others, and does not listen
        answer = WebhookSender(local=True).post(f"http://127.0.0.1:{deaf.getsockname()[1]}/", {}, "{}")
    assert answer.error is not None
    assert not answer.final


def test_a_certificate_that_nobody_vouches_for_is_refused(receiver: Receiver) -> None:
    answer = WebhookSender(local=True).post(receiver.url.replace("http:", "https:"), {}, "{}")
    assert not answer.accepted
    assert receiver.received == []


@pytest.mark.parametrize("found", ["127.0.0.1", "10.0.0.7", "169.254.169.254", "::1", "::ffff:127.0.0.1"])
def test_a_name_that_stands_for_an_inner_address_is_refused_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch, found: str
) -> None:
    family = socket.AF_INET6 if ":" in found else socket.AF_INET
    answers: list[Any] = [
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443)),
        (family, socket.SOCK_STREAM, 6, "", (found, 443)),
    ]
    connected: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    monkeypatch.setattr(socket, "create_connection", lambda *arguments, **_: connected.append(arguments))
    answer = WebhookSender(local=False).post("https://rebound.example/hook", {}, "{}")
    assert answer.error == "refused: rebound.example is not on the internet"
    assert connected == []


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    lookups = [[(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("93.184.215.14", 443))]]
    connected: list[Any] = []

    def connect(address: Any, **_: object) -> socket.socket:
        connected.append(address)
        raise ConnectionRefusedError

    # A second look-up would find nothing and fail: the name is resolved once.
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: lookups.pop())
    monkeypatch.setattr(socket, "create_connection", connect)
    assert not WebhookSender(local=False).post("https://platform.example/hook", {}, "{}").accepted
    assert connected == [("93.184.215.14", 443)]


def test_outside_of_one_machine_plain_http_is_refused(receiver: Receiver) -> None:
    assert not WebhookSender(local=False).post(receiver.url, {}, "{}").accepted
    assert receiver.received == []
