"""The page at / in a real browser: what its script does, what its policy stops, and what other sites cannot do."""

from __future__ import annotations

import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from tests.playground.chromium import chromium, scheme, stranger
from tests.playground.conftest import Clock
from tests.playground.serving import serving
from tests.seeds.printed import HS256, STATIC

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def url():
    """A playground."""
    with serving(Clock()) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A browser with a profile of its own."""
    with chromium(tmp_path_factory.mktemp("chromium")) as opened:
        yield opened


def answer(browser, name):
    """Send one form of the page, and give the status line and the JSON that appear below it."""
    browser.find_element(By.CSS_SELECTOR, f"#{name} button").click()
    shown = f"#{name} output strong"
    WebDriverWait(browser, 10).until(lambda b: b.find_elements(By.CSS_SELECTOR, shown))
    body = browser.find_element(By.CSS_SELECTOR, f"#{name} output pre").text
    return browser.find_element(By.CSS_SELECTOR, shown).text, json.loads(body)


def secrets(browser, url):
    """The secrets of this browser's sandbox."""
    browser.get(f"{url}/get-secrets")
    return json.loads(browser.find_element(By.TAG_NAME, "body").text.partition("{")[2].join(["{", ""]))


def test_the_page_walks_the_tutorial(browser, url):
    """Setting the printed secrets, building and parsing by its own buttons give the printed token and claims."""
    browser.get(url)
    assert answer(browser, "set-secrets")[1]["HS256"] == HS256
    assert answer(browser, "static-builder") == ("200 OK", {"jwt": STATIC.token, "status": "SUCCESS"})
    assert answer(browser, "parser")[1]["jws"]["body"] == STATIC.claims
    status, refused = answer(browser, "dynamic-builder-specific")
    assert (status, refused["exceptionType"]) == ("400 Bad Request", "io.jsonwebtoken.JwtException")
    logged = [line["message"] for line in browser.get_log("browser") if "400 (Bad Request)" not in line["message"]]
    assert logged == []


def test_the_policy_holds(browser, url):
    """Injected markup is refused by Trusted Types, an inline script does not run, and nothing foreign is reached."""
    browser.get(url)
    refused = browser.execute_script(
        "try { document.body.innerHTML = '<b>x</b>'; return 'taken' } catch (error) { return error.name }"
    )
    assert refused == "TypeError"
    reached = browser.execute_async_script(
        "const done = arguments[0]; fetch('http://127.0.0.1:9/').then(() => done('reached'), () => done('stopped'))"
    )
    assert reached == "stopped"


@pytest.mark.parametrize("name", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 1000])
def test_the_page_fits(browser, url, name, width):
    """At 320 pixels and at 1000, light and dark, nothing is wider than the page, and ink differs from ground."""
    metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    scheme(browser, name)
    try:
        browser.get(url)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        ground, ink = browser.execute_script(
            "const style = getComputedStyle(document.body); return [style.backgroundColor, style.color]"
        )
        dark = [sum(map(int, colour[4:-1].split(","))) < 3 * 128 for colour in (ground, ink)]
        assert dark == ([True, False] if name == "dark" else [False, True])
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_no_other_site_changes_the_secrets(browser, url):
    """A form, a script and a link of another port, another address and another name leave the sandbox as it was."""
    before = secrets(browser, url)
    with stranger() as site:
        for host in ("localhost", "127.0.0.1", "evil.test"):
            for method in ("GET", "POST"):
                site.fetches(f"{url}/refresh-secrets", method)
                browser.get(f"http://{host}:{site.port}/")
                WebDriverWait(browser, 10).until(lambda b: b.title == "done")
            site.posts(f"{url}/refresh-secrets", {})
            browser.get(f"http://{host}:{site.port}/")
            WebDriverWait(browser, 10).until(lambda b: "from another" in b.page_source)
    assert secrets(browser, url) == before


def test_a_name_that_resolves_here_reaches_nothing(browser, url):
    """A page of another name that is pointed at this machine gets no secrets: its Host is not ours."""
    browser.get(url.replace("localhost", "rebound.test") + "/get-secrets")
    assert "names another server" in browser.page_source
