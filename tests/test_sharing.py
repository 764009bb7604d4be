"""A receipt handed to a customer, checked by a stranger, and worked on by the team."""

import io
import re
import time
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import pypdf
import pytest
from allauth.core.internal import ratelimit
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from merchants.actions.people import add_person
from merchants.models import AuditEntry, Membership, Merchant
from merchants.sync import run_sync
from tests.conftest import PROVE, QUICK
from transactions.actions import issue_receipt
from transactions.genuine import code_of
from transactions.models import IssuedReceipt, Note, SharedReceipt, Transaction
from transactions.paper import receipt_pdf

pytestmark = pytest.mark.django_db
GUESSES = 10_000 if PROVE else 300


@pytest.fixture
def sale(play: Any, alice: Membership) -> Transaction:
    account = play(transactions=300, terminals=6).connect(alice.merchant)
    run_sync(account.pk, limits=QUICK)
    own = Transaction.objects.filter(kind="PURCHASE", status="APPROVED").exclude(rrn=None)
    return own.order_by("pk")[3]


@pytest.fixture
def browser(alice: Membership) -> Client:
    client = Client()
    client.force_login(alice.user)
    return client


def link_in(page: str) -> str:
    found = re.search(r"http://testserver(/r/[\w-]+/)", page)
    assert found is not None
    return found[1]


def shared(browser: Client, sale: Transaction, **form: str) -> str:
    """The address of a new link, as the page shows it once."""
    answer = browser.post(f"/transactions/{sale.pk}/share/", {"days": "7"} | form, follow=True)
    return link_in(answer.content.decode())


def plain(page: str) -> str:
    """A page without what is typed into it, its token, and its own address."""
    return re.sub(r'value="[^"]*"|/r/[^"/]*/(receipt\.pdf)?', "", page)


def issued_code(sale: Transaction) -> str:
    issued = issue_receipt(found=sale, at=timezone.now())
    assert issued is not None
    return code_of(issued)


class TestPaper:
    @pytest.mark.parametrize("paper", ["a4", "80", "58"])
    def test_has_every_printed_field_and_can_be_read_aloud(
        self, browser: Client, sale: Transaction, paper: str
    ) -> None:
        answer = browser.get(f"/transactions/{sale.pk}/receipt.pdf?paper={paper}")
        assert answer["Content-Type"] == "application/pdf"
        made = pypdf.PdfReader(io.BytesIO(answer.content))
        root: Any = made.trailer["/Root"]
        assert b"pdfuaid" in root["/Metadata"].get_data()
        text = made.pages[0].extract_text()
        for printed in (sale.rrn, sale.stan, sale.approval_code, "COPY", "APPROVED"):
            assert str(printed) in text
        width = float(made.pages[0].mediabox.width) / 72 * 25.4
        assert round(width) == (210 if paper == "a4" else int(paper))

    def test_of_signs_that_the_font_lacks_is_made_all_the_same(self, sale: Transaction) -> None:
        printed = {"merchant_name": "漢字 Shop ☕", "amount": "1.00", "approved": "yes"}
        made = receipt_pdf(sale, [printed], "https://x.test/", "80")
        text = pypdf.PdfReader(io.BytesIO(made)).pages[0].extract_text()
        assert "??Shop?" in text.replace(" ", "")

    def test_of_a_declined_payment_says_so_and_approves_nothing(
        self, browser: Client, sale: Transaction
    ) -> None:
        declined = Transaction.objects.filter(status="DECLINED").order_by("pk")[0]
        answer = browser.get(f"/transactions/{declined.pk}/receipt.pdf?paper=80")
        text = pypdf.PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
        assert "DECLINED" in text
        assert "APPROVAL CODE" not in text

    def test_hides_the_first_digits_from_who_may_not_see_them(
        self, sale: Transaction, alice: Membership
    ) -> None:
        support = add_person(email="s@acme.test", merchant=alice.merchant, role="SUPPORT")
        client = Client()
        client.force_login(support.user)
        answer = client.get(f"/transactions/{sale.pk}/receipt.pdf")
        text = pypdf.PdfReader(io.BytesIO(answer.content)).pages[0].extract_text()
        assert re.search(rf"\*{{4}}\s*{sale.pan_last4}", text)
        assert not re.search(r"\d{4} \d{2}\*\*", text)


