"""What has changed since one last looked, and the accounts of the books."""

from datetime import datetime
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware, now
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from merchants.models import Right
from merchants.queries import freshness_of, member_with
from portal import htmx
from reports.actions import map_journal
from reports.catalogue.journal import DATEV, USUAL
from reports.changes import changed, have_seen, last_look
from reports.forms import JournalForm
from reports.models import JournalAccount
from transactions.models import Scheme

# Years of what a page can have shown.
FIRST, LAST = 2000, 2099


@login_required
@require_safe
def changes(request: HttpRequest) -> HttpResponse:
    """What came late or changed since one last said that one has seen it all."""
    member = member_with(request, Right.FIGURES)
    moment = now()
    since = last_look(member, moment)
    found = changed(member, since, moment)
    context = {
        "found": found, "zone": found.zone,
        "freshness": freshness_of(member), "until": moment.isoformat(),
        "may_look_up": member.may(Right.LOOK_UP),
    }  # fmt: skip
    return htmx.page(request, "reports/changes.html", context)


@login_required
@require_POST
def seen(request: HttpRequest) -> HttpResponse:
    """Remember that one has seen what the page has shown, and nothing that came after it."""
    member = member_with(request, Right.FIGURES)
    shown = _moment(request.POST.get("until", ""))
    if shown is not None:
        have_seen(by=member, at=min(shown, now()))
    return redirect("changes")


def _moment(text: str) -> datetime | None:
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    if found is None or not is_aware(found) or not FIRST <= found.year <= LAST:
        return None
    return found


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def journal(request: HttpRequest) -> HttpResponse:
    """To which accounts of the books sales, refunds and what is owed by schemes go."""
    member = member_with(request, Right.EXPORT)
    own = JournalAccount.objects.filter(merchant=member.merchant_id)
    kept: dict[str, Any] = dict(own.values_list("key", "code"))
    form = JournalForm(
        request.POST or None, schemes=list(Scheme.choices), kept=kept, usual=USUAL | DATEV
    )
    if form.is_valid():
        map_journal(by=member, codes=form.cleaned_data)
        return redirect("reports")
    status = 422 if form.errors else 200
    return htmx.page(request, "reports/journal.html", {"form": form}, status=status)
