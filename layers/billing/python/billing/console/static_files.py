"""The stylesheet, the icon, and a seller's colour: each at an address that names its content, to be kept for ever.

A colour is its own address: `/console/brand/1f5fbf.css` has all that follows from it, and reads nothing.
"""

import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from billing.console.answers import maybe_zipped
from billing.console.colours import brand_rules
from billing.web.http import Response

_FOLDER = Path(__file__).parent / "static"
_BRAND = re.compile(r"/console/brand/([0-9a-f]{6})\.css", re.ASCII)
_DIGITS = 10
DEFAULT_COLOUR = "1f5fbf"


@dataclass(frozen=True, slots=True)
class StaticFile:
    address: str
    content: bytes
    content_type: str

    def respond(self, *, zipped: bool) -> Response:
        sent = {
            "cache-control": "public, max-age=31536000, immutable",
            "vary": "accept-encoding",
            "x-content-type-options": "nosniff",
            "cross-origin-resource-policy": "same-origin",
        }
        return maybe_zipped(HTTPStatus.OK, self.content, self.content_type, sent, zipped=zipped)


def _static(name: str, content_type: str) -> StaticFile:
    content = (_FOLDER / name).read_bytes()
    stem, _, end = name.partition(".")
    digest = hashlib.sha256(content).hexdigest()[:_DIGITS]
    return StaticFile(f"/console/static/{stem}.{digest}.{end}", content, content_type)


STYLESHEET = _static("console.css", "text/css; charset=utf-8")
ICON = _static("icon.svg", "image/svg+xml")
_FILES = {file.address: file for file in (STYLESHEET, ICON)}


def brand_address(colour: str | None) -> str:
    return f"/console/brand/{colour or DEFAULT_COLOUR}.css"


def find(path: str) -> StaticFile | None:
    brand = _BRAND.fullmatch(path)
    if brand is None:
        return _FILES.get(path)
    return StaticFile(path, brand_rules(brand[1]).encode(), "text/css; charset=utf-8")
