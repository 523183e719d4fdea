"""Facts inside a sentence or beside a label: each keeps its own direction, whatever the language around it.

An amount or an English address in an Arabic line would else be turned round. Unicode's isolates say that a text is
foreign to what stands around it (UAX #9).
"""

import re

RIGHT_TO_LEFT = frozenset({"ar"})

_ISOLATE, _END_ISOLATE = "\u2068", "\u2069"
_TURNS = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Unicode's embeddings, overrides and isolates. The marks of a direction, which real names have, are not among them."""


def isolate(text: str, language: str) -> str:
    """The text in a direction of its own, as its first letter says. English among English needs no mark."""
    needless = language not in RIGHT_TO_LEFT and text.isascii()
    return text if needless else f"{_ISOLATE}{text}{_END_ISOLATE}"


def one_line(text: str, *, max_characters: int) -> str:
    """Without what would end its isolate, and turn round the words that follow."""
    return " ".join(_TURNS.sub("", text).split())[:max_characters]