class TestAtTheProvider:
    def test_its_own_page_is_found_by_permission_only_and_never_ahead(
        self, browser: Client, sale: Transaction, alice: Membership
    ) -> None:
        address = f"/transactions/{sale.pk}/at-provider/"
        assert address in browser.get(f"/transactions/{sale.pk}/").content.decode()
        for header in ("Sec-Purpose", "Purpose"):
            ahead = browser.get(address, headers={header: "prefetch;prerender"})
            assert ahead.status_code == 403
            assert b"/ui/receipt/" not in ahead.content
        seen = AuditEntry.objects.filter(action="receipt.seen", facts__paper="NearPay")
        assert not seen.exists()
        answer = browser.get(address)
        assert answer["Referrer-Policy"] == "no-referrer"
        found = re.search(
            r'href="(http[^"]*/ui/receipt/[^"]*)" target="_blank" rel="noreferrer noopener',
            answer.content.decode(),
        )
        assert found is not None
        assert seen.count() == 1
        # It opens without a sign-in, which is why it is kept to few.
        with urlopen(found[1]) as page:
            assert str(sale.rrn) in page.read().decode()
        with pytest.raises(HTTPError) as nothing:
            urlopen(found[1][:-1] + ("0" if found[1][-1] != "0" else "1"))
        assert nothing.value.code == 404

    def test_who_may_not_see_first_digits_is_not_shown_the_way(
        self, sale: Transaction, alice: Membership
    ) -> None:
        support = add_person(email="s@acme.test", merchant=alice.merchant, role="SUPPORT")
        client = Client()
        client.force_login(support.user)
        page = client.get(f"/transactions/{sale.pk}/").content.decode()
        assert "at-provider" not in page
        assert client.get(f"/transactions/{sale.pk}/at-provider/").status_code == 403


