"""A real Chromium without a window, and pages of other origins for it to meet."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.service import Service

NAMES = "MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1"
WORDS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--no-proxy-server"),
    *("--window-size=1000,1000", "--hide-scrollbars", f"--host-resolver-rules={NAMES}"),
)


@contextmanager
def chromium(folder: Path) -> Iterator[webdriver.Chrome]:
    """Start a browser with a fresh profile that reaches nothing but this machine."""
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("Chromium is not installed: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for word in (*WORDS, f"--user-data-dir={folder / 'profile'}"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    try:
        opened.set_page_load_timeout(30)
        yield opened
    finally:
        opened.quit()


def scheme(browser: webdriver.Chrome, name: str) -> None:
    """Have pages believe that the person prefers light or dark."""
    features = [{"name": "prefers-color-scheme", "value": name}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


class Stranger:
    """A site of another origin, whose page posts a form to an address of its choice as soon as it is opened."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.page = ""

    def posts(self, action: str, fields: dict[str, str]) -> None:
        """Lay the trap."""
        inputs = "".join(f'<input name="{escape(n)}" value="{escape(v)}">' for n, v in fields.items())
        form = f'<form method="post" action="{escape(action)}">{inputs}</form>'
        self.page = f"<!doctype html><title>prize</title>{form}<script>document.forms[0].submit()</script>"

    def fetches(self, address: str, method: str, **options: Any) -> None:
        """Lay another: a script asks, with the person's cookies."""
        asked = json.dumps({"method": method, "mode": "no-cors", "credentials": "include", **options})
        script = f"fetch({json.dumps(address)}, {asked}).finally(() => document.title = 'done')"
        self.page = f"<!doctype html><title>prize</title><script>{script}</script>"


@contextmanager
def stranger() -> Iterator[Stranger]:
    """Serve such a site until the block ends; every name of this machine leads to it."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            octets = site.page.encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(octets)))
            self.end_headers()
            self.wfile.write(octets)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        site = Stranger(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield site
        finally:
            server.shutdown()
            thread.join()
