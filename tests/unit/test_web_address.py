"""Web addresses that people type or configure: in the characters of RFC 3986, with a host, and without a user."""

import ipaddress
from dataclasses import replace
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from billing.domain.errors import InvalidValue
from billing.domain.web_address import MAX_URL_CHARACTERS, WEB_ADDRESS, check_web_address
from billing.web.values import ReturnUrl
from infra.stages import DEV, Stage

_RETURN_URL: TypeAdapter[str] = TypeAdapter(ReturnUrl)
_SHORTEST = "https://portal.example/"


@pytest.mark.parametrize(
    "url",
    [
        "https://portal.example",
        "https://portal.example/billing?tab=cards&page=2#history",
        "https://portal.example?paid=1",
        "https://portal.example./",
        "http://localhost",
        "http://localhost:3000/billing",
        "https://1.1.1.1/",
        "https://1.1.1.1.example/",
        "https://[2606:4700::1111]:8443/",
        "https://[::1]/",
        "https://[::ffff:1.1.1.1]/",
        "https://my_portal.example:65535/",
        "https://xn--d-umb6a34e.example/%D8%A7",
        "https://portal.example/a;b=1,2/(c)/*/@me/~x!$'+",
        _SHORTEST + "a" * (MAX_URL_CHARACTERS - len(_SHORTEST)),
    ],
)
def test_a_web_address_is_taken(url: str) -> None:
    assert check_web_address(url) == url
    assert _RETURN_URL.validate_python(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "https://^K<e",
        "https://",
        "https:///billing",
        "https://?x",
        "https://:443/",
        "portal.example/billing",
        "//portal.example/",
        "ftp://portal.example/",
        "javascript://portal.example/%0Aalert(1)",
        "https://user@portal.example/",
        "https://user:secret@portal.example/",
        "https://portal.example:0/",
        "https://portal.example:65536/",
        "https://portal.example:/",
        "https://portal..example/",
        "https://-portal.example/",
        "https://portal-.example/",
        f"https://{'a' * 64}.example/",
        "https://256.1.1.1/",
        "https://1.1.1/",
        "https://2130706433/",
        "https://[1.1.1.1]/",
        "https://[:::1]/",
        "https://[1::2::3]/",
        "https://[::1",
        "https://[fe80::1%25eth0]/",
        "https://portal.example\\@elsewhere.example/",
        "https://portal.example/with space",
        "https://portal.example/{id}",
        'https://portal.example/"',
        "https://portal.example/<b>",
        "https://portal.example/|",
        "https://portal.example/%",
        "https://portal.example/%4",
        "https://portal.example/#a#b",
        "https://portal.example/[1]",
        "https://portal.example/\n",
        "https://portal.example\n",
        "https://łódź.example/",
        "https://portal.example/فواتير",
        _SHORTEST + "a" * (MAX_URL_CHARACTERS - len(_SHORTEST) + 1),
    ],
)
def test_what_is_no_web_address_is_refused_with_its_rule(url: str) -> None:
    with pytest.raises(InvalidValue, match="must be a web address of at most 1000 characters"):
        check_web_address(url)
    with pytest.raises(ValidationError):
        _RETURN_URL.validate_python(url)


@given(address=st.ip_addresses())
def test_every_ip_address_is_a_host(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    host = f"[{address}]" if address.version == 6 else str(address)
    assert check_web_address(f"https://{host}:8443/hook")
    if isinstance(address, ipaddress.IPv6Address):
        assert check_web_address(f"https://[{address.exploded}]/")


@given(url=st.from_regex(WEB_ADDRESS, fullmatch=True))
def test_what_is_taken_is_one_address_to_every_reader(url: str) -> None:
    parts = urlsplit(url)
    assert url.startswith(f"{parts.scheme}://{parts.netloc}{parts.path}")
    assert parts.scheme in {"http", "https"}
    assert parts.hostname
    assert (parts.username, parts.password) == (None, None)
    assert parts.port is None or 1 <= parts.port <= 65535
    if parts.netloc.startswith("["):
        assert ipaddress.IPv6Address(parts.hostname)
    elif parts.hostname.replace(".", "").isdigit():
        assert ipaddress.IPv4Address(parts.hostname)


def stage(name: str, **addresses: str) -> Stage:
    """A stage of another name, whose pages lead elsewhere."""
    return replace(DEV, name=name, **addresses)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["", "Łódź", "dev 2", "dev:2", "2", "d" * 33])
def test_a_stage_has_a_name_that_stripe_takes_in_a_header(name: str) -> None:
    with pytest.raises(InvalidValue, match="must be 1 to 32 small letters"):
        stage(name)


@pytest.mark.parametrize("field", ["return_url", "billing_url"])
def test_a_stage_leads_to_web_addresses(field: str) -> None:
    assert stage("eu-1", **{field: "https://portal.example/billing"}).name == "eu-1"
    for wrong in ("", "portal.example", "javascript:alert(1)", "https://portal.example/my bills"):
        with pytest.raises(InvalidValue) as refused:
            stage("eu-1", **{field: wrong})
        assert refused.value.field == field