class TestLink:
    def test_shows_the_receipt_and_nothing_else_and_is_counted(
        self, browser: Client, sale: Transaction
    ) -> None:
        address = shared(browser, sale)
        customer = Client()
        answer = customer.get(address)
        page = answer.content.decode()
        assert str(sale.rrn) in page
        assert answer["Referrer-Policy"] == "no-referrer"
        assert answer["X-Robots-Tag"] == "noindex, nofollow"
        assert answer["Cache-Control"] == "no-store"
        assert not re.search(r'href="/(transactions|terminals|search)', page)
        assert customer.get(f"{address}receipt.pdf")["Content-Type"] == "application/pdf"
        assert SharedReceipt.objects.get().opened == 2
        assert AuditEntry.objects.filter(action="receipt.opened").count() == 2
        # The link itself is shown once, and is nowhere in a row.
        assert address not in browser.get(f"/transactions/{sale.pk}/share/").content.decode()
        secret = address.split("/")[2].encode()
        assert secret not in bytes(SharedReceipt.objects.get().digest)

    @pytest.mark.parametrize("end", ["revoked", "over"])
    def test_opens_nothing_once_it_has_ended(
        self, browser: Client, sale: Transaction, end: str
    ) -> None:
        address = shared(browser, sale)
        share = SharedReceipt.objects.get()
        if end == "revoked":
            browser.post(f"/transactions/shared/{share.pk}/revoke/")
        else:
            past = timezone.now() - timedelta(days=9)
            SharedReceipt.objects.update(made_at=past, expires_at=past + timedelta(days=1))
        never = Client().get("/r/" + "x" * 43 + "/")
        for path in (address, f"{address}receipt.pdf"):
            answer = Client().get(path)
            assert answer.status_code == 404
            assert plain(answer.content.decode()) == plain(never.content.decode())
        assert SharedReceipt.objects.get().opened == 0

    def test_goes_by_mail_and_the_address_is_in_the_trail_alone(
        self, browser: Client, sale: Transaction
    ) -> None:
        browser.post(
            f"/transactions/{sale.pk}/share/", {"days": "1", "email": "customer@home.test"}
        )
        (letter,) = mail.outbox
        assert letter.to == ["customer@home.test"]
        assert Client().get(link_in(str(letter.body))).status_code == 200
        facts = AuditEntry.objects.get(action="receipt.mailed").facts
        assert "customer@home.test" not in str(facts)

    def test_is_made_for_offered_times_only(self, browser: Client, sale: Transaction) -> None:
        answer = browser.post(f"/transactions/{sale.pk}/share/", {"days": "3650"})
        assert answer.status_code == 422
        assert not SharedReceipt.objects.exists()

    def test_guesses_find_nothing_with_the_same_work_each(
        self, browser: Client, sale: Transaction
    ) -> None:
        shared(browser, sale)
        stranger, seen = Client(), set()
        for number in range(GUESSES // 10):
            with CaptureQueriesContext(connection) as asked:
                answer = stranger.get(f"/r/{number:043}/")
            page = plain(answer.content.decode())
            seen.add((answer.status_code, page, len(asked)))
        assert len(seen) == 1


class TestGenuine:
    def test_a_paper_of_ours_is_until_it_is_withdrawn(
        self, browser: Client, sale: Transaction
    ) -> None:
        browser.get(f"/transactions/{sale.pk}/receipt.pdf")
        browser.get(f"/transactions/{sale.pk}/receipt.pdf?paper=80")
        issued = IssuedReceipt.objects.get()
        address = f"/genuine/{code_of(issued)}/"
        page = Client().get(address).content.decode()
        assert "Genuine" in page
        assert f"{sale.amount_minor // 100:,}" in page
        assert str(sale.rrn) not in page
        Transaction.objects.filter(pk=sale.pk).update(amount_minor=sale.amount_minor + 1)
        assert "The amount differs" in Client().get(address).content.decode()
        browser.post(f"/transactions/{sale.pk}/withdraw/", {"reason": "Printed twice"})
        assert "Withdrawn" in Client().get(address).content.decode()
        assert AuditEntry.objects.get(action="receipt.withdrawn").reason == "Printed twice"
        # What leaves after that has no code of ours.
        answer = browser.get(f"/transactions/{sale.pk}/receipt.pdf")
        assert answer["Content-Type"] == "application/pdf"
        assert IssuedReceipt.objects.count() == 1

    def test_withdrawing_it_ends_its_links(self, browser: Client, sale: Transaction) -> None:
        address = shared(browser, sale)
        browser.get(f"/transactions/{sale.pk}/receipt.pdf")
        browser.post(f"/transactions/{sale.pk}/withdraw/", {"reason": "Printed twice"})
        assert Client().get(address).status_code == 404

    def test_a_code_that_was_changed_is_not(self, sale: Transaction) -> None:
        code = issued_code(sale)
        for at in range(0, len(code), 7):
            other = code[:at] + ("A" if code[at] != "A" else "B") + code[at + 1 :]
            with CaptureQueriesContext(connection) as asked:
                answer = Client().get(f"/genuine/{other}/")
            assert answer.status_code == 404
            assert not any("issuedreceipt" in each["sql"] for each in asked.captured_queries)

    def test_a_merchant_may_answer_nobody(self, sale: Transaction, alice: Membership) -> None:
        code = issued_code(sale)
        Merchant.objects.filter(pk=alice.merchant_id).update(answers_checks=False)
        assert Client().get(f"/genuine/{code}/").status_code == 404
        assert Client().get("/genuine/of/acme/").status_code == 404
        assert Client().get("/genuine/of/nobody/").status_code == 404

    def test_what_is_typed_is_confirmed_only_where_all_of_it_is_right(
        self, sale: Transaction, mallory: Membership, settings: Any
    ) -> None:
        settings.CHECK_LIMITS = "1000/m/ip"
        right = {
            "rrn": str(sale.rrn), "day": sale.business_day.isoformat(),
            "amount": f"{sale.amount_minor / 100:.2f}",
        }  # fmt: skip
        wrong = [
            right | {"amount": "0.01"}, right | {"rrn": "000000000000"},
            right | {"day": "2020-01-01"}, right | {"amount": "NaN"}, right | {"amount": "x"},
            right | {"amount": "1e999999"},
        ]  # fmt: skip
        assert "Confirmed" in Client().post("/genuine/of/acme/", right).content.decode()
        asked = [("acme", each) for each in wrong] + [("evil", right)]
        work, pages = set(), set()
        for slug, form in asked:
            with CaptureQueriesContext(connection) as queries:
                page = Client().post(f"/genuine/of/{slug}/", form).content.decode()
            work.add(len(queries))
            assert "Cannot be confirmed" in page
            own = r"Acme Coffee|Evil Bakery|/genuine/of/\w+/| · <bdi.*?</bdi>"
            pages.add(re.sub(own, "", plain(page)))
        with CaptureQueriesContext(connection) as queries:
            Client().post("/genuine/of/acme/", right)
        assert work == {len(queries)}
        assert len(pages) == 1

    def test_guessing_ends_at_the_limits(self, sale: Transaction, monkeypatch: Any) -> None:
        # A minute is that of the library's clock, which stands still here.
        still = SimpleNamespace(time=lambda: 1e9, monotonic=time.monotonic, sleep=time.sleep)
        monkeypatch.setattr(ratelimit, "time", still)
        # And what it remembers does not grow old meanwhile.
        begun = timezone.now()
        monkeypatch.setattr("django.core.cache.backends.db.tz_now", lambda: begun)
        client, answers = Client(), []
        form = {"rrn": str(sale.rrn), "day": sale.business_day.isoformat()}
        for number in range(GUESSES):
            answer = client.post("/genuine/of/acme/", form | {"amount": f"{number}.01"})
            answers.append(answer.status_code)
        assert answers == [200] * 10 + [429] * (GUESSES - 10)


def test_somebody_of_another_merchant_who_opens_a_link_is_nobody_here(
    browser: Client, sale: Transaction, mallory: Membership
) -> None:
    address = shared(browser, sale)
    other = Client()
    other.force_login(mallory.user)
    assert other.get(address).status_code == 200
    entry = AuditEntry.objects.get(action="receipt.opened")
    assert (entry.actor_id, entry.merchant_id) == (None, sale.merchant_id)


class TestWork:
    def test_notes_are_added_and_told(self, browser: Client, sale: Transaction) -> None:
        note = {"note": "One cake was missing <b>", "case": "C-1182", "tag": "cakes"}
        browser.post(f"/transactions/{sale.pk}/note/", note)
        assert browser.post(f"/transactions/{sale.pk}/note/", {}).status_code == 422
        page = browser.get(f"/transactions/{sale.pk}/note/").content.decode()
        assert "One cake was missing &lt;b&gt;" in page
        assert "C-1182" in page
        assert Note.objects.count() == 1
        found = browser.get("/search/", {"q": "C-1182"})
        assert found["Location"] == f"/transactions/{sale.pk}/"

    def test_what_can_be_given_back_is_said_with_its_reason(
        self, browser: Client, sale: Transaction
    ) -> None:
        page = browser.get(f"/transactions/{sale.pk}/").content.decode()
        assert "Refund up to" in page
        assert "A reversal is no longer possible" in page
        last = Transaction.objects.filter(terminal=sale.terminal, kind="PURCHASE")
        last.exclude(pk=sale.pk).filter(occurred_at__gt=sale.occurred_at).delete()
        Transaction.objects.filter(pk=sale.pk).update(reconciled=False)
        page = browser.get(f"/transactions/{sale.pk}/").content.decode()
        assert "It can still be reversed on the terminal itself" in page
        Transaction.objects.filter(pk=sale.pk).update(refunded="FULL")
        assert (
            "Nothing is left to refund" in browser.get(f"/transactions/{sale.pk}/").content.decode()
        )


def test_whoever_held_the_terminal_is_shown_in_full_after_a_reason(
    sale: Transaction, alice: Membership
) -> None:
    support = add_person(email="s@acme.test", merchant=alice.merchant, role="SUPPORT")
    client = Client()
    client.force_login(support.user)
    held = Transaction.objects.exclude(terminal_user=None).select_related("terminal_user")
    found = held.order_by("pk")[0]
    page = client.get(f"/transactions/{found.pk}/").content.decode()
    person = found.terminal_user
    assert person is not None
    address = re.search(r'action="(/terminals/people/\d+/reveal/)"', page)
    assert address is not None
    assert person.name not in page
    answer = client.post(address[1], {"reason": "The customer names him"})
    assert person.name in answer.content.decode()
    assert AuditEntry.objects.get(action="person.revealed").reason == "The customer names him"
