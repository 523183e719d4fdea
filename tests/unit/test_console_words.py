"""The console's templates: every sentence is one of the words, in every language, and nothing is marked as safe."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import FileSystemLoader, nodes

from billing.console import banner, frame
from billing.console.rendering import TEMPLATES, environment
from billing.words.console_texts import CONSOLE

_SAYING = {"t", "plain", "tag", "amount"}
_PLACE = {"amount": 1}
"""Where a call has the code: the macro of an amount names its field first."""
# Codes that are put together: what is before the part that changes.
_FAMILIES = ("account_", "day_", "card_", "dispute_", "kind_", "status_", "theme_", "refused_", "step_")
PAGES = sorted(path.name for path in TEMPLATES.glob("*.html"))
SOURCES = [*Path(banner.__file__).parent.glob("*.py"), Path(frame.__file__)]


def tree_of(name: str) -> nodes.Template:
    return environment(FileSystemLoader(TEMPLATES)).parse((TEMPLATES / name).read_text())


def said_in(name: str) -> Iterator[str]:
    """The codes that a template says, where it names them."""
    for call in tree_of(name).find_all(nodes.Call):
        called = call.node.attr if isinstance(call.node, nodes.Getattr) else getattr(call.node, "name", "")
        place = _PLACE.get(called, 0)
        if called in _SAYING and len(call.args) > place and isinstance(call.args[place], nodes.Const):
            yield call.args[place].value  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", PAGES)
def test_every_sentence_of_a_page_is_one_that_there_is(name: str) -> None:
    unknown = [code for code in said_in(name) if not CONSOLE.knows(code)]
    assert unknown == []


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_no_words_of_its_own(name: str) -> None:
    """But for marks and signs, all that a person reads comes from the words of their language."""
    texts = [
        data.data
        for output in tree_of(name).find_all(nodes.Output)
        for data in output.nodes
        if isinstance(data, nodes.TemplateData)
    ]
    shown = re.sub(r"<[^>]*>?", " ", "".join(texts))
    without_tags = re.sub(r"[a-z-]+=\"[^\"]*\"?|\"[^\"]*>|[a-z]+>", " ", shown)
    assert re.findall(r"[^\W\d_]{2,}", without_tags) == []


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_taken_for_markup_and_no_style_or_script_is_in_a_page(name: str) -> None:
    text = (TEMPLATES / name).read_text()
    assert not re.search(r"\|\s*safe|autoescape|<script|<style|\sstyle=|\son[a-z]+=|javascript:", text)
    assert not re.search(r"(?:src|href|action)=\"(?:https?:)?//", text)


def test_every_sentence_is_said_somewhere() -> None:
    sources = "\n".join(path.read_text() for path in SOURCES)
    in_code = set(re.findall(r"\"([a-z_]+)\"", sources))
    in_pages = {code for name in PAGES for code in said_in(name)} | set(
        re.findall(r"'([a-z_]+)'", "".join((TEMPLATES / name).read_text() for name in PAGES))
    )
    said = in_code | in_pages
    dead = [
        code
        for code in CONSOLE._sentences["en"]
        if code not in said
        and code.removesuffix("_why") not in said
        and not code.startswith(_FAMILIES)
        and not code.startswith("not_charged")
    ]
    assert dead == []


def test_words_have_no_markup() -> None:
    for said in CONSOLE._sentences.values():
        assert not [each for each in said.values() if set(each) & set("<>&")]
