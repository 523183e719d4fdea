"""What leaves the house: one POST, to the very address that was checked, with little patience."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from billing.runtime.webhook_sender import WebhookSender
from tests.webhook_receiver import Receiver, running_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with running_receiver() as running:
        yield running


def test_a_body_and_its_headers_arrive_as_they_are(receiver: Receiver) -> None:
    answer = WebhookSender(local=True).post(f"{receiver.url}?tenant=1", {"webhook-id": "evt_1"}, '{"a":"é"}')
    assert (answer.status, answer.error) == (200, None)
    ((path, headers, body),) = receiver.received
    assert path == "/hooks/billing?tenant=1"
    assert headers["webhook-id"] == "evt_1"
    assert body == '{"a":"é"}'


@pytest.mark.parametrize("status", [400, 404, 410, 429, 500, 503])
def test_anything_but_a_2xx_is_no_acceptance(receiver: Receiver, status: int) -> None:
    receiver.status = status
    answer = WebhookSender(local=True).post(receiver.url, {}, "{}")
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
    assert time.monotonic() - started < 3


def test_a_server_that_never_answers_is_cut_off() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        answer = WebhookSender(local=True, time_limit_seconds=0.3).post(url, {}, "{}")
    assert not answer.accepted


def test_a_server_that_is_not_there_is_a_failure_and_no_exception() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    answer = WebhookSender(local=True).post(f"http://127.0.0.1:{port}/", {}, "{}")
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
