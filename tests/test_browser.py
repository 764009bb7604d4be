"""A person with a browser: signs in, finds a receipt, in both languages, on a desk and a phone."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.hashers import make_password
from django.utils.timezone import now

from merchants.actions.people import add_person
from merchants.models import Merchant, ProviderAccount
from merchants.sync import run_sync
from portal.embedded import ROOT
from providers.base.sandbox import wait_for
from tests.conftest import PROVE, QUICK, environment
from tests.test_pages import urls

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium (apt install chromium)"),
]
# Where «make shots» wants its pictures.
SHOTS = os.environ.get("SHOTS", "")
PASSWORD = "a long enough one 7"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
LOOKS = [
    (language, width, scheme)
    for language in ("en", "ar")
    for width in (1440, 390)
    for scheme in ("light", "dark")
]


@pytest.fixture
def shop(committed: None, play: Any) -> ProviderAccount:
    merchant = Merchant.objects.create(slug="acme", name="Acme Coffee", name_ar="قهوة")
    member = add_person(email="alice@acme.test", merchant=merchant, role="OWNER", name="Alice")
    member.user.password = make_password(PASSWORD, hasher="pbkdf2_sha256")
    member.user.save()
    # Up to now, which is what the home page speaks of.
    rows = 6000 if SHOTS else 600
    account: ProviderAccount = play(transactions=rows, now=now()).connect(merchant)
    run_sync(account.pk, limits=QUICK)
    return account


@pytest.fixture
def served(shop: ProviderAccount) -> Iterator[str]:
    """The portal over real HTTP, in a process of its own."""
    with socket.socket() as door:
        door.bind(("127.0.0.1", 0))
        port = door.getsockname()[1]
    words = [sys.executable, "-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{port}"]
    words += ["--threads", "4", "--log-level", "error"]
    # DEBUG serves the static files as they are, over plain http.
    process = subprocess.Popen(words, env=environment() | {"DEBUG": "1"}, cwd=ROOT)
    try:
        assert wait_for(port)
        yield f"http://localhost:{port}"
    finally:
        process.terminate()
        process.wait(20)


def _listen(page: Any) -> list[str]:
    """What the page complains of: violations of the policy, errors of scripts, lost files."""
    wrong: list[str] = []
    page.on("console", lambda said: wrong.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda problem: wrong.append(str(problem)))
    return wrong


def test_every_page_in_every_look(served: str, shop: ProviderAccount) -> None:
    """No violation of the policy, no error, nothing wider than the screen, no finding of axe."""
    from axe_playwright_python.sync_playwright import Axe
    from playwright.sync_api import sync_playwright

    pages = urls(shop)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--disk-cache-dir={folder}"]
        )
        for language, width, scheme in LOOKS if PROVE else [LOOKS[0], LOOKS[3], LOOKS[5], LOOKS[6]]:
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            context.add_cookies([{"name": "language", "value": language, "url": served}])
            page = context.new_page()
            wrong = _listen(page)
            page.goto(f"{served}/transactions/")
            page.fill("[name=username]", "alice@acme.test")
            page.fill("[name=password]", PASSWORD)
            page.keyboard.press("Enter")
            page.wait_for_url(f"{served}/transactions/")
            for name, url in pages.items():
                if name == "progress":
                    continue
                page.goto(served + url)
                page.wait_for_load_state("networkidle")
                wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, (name, language, width, wide)
                found = Axe().run(page).response["violations"]
                grave = [each["id"] for each in found if each["impact"] in ("serious", "critical")]
                assert grave == [], (name, language, width, scheme, grave)
                if SHOTS:
                    file = f"{SHOTS}/{name}.{language}.{scheme}.{width}.png"
                    page.screenshot(path=file, full_page=True)
            assert wrong == [], (language, width, scheme)
            context.close()
        browser.close()
