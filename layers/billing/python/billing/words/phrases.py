"""Sentences by code, in every language that there is: whole, or the module that holds them cannot be imported.

A sentence names its facts as `$name`. All languages name the same facts, so that none says less than another.
"""

from collections.abc import Collection, Mapping
from string import Template
from typing import Generic, TypeVar

from billing.domain.account import LANGUAGES
from billing.domain.complete import complete

Code = TypeVar("Code", bound=str)


class Phrases(Generic[Code]):
    """What is said of each of `codes`: `Phrases(codes, en={...}, ar={...})`.

    Raises TypeError where a language lacks a code, has one too many, or names other facts than English does.
    """

    def __init__(self, codes: Collection[Code], **by_language: Mapping[Code, str]) -> None:
        self._sentences = complete(
            {language: complete(said, codes) for language, said in by_language.items()}, LANGUAGES
        )
        for language, said in self._sentences.items():
            others = sorted(code for code in codes if facts_in(said[code]) != self.facts(code))
            if others:
                raise TypeError(f"{language} names other facts than English does: {others}")

    def facts(self, code: Code) -> frozenset[str]:
        """The facts that a sentence names."""
        return facts_in(self._sentences["en"][code])

    def say(self, language: str, code: Code, **facts: str) -> str:
        """The sentence, with its facts as they are shown. Raises KeyError for a fact that it names and is not given."""
        return Template(self._sentences[language][code]).substitute(facts)

    def knows(self, code: str) -> bool:
        return code in self._sentences["en"]


def facts_in(sentence: str) -> frozenset[str]:
    return frozenset(Template(sentence).get_identifiers())
