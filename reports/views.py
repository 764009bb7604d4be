"""The home page."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.utils.timezone import now
from django.views.decorators.http import require_GET

from merchants.queries import branches_for, freshness_of, member_of
from portal import htmx
from reports import queries
from transactions.queries import transactions_for

SHOWN = 8


@login_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """Today's sales, how fresh they are, and the latest transactions."""
    member = member_of(request)
    moment = now()
    first = branches_for(member).order_by("pk").first()
    zone = first.zone if first else "UTC"
    context = {
        "now": moment,
        "zone": zone,
        "today": queries.today_by_currency(member, moment),
        "day": first.business_day(moment) if first else moment.date(),
        "freshness": freshness_of(member),
        "latest": transactions_for(member).order_by("-occurred_at", "-pk")[:SHOWN],
    }
    return htmx.page(request, "reports/home.html", context, fragment="figures")
