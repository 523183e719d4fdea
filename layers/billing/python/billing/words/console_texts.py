"""What the console says, by code: whole in every language, or it cannot be imported."""

from billing.words.console_arabic import ARABIC
from billing.words.console_english import ENGLISH
from billing.words.phrases import Phrases

CONSOLE = Phrases(ENGLISH, en=ENGLISH, ar=ARABIC)
