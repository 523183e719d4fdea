"""A real browser: the system's Chromium. Where there is none, these tests are skipped, and the summary says so."""

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.serving import Served, serving
from tests.paying_account import Paying

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_MISSING = "NO BROWSER: install Chromium (Debian: apt-get install chromium) to test the console's pages"
TIMEOUT_MS = 15_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(_MISSING)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def served(paying: Paying) -> Iterator[Served]:
    with serving(paying) as console:
        yield console


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A window of its own, without scripts of the console's: it has none, and needs none."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, locale="en-GB")
    context.set_default_timeout(TIMEOUT_MS)
    yield context.new_page()
    context.close()
