"""The form in a real browser: fresh, expired, replayed, from other sites, in two tabs, and with the back button."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.playground.chromium import chromium, stranger
from tests.playground.conftest import Clock
from tests.playground.serving import serving

pytestmark = pytest.mark.slow

CLOCK = Clock()


@pytest.fixture(scope="module")
def page():
    """The address of the form."""
    with serving(CLOCK) as address:
        yield f"{address}/jwt-csrf-form"


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """A browser with a profile of its own."""
    with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest.fixture
def browser(opened, page):
    """The browser with a fresh form before it."""
    opened.get(page)
    return opened


def click(browser):
    """Press the button, and wait for what comes."""
    button = browser.find_element(By.CSS_SELECTOR, "input[type=submit]")
    browser.execute_script("document.documentElement.dataset.old = 'yes'")
    button.click()
    return outcome(browser)


def outcome(browser):
    """What the page that comes says: its first heading below the title, or its text where there is none."""
    gone = "return document.readyState == 'complete' && document.documentElement.dataset.old === undefined"
    WebDriverWait(browser, 10).until(lambda b: b.execute_script(gone))
    found = browser.find_elements(By.CSS_SELECTOR, ".verdict h2")
    return found[0].text if found else browser.find_element(By.TAG_NAME, "body").text.strip()


def token(browser):
    """The token in the page."""
    return browser.find_element(By.NAME, "_csrf").get_attribute("value")


SENT = "Sent."
EXPIRED = "This form expired. Nothing was changed."
USED = "This form was sent before. Nothing was changed again."
REFUSED = "This request was refused."


def test_a_fresh_form_is_taken(browser):
    """A click within the thirty seconds is taken, and the browser has nothing to complain about."""
    browser.get_log("browser")
    assert click(browser) == SENT
    assert browser.get_log("browser") == []


def test_an_expired_form_is_shown_anew(browser):
    """A click after thirty seconds changes nothing and shows the form again, which then works."""
    CLOCK.now += 31
    assert click(browser) == EXPIRED
    assert click(browser) == SENT


def test_a_reload_of_the_answer_is_a_replay(browser):
    """Reloading the page that came sends the form a second time, which changes nothing."""
    assert click(browser) == SENT
    browser.execute_script("document.documentElement.dataset.old = 'yes'")
    browser.execute_cdp_cmd("Page.reload", {})
    assert outcome(browser) == USED
    assert click(browser) == SENT


def test_a_double_click_is_one(browser):
    """Two sends of one form, one behind the other, are taken once."""
    used = token(browser)
    assert click(browser) == SENT
    browser.execute_script("document.getElementsByName('_csrf')[0].value = arguments[0]", used)
    assert click(browser) == USED


def test_two_tabs_do_not_disturb_each_other(browser, page):
    """Each tab's form has a token of its own, and both are taken, the older one last."""
    first = browser.current_window_handle
    browser.switch_to.new_window("tab")
    try:
        browser.get(page)
        assert click(browser) == SENT
    finally:
        browser.close()
        browser.switch_to.window(first)
    assert click(browser) == SENT


def test_the_back_button_sends_nothing_twice(browser):
    """Behind the answer lies the form: one whose token was used says so, and one that was fetched anew is taken."""
    used = token(browser)
    assert click(browser) == SENT
    browser.back()
    WebDriverWait(browser, 10).until(lambda b: not b.find_elements(By.CSS_SELECTOR, ".verdict"))
    kept = token(browser) == used
    assert click(browser) == (USED if kept else SENT)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "evil.test"])
@pytest.mark.parametrize("state", ["fresh", "expired", "used"])
def test_another_site_gets_nothing(browser, page, host, state):
    """A page of another port, address or name that posts this person's own token gets a bare refusal."""
    stolen = token(browser)
    if state == "used":
        assert click(browser) == SENT
    if state == "expired":
        CLOCK.now += 31
    with stranger() as site:
        site.posts(page, {"_csrf": stolen})
        browser.get(f"http://{host}:{site.port}/")
        WebDriverWait(browser, 10).until(lambda b: b.current_url == page)
        assert outcome(browser) == REFUSED
        assert browser.find_elements(By.TAG_NAME, "form") == []


def test_another_site_cannot_frame_the_form(browser, page):
    """A page of another origin that puts the form into a frame, to have it clicked unseen, shows nothing."""
    with stranger() as site:
        site.page = f"<!doctype html><title>prize</title><iframe src='{page}'></iframe>"
        browser.get(f"http://localhost:{site.port}/")
        browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
        assert browser.find_elements(By.TAG_NAME, "form") == []
        browser.switch_to.default_content()
