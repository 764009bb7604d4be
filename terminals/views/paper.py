"""The merchant's own words about terminals, the sheet that somebody signs, and the fleet report."""

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.views.decorators.http import require_safe

from merchants.actions.trail import exported, saw
from merchants.models import Right
from merchants.queries import in_branch, main_zone, member_with
from portal import htmx
from portal.confirm import ask_again, is_confirmed
from portal.paper import pdf_of, qr
from portal.tables import answer_of
from portal.templatetags.show import masked_mobile
from terminals import actions, queries
from terminals.columns import TERMINALS
from terminals.filters import TerminalFilter
from terminals.forms import DescribeTerminal
from terminals.models import Terminal, TerminalUser
from terminals.queries import own_terminal
from terminals.views.fleet import own_person

SHEET = Path(__file__).parents[1] / "papers" / "handover.typ"


@htmx.object_view(own_terminal, "GET", "HEAD", "POST")
def describe(request: HttpRequest, terminal: Terminal) -> HttpResponse:
    """A label, a note, and whether it lies ready."""
    member = member_with(request, Right.FLEET)
    known = {"label": terminal.label, "note": terminal.note, "spare": terminal.spare}
    form = DescribeTerminal(request.POST or None, initial=known)
    if form.is_valid():
        actions.describe_terminal(terminal=terminal, by=member, **form.cleaned_data)
        return redirect("terminals:detail", terminal.pk)
    context = {"form": form, "terminal": terminal}
    status = 422 if form.errors else 200
    return htmx.page(request, "terminals/describe.html", context, status=status)


def _words() -> dict[str, str]:
    return {
        "title": _("Hand-over of terminals"), "name": _("Name"), "mobile": _("Mobile"),
        "terminal": _("Terminal id"), "branch": _("Branch"), "since": _("Held from"),
        "said": _("I have received the terminals listed here, and give them back when I leave."),
        "signed": _("Signature"), "date": _("Date"), "code": _("Opens this person in the portal"),
    }  # fmt: skip


@htmx.object_view(own_person, "GET", "HEAD")
def sheet(request: HttpRequest, found: TerminalUser) -> HttpResponse:
    """What somebody holds, in both languages, to be signed once for all of it."""
    member = member_with(request, Right.FLEET)
    saw("person.seen", found, paper="A4")
    terminals = list(queries.terminals_for(member).filter(terminal_user=found).order_by("tid"))
    zone = ZoneInfo(main_zone(member))
    since = queries.held_since(terminals)
    mobile = found.mobile if member.sees_personal else masked_mobile(found.mobile)
    words = {}
    for language in ("en", "ar"):
        with override(language):
            words[language] = _words()
    url = request.build_absolute_uri(f"/terminals/people/{found.pk}/")
    content: dict[str, Any] = {
        **words, "title": words["en"]["title"], "merchant": member.merchant.name,
        "merchant_ar": member.merchant.name_ar, "made": f"{now().astimezone(zone):%Y-%m-%d %H:%M}",
        "code": qr(url), "name": found.shown, "mobile": mobile or "–",
        "terminals": [
            {
                "tid": each.tid, "branch": each.branch.name if each.branch else "–",
                "branch_ar": each.branch.name_ar if each.branch else "",
                "since": f"{since[each.pk].astimezone(zone):%Y-%m-%d %H:%M}"
                if each.pk in since else "–",
            }
            for each in terminals
        ],
    }  # fmt: skip
    answer = HttpResponse(pdf_of(SHEET, content), content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="hand-over-{found.pk}.pdf"'
    return answer


@login_required
@require_safe
def report(request: HttpRequest) -> HttpResponse:
    """The fleet with every column, as a file; narrowed by the list's filters."""
    member = member_with(request, Right.EXPORT)
    if not is_confirmed(request):
        return ask_again(request)
    rows = queries.terminals_for(member).filter(in_branch(request))
    chosen = TerminalFilter(request.GET, rows)
    found = chosen.qs if chosen.is_valid() else rows.none()
    exported("fleet", request.GET.urlencode())
    columns = TERMINALS.columns
    header = [str(each.label) for each in columns]
    cells = [
        ["" if value is None else str(value) for value in (each.value(row) for each in columns)]
        for row in found.order_by("tid", "pk").iterator(chunk_size=500)
    ]
    return answer_of(request.GET.get("format", ""), "fleet", header, cells)
