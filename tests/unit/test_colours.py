"""A seller's colour: whatever it is, text on it and links in it can be read."""

import re

from hypothesis import given
from hypothesis import strategies as st

from billing.console.colours import _DARK_GROUNDS, _LIGHT_GROUNDS, _parse, brand_rules, contrast

COLOURS = st.integers(0, 0xFFFFFF).map(lambda number: f"{number:06x}")


def test_contrast_is_what_wcag_says() -> None:
    assert contrast((0, 0, 0), (255, 255, 255)) == 21
    assert contrast((1, 2, 3), (1, 2, 3)) == 1
    assert round(contrast(_parse("767676"), (255, 255, 255)), 2) == 4.54


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert brand_rules("1f5fbf").startswith(":root{--brand:#1f5fbf;--on-brand:#ffffff;--link:light-dark(#1f5fbf,#")


@given(COLOURS)
def test_any_colour_can_be_read_in_both_themes(colour: str) -> None:
    brand, on_brand, light, dark = (_parse(each) for each in re.findall("#([0-9a-f]{6})", brand_rules(colour)))
    assert contrast(brand, on_brand) >= 4.5
    assert all(contrast(light, ground) >= 4.5 for ground in _LIGHT_GROUNDS)
    assert all(contrast(dark, ground) >= 4.5 for ground in _DARK_GROUNDS)
