"""Files for a spreadsheet: CSV as RFC 4180 has it, in UTF-8 with the mark by which Excel knows it, without formulas."""

import csv
import gzip
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

from billing.web.http import RequestRefused
from billing.web.routing import Call, File

CSV: Final = "text/csv"

MOST_LINES: Final = 25_000
"""Of a file, without its heading. Compressed that is about a megabyte, of the six that a Lambda may answer."""

_MOST_PLAIN_BYTES: Final = 4_000_000
"""In base64, as the gateway wants them, a third more: what a Lambda may answer that is not compressed."""
_MARK: Final = b"\xef\xbb\xbf"
_FAST: Final = 6
# A spreadsheet takes a cell that begins with one of these for a formula (OWASP, "CSV Injection"). A number is none.
_FORMULA: Final = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)


def csv_file(
    call: Call, name: str, columns: Sequence[str], rows: Iterable[Sequence[str]], *, more: str | None = None
) -> File:
    """Rows under their headings, compressed where the caller takes that. `more` is where the rest is, if there is any.

    Raises `gzip_required` where it is too large to be answered as it is.
    """
    content = csv_of(columns, rows)
    headers = {"vary": "accept-encoding"}
    if call.takes_gzip:
        # Without the moment of compressing: the same rows are the same file.
        content = gzip.compress(content, _FAST, mtime=0)
        headers["content-encoding"] = "gzip"
    elif len(content) > _MOST_PLAIN_BYTES:
        raise RequestRefused(
            "gzip_required",
            "so large a file is sent compressed only: send Accept-Encoding: gzip",
            field="accept-encoding",
        )
    if more is not None:
        headers["link"] = f'<{more}>; rel="next"'
    return File(content, f"{CSV}; charset=utf-8", f"{name}.csv", headers)


def csv_of(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([harmless(cell) for cell in row] for row in rows)
    return _MARK + text.getvalue().encode()


def harmless(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) and not _NUMBER.fullmatch(cell) else cell
