"""What people may type: one line of text in any script, and addresses of mail. For the API and for pages alike."""

import re
from typing import Final

MAX_NAME_CHARACTERS: Final = 200
MAX_SHORT_TEXT_CHARACTERS: Final = 60
MAX_EMAIL_CHARACTERS: Final = 254

# JSON can escape one half of a surrogate pair, which is no text that a table could keep, and the code points of which
# Unicode has made no characters, which nobody can read and neither XML nor a queue carries.
NO_CHARACTER: Final = re.compile(
    "[\\ud800-\\udfff\\ufdd0-\\ufdef"
    + "".join(chr(plane << 16 | end) for plane in range(17) for end in (0xFFFE, 0xFFFF))
    + "]"
)
EDGE: Final = r"[^\s\x00-\x1f\x7f-\x9f]"
"""How a line begins and ends."""
INNER: Final = r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]"
_HOST: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62}\.){1,8}[A-Za-z][A-Za-z0-9-]{1,62}"
EMAIL: Final = rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_HOST}"


def line(max_characters: int) -> str:
    """One line of text that neither begins nor ends with a space and holds no control characters and line breaks."""
    return f"{EDGE}(?:{INNER}{{0,{max_characters - 2}}}{EDGE})?"


def is_line(text: str, max_characters: int) -> bool:
    return re.fullmatch(line(max_characters), text) is not None and NO_CHARACTER.search(text) is None


def is_email(text: str) -> bool:
    return len(text) <= MAX_EMAIL_CHARACTERS and re.fullmatch(EMAIL, text) is not None
