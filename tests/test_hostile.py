"""Sixty hostile texts wherever a provider may send one: each is shown as text, and is no more.

What a browser makes of them is tried in `test_browser`.
"""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from merchants.actions.accounts import described
from merchants.models import Branch, Membership
from merchants.sync import run_sync
from terminals.models import Terminal, TerminalUser
from tests.conftest import PROVE, QUICK
from tests.hostile import STRINGS, poison
from tests.test_pages import urls
from transactions.models import Receipt, Transaction
from transactions.receipts import unpack

pytestmark = pytest.mark.django_db
# What our templates are made of; none of it takes a provider's text but between the tags.
TAGS = {
    "a", "article", "b", "bdi", "body", "br", "button", "canvas", "dd", "details", "div", "dl",
    "dt", "fieldset", "form", "h1", "h2", "head", "header", "hr", "html", "i", "input", "kbd",
    "label", "legend", "li", "link", "main", "meta", "nav", "noscript", "ol", "option", "p",
    "path", "pre", "progress", "rect", "script", "section", "select", "small", "span", "strong",
    "summary", "svg", "table", "tbody", "td", "textarea", "tfoot", "th", "thead", "time", "title",
    "tr", "ul",
}  # fmt: skip


class Looked(HTMLParser):
    """What a page is made of."""

    def __init__(self, provider: str) -> None:
        super().__init__(convert_charrefs=True)
        # The one way out: the provider's own page of a receipt, at the address that we were given.
        self.way_out = re.compile(re.escape(provider) + "/ui/receipt/[0-9a-f-]{36}")
        self.wrong: list[str] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag not in TAGS:
            self.wrong.append(f"<{tag}>")
        if tag == "script" and not (given.get("src") or given.get("type") == "application/json"):
            self.wrong.append("a script of its own")
        if tag == "textarea" and given.get("name") != "note":
            self.wrong.append("a field of its own")
        if tag == "link" and "evil" in (given.get("href") or ""):
            self.wrong.append("a foreign link")
        for name, value in attrs:
            if name.startswith(("on", "hx-on")) or name == "style":
                self.wrong.append(name)
            if name in ("href", "src", "action", "hx-get", "hx-post"):
                text = (value or "").strip().lower()
                if name == "href" and self.way_out.fullmatch(text):
                    continue
                if text.startswith("//") or (text and text[0] not in "/?#"):
                    self.wrong.append(f"{name}={text[:40]}")

    def handle_comment(self, data: str) -> None:
        self.wrong.append("a comment")

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.fixture
def account(play: Any, alice: Membership) -> Any:
    nearpay = play(transactions=600, terminals=14)
    poison(nearpay.sandbox)
    made = nearpay.connect(alice.merchant)
    run = run_sync(made.pk, limits=QUICK)
    steps = {step.resource: step for step in run.steps.all()}
    # Hostile words are no reason to set a row aside.
    assert steps["transactions"].stored > 300
    assert steps["terminals"].stored == 14
    return made


def test_they_have_arrived_in_every_field(account: Any) -> None:
    """The control: the pages below hold them."""
    stored = {
        *Branch.objects.values_list("name", flat=True),
        *Branch.objects.values_list("name_ar", flat=True),
        *TerminalUser.objects.values_list("name", flat=True),
        *Transaction.objects.values_list("entry_mode", flat=True),
        *Transaction.objects.values_list("verification", flat=True),
        *Transaction.objects.values_list("reference", flat=True),
    }
    for receipt in Receipt.objects.select_related("dictionary").order_by("pk")[:200]:
        stored |= set(unpack(receipt).values())
    missing = [each for each in STRINGS if each.strip() not in {(s or "").strip() for s in stored}]
    assert missing == []


@pytest.mark.parametrize("language", ["en", "ar"])
def test_every_page_shows_them_as_text(account: Any, alice: Membership, language: str) -> None:
    browser = Client()
    browser.force_login(alice.user)
    browser.cookies["language"] = language
    pages = urls(account)
    for number, found in enumerate(Transaction.objects.order_by("pk")[: 60 if PROVE else 20]):
        pages[f"transaction {number}"] = f"/transactions/{found.pk}/"
        pages[f"slip {number}"] = f"/transactions/{found.pk}/slip/"
    for number, person in enumerate(TerminalUser.objects.order_by("pk")):
        pages[f"person {number}"] = f"/terminals/people/{person.pk}/"
    for number, terminal in enumerate(Terminal.objects.order_by("pk")):
        pages[f"terminal {number}"] = f"/terminals/{terminal.pk}/"
    for name in ("transactions", "terminals", "people", "branches", "reconciliations"):
        columns = browser.get(pages[name]).context["listing"].of.columns
        every = "&".join(f"columns={each.name}" for each in columns)
        pages[f"{name}, all columns"] = f"{pages[name]}?{every}"
    pages["search"] = "/search/?q=%3Cscript%3Ewindow.hacked%3D1%3C/script%3E"
    said: set[str] = set()
    for name, url in pages.items():
        page = Looked(described(account)["base_url"])
        page.feed(browser.get(url).content.decode())
        assert page.wrong == [], name
        said.add(" ".join(page.words))
    everything = " ".join(said)
    assert "window.hacked=1" in everything
    assert "{{ 7*7 }}" in everything
