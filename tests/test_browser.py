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
from merchants.models import Merchant, Operation, ProviderAccount
from merchants.sync import run_sync
from portal.embedded import ROOT
from providers.base.sandbox import wait_for
from terminals.models import Terminal
from tests.conftest import PROVE, QUICK, environment
from tests.hostile import poison
from tests.test_pages import urls
from transactions.models import Transaction

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
def shop(committed: None, play: Any, request: pytest.FixtureRequest) -> ProviderAccount:
    merchant = Merchant.objects.create(slug="acme", name="Acme Coffee", name_ar="قهوة")
    member = add_person(email="alice@acme.test", merchant=merchant, role="OWNER", name="Alice")
    member.user.password = make_password(PASSWORD, hasher="pbkdf2_sha256")
    member.user.save()
    # Up to now, which is what the home page speaks of.
    rows = 6000 if SHOTS else 600
    nearpay = play(transactions=rows, now=now())
    if request.node.get_closest_marker("poisoned"):
        poison(nearpay.sandbox)
    account: ProviderAccount = nearpay.connect(merchant)
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


@pytest.fixture
def addresses(shop: ProviderAccount) -> dict[str, str]:
    """Asked of the database before a browser's own loop runs in this thread."""
    return urls(shop)


@pytest.fixture
def browser(addresses: dict[str, str]) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        found = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--disk-cache-dir={folder}"]
        )
        yield found
        found.close()


def _tab_to(page: Any, selector: str) -> None:
    """Press Tab until something is reached, as one without a mouse does."""
    for _ in range(150):
        page.keyboard.press("Tab")
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"Tab does not reach {selector}")


