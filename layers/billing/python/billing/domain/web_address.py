"""Web addresses: what is one, wherever people type or configure it."""

import re

from billing.domain.errors import InvalidValue

MAX_URL_CHARACTERS = 1000
WEB_ADDRESS_SAYS = f"must be a web address of at most {MAX_URL_CHARACTERS} characters"


def _ipv6() -> str:
    group = "[0-9A-Fa-f]{1,4}"
    last = rf"(?:{group}:{group}|{_IPV4})"
    shortened = [rf"(?:(?:{group}:){{0,{before}}}{group})?::(?:{group}:){{{4 - before}}}{last}" for before in range(5)]
    return "|".join(
        [
            rf"(?:{group}:){{6}}{last}",
            rf"::(?:{group}:){{5}}{last}",
            *shortened,
            rf"(?:(?:{group}:){{0,5}}{group})?::{group}",
            rf"(?:(?:{group}:){{0,6}}{group})?::",
        ]
    )


_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4 = rf"{_OCTET}(?:\.{_OCTET}){{3}}"
_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
# The last label begins with a letter: 256.1.1.1 is neither an address nor a name.
_NAME = rf"(?:{_LABEL}\.)*[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])?\.?"
_PORT = "(?:6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
_CHARACTER = "(?:[A-Za-z0-9._~!$&'()*+,;=:@/-]|%[0-9A-Fa-f]{2})"
_AFTER_A_QUESTION = _CHARACTER.replace("/-", "/?-")

WEB_ADDRESS = re.compile(
    rf"https?://(?:{_NAME}|{_IPV4}|\[(?:{_ipv6()})\])(?::{_PORT})?"
    rf"(?:/{_CHARACTER}*)?(?:\?{_AFTER_A_QUESTION}*)?(?:#{_AFTER_A_QUESTION}*)?",
    re.ASCII,
)
"""Of http or https, without a user, in the characters of RFC 3986. Its length is another question."""


def check_web_address(text: str, field: str | None = None) -> str:
    """The address. Raises InvalidValue, naming `field`."""
    if len(text) > MAX_URL_CHARACTERS or not WEB_ADDRESS.fullmatch(text):
        raise InvalidValue(WEB_ADDRESS_SAYS, field=field)
    return text
