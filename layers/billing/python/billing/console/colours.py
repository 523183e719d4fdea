"""A seller's colour on our pages: text on it, and links in it, can be read whatever colour it is.

Contrast as WCAG 2 reckons it: 4.5 to 1 for text. https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio
"""

from collections.abc import Sequence

Colour = tuple[int, int, int]

_ENOUGH = 4.5
_STEPS = 50
_LINEAR_BELOW = 0.04045
_WHITE: Colour = (255, 255, 255)
_INK: Colour = (20, 24, 31)
_LIGHT_GROUNDS: Sequence[Colour] = (_WHITE, (246, 247, 249))
_DARK_GROUNDS: Sequence[Colour] = ((25, 29, 36), (16, 19, 24))


def brand_rules(colour: str) -> str:
    """The variables of the stylesheet that follow from a colour of six hexadecimal digits."""
    brand = _parse(colour)
    on_brand = _WHITE if contrast(brand, _WHITE) >= contrast(brand, _INK) else _INK
    button = _readable(brand, (on_brand,), towards=_INK if on_brand == _WHITE else _WHITE)
    light = _readable(brand, _LIGHT_GROUNDS, towards=_INK)
    dark = _readable(brand, _DARK_GROUNDS, towards=_WHITE)
    links = f"light-dark({_text(light)},{_text(dark)})"
    return f":root{{--brand:{_text(button)};--on-brand:{_text(on_brand)};--link:{links}}}\n"


def contrast(one: Colour, other: Colour) -> float:
    """From 1 for the same colour to 21 for black on white."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _readable(colour: Colour, grounds: Sequence[Colour], *, towards: Colour) -> Colour:
    """The colour, moved as little as can be, so that it can be read on each of the grounds."""
    for step in range(_STEPS + 1):
        red, green, blue = (round(own + (end - own) * step / _STEPS) for own, end in zip(colour, towards, strict=True))
        if all(contrast((red, green, blue), ground) >= _ENOUGH for ground in grounds):
            return red, green, blue
    return towards


def _luminance(colour: Colour) -> float:
    red, green, blue = (
        part / 12.92 if part <= _LINEAR_BELOW else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _parse(colour: str) -> Colour:
    red, green, blue = bytes.fromhex(colour)
    return red, green, blue


def _text(colour: Colour) -> str:
    return "#" + bytes(colour).hex()