def test_signs_in_filters_opens_a_receipt_and_prints_by_keyboard_alone(
    served: str, browser: Any
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    wrong = _listen(page)
    page.add_init_script("window.print = () => { window.printed = true; }")
    page.goto(f"{served}/transactions/")
    _tab_to(page, "[name=login]")
    page.keyboard.type("alice@acme.test")
    _tab_to(page, "[name=password]")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{served}/transactions/")
    _tab_to(page, "[name=status]")
    page.keyboard.type("Declined")
    page.wait_for_url("**/transactions/?*status=DECLINED*")
    page.wait_for_load_state("networkidle")
    shown = page.locator("tbody .stamp").all_inner_texts()
    assert shown, (page.url, page.inner_text("main"))
    assert {text.strip() for text in shown} == {"Declined"}
    _tab_to(page, "a.row")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{served}/transactions/*/")
    assert page.locator("article.paper").count() == 1
    _tab_to(page, "[data-print]")
    page.keyboard.press("Enter")
    assert page.evaluate("window.printed") is True
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "q"
    assert wrong == []


def _sign_in(page: Any, served: str) -> None:
    page.goto(f"{served}/transactions/")
    page.fill("[name=login]", "alice@acme.test")
    page.fill("[name=password]", PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{served}/transactions/")


@pytest.fixture
def sold(shop: ProviderAccount) -> Transaction:
    """A sale that is alone with its number."""
    own = Transaction.objects.filter(account=shop, kind="PURCHASE", status="APPROVED")
    return own.exclude(rrn=None).order_by("-occurred_at")[0]


@pytest.mark.parametrize(("language", "width"), [("en", 1440), ("ar", 390)])
def test_a_receipt_is_found_opened_printed_shared_and_revoked(
    served: str, sold: Transaction, browser: Any, language: str, width: int
) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    context.add_cookies([{"name": "language", "value": language, "url": served}])
    page = context.new_page()
    wrong = _listen(page)
    page.add_init_script("window.print = () => { window.printed = true; }")
    _sign_in(page, served)
    # What was pasted is answered while one looks, and opened by Enter.
    page.keyboard.press("/")
    page.fill("#q", f"RRN {sold.rrn}")
    page.wait_for_selector(f"#found-live a[href='/transactions/{sold.pk}/']")
    assert _grave(page) == []
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{served}/transactions/{sold.pk}/")
    assert str(sold.rrn) in page.inner_text("article.paper")
    page.click("[data-print]")
    assert page.evaluate("window.printed") is True
    page.goto(f"{served}/transactions/{sold.pk}/share/")
    page.click("form.form .primary")
    page.wait_for_selector(".share-made")
    assert _grave(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    link = page.locator(".share-made a").get_attribute("href")
    customer = browser.new_context(viewport={"width": 390, "height": 844}).new_page()
    customer.goto(link)
    assert str(sold.rrn) in customer.inner_text("article.paper")
    assert customer.locator("nav").count() == 0
    assert _grave(customer) == []
    page.goto(f"{served}/transactions/{sold.pk}/share/")
    page.click("td form button")
    page.wait_for_load_state()
    assert customer.goto(link).status == 404
    assert wrong == []


def test_a_list_changes_in_place_and_the_address_with_it(served: str, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    _sign_in(page, served)
    page.evaluate("window.stayed = true")
    page.select_option("[name=status]", "APPROVED")
    page.wait_for_url(f"{served}/transactions/?status=APPROVED")
    page.wait_for_selector(".chip")
    assert page.get_attribute("#download", "href") == (
        "/transactions/?status=APPROVED&download=csv"
    )
    first = page.locator("a.row").first.get_attribute("href")
    page.click(".foot .actions a")
    page.wait_for_url("**/transactions/?*cursor=*")
    page.wait_for_function("first => document.querySelector('a.row').pathname !== first", arg=first)
    # What was pressed is gone with the rows; the new ones have the focus.
    page.wait_for_function("() => document.activeElement.id === 'rows'")
    assert page.evaluate("window.stayed") is True
    page.go_back()
    page.wait_for_url(f"{served}/transactions/?status=APPROVED")
    page.wait_for_load_state("networkidle")
    assert page.locator("a.row").first.get_attribute("href") == first
    assert page.input_value("[name=status]") == "APPROVED"


def test_what_cannot_be_loaded_is_said_in_words_and_what_was_there_stays(
    served: str, browser: Any
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    _sign_in(page, served)
    rows = page.locator("a.row").count()
    page.context.set_offline(True)
    page.click(".foot .actions a")
    page.wait_for_selector("#said:not([hidden])")
    assert "did not answer" in page.inner_text("#said")
    assert page.locator("a.row").count() == rows
    page.context.set_offline(False)
    page.context.clear_cookies()
    page.click(".foot .actions a")
    page.wait_for_selector("#said a")
    assert "You were signed out" in page.inner_text("#said")
    assert page.locator("a.row").count() == rows
    assert page.get_attribute("#said a", "href").startswith("/sign-in/?next=%2Ftransactions%2F")


def test_the_first_visit_to_a_list_is_light_and_asks_no_other_origin(
    served: str, browser: Any
) -> None:
    """Under 400 KB, before any compression."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    _sign_in(page, served)
    sizes: dict[str, int] = {}
    wire = page.context.new_cdp_session(page)
    wire.send("Network.enable")
    wire.send("Network.setCacheDisabled", {"cacheDisabled": True})
    asked: dict[str, str] = {}
    wire.on(
        "Network.requestWillBeSent", lambda e: asked.update({e["requestId"]: e["request"]["url"]})
    )
    wire.on(
        "Network.loadingFinished",
        lambda e: sizes.update(
            {asked[e["requestId"]]: int(e["encodedDataLength"])} if e["requestId"] in asked else {}
        ),
    )
    page.goto(f"{served}/transactions/")
    page.wait_for_load_state("networkidle")
    assert len(sizes) > 4
    # The browser's own icons, in its date fields, come as data.
    assert [url for url in asked.values() if not url.startswith((served, "data:"))] == []
    assert sum(sizes.values()) < 400_000, sizes


@pytest.mark.poisoned
def test_hostile_texts_of_a_provider_run_nothing(
    served: str, addresses: dict[str, str], browser: Any
) -> None:
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    wrong = _listen(page)
    foreign: list[str] = []
    page.on("request", lambda r: None if r.url.startswith(served) else foreign.append(r.url))
    page.on("dialog", lambda dialog: wrong.append(dialog.message))
    _sign_in(page, served)
    for name, url in list(addresses.items())[:: 1 if PROVE else 3]:
        if name == "progress":
            continue
        page.goto(served + url)
        page.wait_for_load_state("networkidle")
        assert page.evaluate("window.hacked") is None, name
    assert "window.hacked" in page.goto(f"{served}/terminals/people/").text()
    assert wrong == []
    assert foreign == []


def test_a_passkey_is_added_and_signs_in_by_itself(served: str, browser: Any) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 844})
    wrong = _listen(page)
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    options = {
        "protocol": "ctap2", "transport": "internal", "hasResidentKey": True,
        "hasUserVerification": True, "isUserVerified": True, "automaticPresenceSimulation": True,
    }  # fmt: skip
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    _sign_in(page, served)
    page.goto(f"{served}/second-factor/webauthn/add/")
    page.check("[name=passwordless]")
    page.click("#passkey-add")
    page.wait_for_url(lambda url: not url.endswith("/add/"))
    page.wait_for_load_state()
    page.goto(f"{served}/second-factor/recovery-codes/")
    assert page.locator(".codes li").count() == 10
    page.goto(f"{served}/second-factor/")
    page.locator("summary.person").click()
    page.locator(".pop-body form[action='/sign-out/'] button").click()
    page.wait_for_url(f"{served}/sign-in/**")
    page.click("#passkey-login")
    page.wait_for_url(f"{served}/")
    assert page.locator("h1").count() == 1
    # Asked again, the passkey answers too.
    page.goto(f"{served}/sign-in/again/?next=/keys/")
    page.locator("a[href*='webauthn']").click()
    page.click("#passkey-again")
    page.wait_for_url(f"{served}/keys/")
    assert wrong == []


def _grave(page: Any) -> list[str]:
    """What axe finds that keeps somebody out."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [each["id"] for each in found if each["impact"] in ("serious", "critical")]


@pytest.fixture
def held(shop: ProviderAccount, addresses: dict[str, str]) -> list[int]:
    """Terminals that somebody holds and of which nothing was asked."""
    busy = Operation.objects.values("subject_id")
    own = Terminal.objects.filter(account=shop).exclude(ref=None).exclude(terminal_user=None)
    return list(own.exclude(pk__in=busy).order_by("pk").values_list("pk", flat=True))


def test_a_terminal_is_handed_over_seen_live_and_stands_in_its_history(
    served: str, shop: ProviderAccount, held: list[int], browser: Any, settings: Any
) -> None:
    """Assign, what will happen in words, the state as it changes, and the ledger."""
    worker = [sys.executable, "-m", "tests.merchants.die", str(shop.pk), "0"]
    own = environment() | {"DJANGO_SETTINGS_MODULE": "portal.settings"}
    own["PROVIDER_HOSTS"] = ",".join(settings.PROVIDER_HOSTS)
    looks = [(language, width) for language in ("en", "ar") for width in (1440, 390)]
    looks = looks if PROVE else [looks[0], looks[3]]
    done = {"en": "Done", "ar": "تمت"}
    waits = {"en": "Waits to be sent", "ar": "ينتظر الإرسال"}
    effect = {"en": "Makes Huda", "ar": "يعرّف Huda"}
    for (language, width), pk in zip(looks, held, strict=False):
        context = browser.new_context(viewport={"width": width, "height": 900})
        context.add_cookies([{"name": "language", "value": language, "url": served}])
        page = context.new_page()
        wrong = _listen(page)
        _sign_in(page, served)
        page.goto(f"{served}/terminals/{pk}/")
        page.click("#ledger a.primary")
        name = f"Huda {language} {width}"
        page.fill("[name=name]", name)
        page.fill("[name=mobile]", f"+9665511{pk % 100:02d}{width:04d}"[:13])
        page.click("form.form .primary")
        page.wait_for_selector("input[name=sure]", state="attached")
        assert effect[language] in page.inner_text("main")
        assert _grave(page) == []
        page.click("form.form .primary")
        page.wait_for_selector("#ledger .notice")
        assert waits[language] in page.inner_text("#ledger")
        assert _grave(page) == []
        subprocess.run(worker, env=own, cwd=ROOT, check=True, capture_output=True)
        # Nobody loads the page anew: it says so by itself.
        page.wait_for_function(
            "word => document.querySelector('#ledger table').innerText.includes(word)",
            arg=done[language],
        )
        page.goto(f"{served}/terminals/{pk}/holders/")
        assert name in page.inner_text("#holders")
        assert _grave(page) == []
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0
        assert wrong == []
        context.close()


def test_every_page_in_every_look(served: str, shop: ProviderAccount) -> None:
    """No violation of the policy, no error, nothing wider than the screen, no finding of axe."""
    from playwright.sync_api import sync_playwright

    pages = urls(shop)
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, f"--disk-cache-dir={folder}"]
        )
        looks = LOOKS if PROVE else [LOOKS[0], LOOKS[3], LOOKS[5], LOOKS[6]]
        for number, (language, width, scheme) in enumerate(looks):
            context = browser.new_context(
                viewport={"width": width, "height": 900},
                color_scheme=scheme,  # type: ignore[arg-type]
            )
            context.add_cookies([{"name": "language", "value": language, "url": served}])
            page = context.new_page()
            wrong = _listen(page)
            _sign_in(page, served)
            # The sample has every second page, each in one of four looks.
            first, step = (0, 1) if PROVE else (2 * number, 2 * len(looks))
            shown = list(pages.items())[first::step]
            for name, url in shown:
                if name == "progress":
                    continue
                page.goto(served + url)
                page.wait_for_load_state("networkidle")
                wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
                assert wide <= 0, (name, language, width, wide)
                grave = _grave(page)
                assert grave == [], (name, language, width, scheme, grave)
                if SHOTS:
                    file = f"{SHOTS}/{name}.{language}.{scheme}.{width}.png"
                    page.screenshot(path=file, full_page=True)
            assert wrong == [], (language, width, scheme)
            context.close()
        browser.close()
