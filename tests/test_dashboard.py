"""`hygge dashboard`: the page in a real browser, the server behind it, the report as one file."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from projects import HYGGE, hygge, write_project

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
NASTY = "<script>alert(1)"
WITHOUT_NETWORK = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A project in which one flow was moved twice and another one failed."""
    root = write_project(
        tmp_path / "shop",
        {
            "hygge.yml": "name: shop\n",
            "homes/files.yml": "type: csv\npath: in\n",
            "stores/lake.yml": "type: parquet\npath: lake\n",
            "flows/users.yml": "home: files\nstore: lake\nfreshness: 24h\n",
            "flows/orders.yml": "home: files\nstore: lake\nafter: users\n",
            "in/users.csv": f'id,"{NASTY}"\n1,a\n2,b\n',
            "in/orders.csv": "id,note\n1,x\n2,y,3\n",
        },
    )
    assert hygge(root, "go", "users").returncode == 0
    assert hygge(root, "go").returncode == 1
    return root


@contextmanager
def served(root: Path, *options: str) -> Iterator[str]:
    """Yield the address that a dashboard printed, with its token."""
    command = [*HYGGE, "dashboard", "--port", "0", *options]
    env = {**os.environ, "NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=root, env=env, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            found = re.search(r"http://\S+", server.stderr.readline())
            assert found is not None
            yield found[0]
        finally:
            server.terminate()


def ask(address: str, path: str, **headers: str) -> tuple[int, Any, str]:
    """Return status, headers and body of a request, without following it anywhere."""
    host = address.split("/")[2]
    connection = http.client.HTTPConnection(host, timeout=30)
    try:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()
    finally:
        connection.close()


def cookie_of(address: str) -> str:
    status, headers, _ = ask(address, "/?" + address.partition("?")[2])
    assert status == 303
    cookie = str(headers["set-cookie"])
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    return cookie.partition(";")[0]


def test_only_who_has_the_token_gets_in(shop: Path) -> None:
    with served(shop) as address, served(shop) as other:
        assert address.startswith("http://127.0.0.1:")
        cookie = cookie_of(address)
        assert "shop" not in ask(address, "/")[2]
        for path in ("/", "/flows/users", "/runs/x", "/events", "/?token=wrong"):
            assert ask(address, path)[0] == 403
        assert ask(other, "/", Cookie=cookie)[0] == 403
        assert ask(address, "/", Cookie=cookie, Host="rebound.example:80")[0] == 421
        status, headers, text = ask(address, "/", Cookie=cookie)
        assert status == 200
        policy = headers["content-security-policy"]
        (nonce,) = set(re.findall(r"nonce-([\w-]+)", policy))
        assert "default-src 'none'" in policy
        assert f'<script nonce="{nonce}">' in text
        assert ask(address, "/", Cookie=cookie)[1]["content-security-policy"] != policy


def test_each_page_shows_what_its_command_shows(shop: Path) -> None:
    run = hygge(shop, "history", "--json", "--failed").stdout
    run_id = re.findall(r'"run_id": "(\w+)"', run)[0]
    with served(shop) as address:
        cookie = cookie_of(address)
        overview = ask(address, "/", Cookie=cookie)[2]
        flow = ask(address, "/flows/users", Cookie=cookie)[2]
        failed = ask(address, f"/runs/{run_id}", Cookie=cookie)[2]
        assert [ask(address, path, Cookie=cookie)[0] for path in ("/flows/no", "/runs/0")] == [
            404,
            404,
        ]
    assert "/flows/users" in overview
    assert "HG501" in overview
    assert flow.count("receipt: 2 rows") == 2
    assert 'aria-label="rows of 2 runs: newest 2, largest 2"' in flow
    assert "orders.csv, line 3" in failed


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--host", "0.0.0.0"], "needs --token"),
        (["--port", "1", "--host", "240.0.0.1", "--token", "x"], "cannot listen on 240.0.0.1"),
        (["--export", "no/where.html"], "cannot write no/where.html: No such file"),
    ],
)
def test_what_cannot_be_shown_is_refused(shop: Path, options: list[str], said: str) -> None:
    ran = hygge(shop, "dashboard", *options)
    assert ran.returncode == 2
    assert "HG235" in ran.stderr
    assert said in ran.stderr


def test_the_report_is_one_file_without_addresses(shop: Path) -> None:
    assert hygge(shop, "dashboard", "--export", "report.html").stdout == "wrote report.html\n"
    text = (shop / "report.html").read_text("utf-8")
    assert not re.findall(r"https?://", text)
    links = re.findall(r'(?:href|src)="([^"]*)"', text)
    assert {link[0] for link in links if link != "data:,"} == {"#"}
    assert {link[1:] for link in links if link[0] == "#"} <= set(re.findall(r'id="([^"]*)"', text))
    assert "<script" not in text
    assert "<td>&lt;script&gt;alert(1)</td>" in text
    assert [path.name for path in shop.glob("*.part")] == []


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    if not CHROMIUM or not CHROMEDRIVER:
        pytest.skip("chromium is not installed on this machine; .ci/run installs it where it may")
    selenium = pytest.importorskip("selenium.webdriver")
    options = selenium.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in WITHOUT_NETWORK:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = selenium.Chrome(options, selenium.ChromeService(CHROMEDRIVER))
    yield driver
    driver.quit()


def until(browser: Any, holds: Callable[[Any], Any]) -> Any:  # noqa: ANN401
    from selenium.webdriver.support.ui import WebDriverWait

    return WebDriverWait(browser, 60).until(holds)


def test_the_pages_work_in_a_browser(shop: Path, browser: Any) -> None:  # noqa: ANN401
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    with served(shop) as address:
        browser.set_window_size(500, 900)
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": 400, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        browser.get(address)
        assert "token" not in browser.current_url
        width = "return document.documentElement.scrollWidth"
        assert browser.execute_script(width) <= 400
        browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
        assert browser.switch_to.active_element.text == "Skip to the content"
        browser.find_element(By.LINK_TEXT, "users").click()
        bars = until(browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".plot rect"))
        assert len(bars) == 6
        assert all(bar.size["height"] > 0 for bar in bars)
        assert browser.execute_script(width) <= 400
        browser.find_element(By.CSS_SELECTOR, "summary").click()
        shown = browser.find_element(By.CSS_SELECTOR, "details[open]").get_attribute("id")
        assert hygge(shop, "go", "users").returncode == 0
        until(browser, lambda page: len(page.find_elements(By.CSS_SELECTOR, ".plot rect")) == 9)
        assert browser.find_element(By.ID, shown).get_attribute("open") is not None
        browser.find_element(By.CSS_SELECTOR, "td a").click()
        assert until(
            browser, lambda page: page.find_elements(By.CSS_SELECTOR, ".bars rect.committed")
        )
        assert browser.execute_script(width) <= 400
        assert [line["message"] for line in browser.get_log("browser")] == []
