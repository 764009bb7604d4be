"""What a list of transactions can show, and in which orders."""

from typing import Any

from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from merchants.models import ProviderAccount
from portal import keyset
from portal.columns import (
    Column,
    amount,
    at_branch,
    called,
    identifier,
    major,
    timed,
)
from portal.lists import List
from portal.templatetags.show import (
    NONE,
    day,
    money,
    stamp,
)
from transactions.models import Kind, Refunded, Scheme, SessionStatus, Status

# Django's own look-up of a choice's words makes a new dictionary for each.
KINDS, STATUSES = dict(Kind.choices), dict(Status.choices)
SCHEMES, REFUNDS = dict(Scheme.choices), dict(Refunded.choices)
SESSION_STATES = dict(SessionStatus.choices)


def _signed(row: Any) -> Any:
    return major(row.signed_minor, row.currency)


def _refunded(row: Any) -> Any:
    if row.refunded_minor is None:
        return str(REFUNDS[row.refunded])
    return major(row.refunded_minor, row.currency)


def _status(row: Any) -> SafeString:
    shown = stamp(row.status, str(STATUSES[row.status]))
    if row.status == Status.UNMAPPED:
        shown = format_html('{} <bdi class="id">{}</bdi>', shown, row.provider_status)
    elif row.status == Status.DECLINED and row.action_code:
        shown = format_html('{} <bdi dir="ltr" class="id none">{}</bdi>', shown, row.action_code)
    if row.refunded != Refunded.NONE:
        words = REFUNDS[row.refunded]
        colour = "unknown" if row.refunded == Refunded.SOME else "accent"
        shown = format_html('{} <span class="stamp {} more">{}</span>', shown, colour, words)
    return shown


def _amount(row: Any) -> SafeString:
    return money(row.signed_minor, row.currency)


def _kind(row: Any) -> SafeString | str:
    words = str(KINDS[row.kind])
    if row.account.state == ProviderAccount.State.REMOVED:
        return format_html("{} {}", words, stamp("REMOVED", str(_("Account removed"))))
    # A phone, which has no room for what is usual, leaves it out.
    return (
        format_html('<span class="usual">{}</span>', words) if row.kind == Kind.PURCHASE else words
    )


def _card_text(row: Any) -> str:
    words = str(SCHEMES[row.scheme])
    return f"{words} ··{row.pan_last4}" if row.pan_last4 else words


def _card(row: Any) -> SafeString | str:
    words = str(SCHEMES[row.scheme])
    if not row.pan_last4:
        return words
    return format_html('{} <bdi dir="ltr" class="id">··{}</bdi>', words, row.pan_last4)


def _back(row: Any) -> SafeString | str:
    if row.refunded_minor is None:
        return str(REFUNDS[row.refunded])
    return money(row.refunded_minor, row.currency) if row.refunded_minor else NONE


COLUMNS = (
    timed("time", _("Time"), lambda row: row.occurred_at, fixed=True, css="keep o1"),
    Column(
        "status", _("Status"), lambda row: str(STATUSES[row.status]), _status, fixed=True,
        css="end keep o4",
    ),
    Column("amount", _("Amount"), _signed, _amount, fixed=True, css="num keep o2"),
    Column("currency", _("Currency"), lambda row: row.currency, None, fixed=True),
    Column("kind", _("Kind"), lambda row: str(KINDS[row.kind]), _kind, css="end o6"),
    Column("scheme", _("Card"), _card_text, _card, css="o3"),
    identifier("last4", _("Last four digits"), lambda row: row.pan_last4, usual=False),
    at_branch(css="o5"),
    identifier(
        "terminal", _("Terminal"), lambda row: row.terminal and row.terminal.tid, usual=False
    ),
    called(
        "holder",
        _("Held by"),
        lambda row: row.terminal_user and row.terminal_user.shown,
        css="drop",
        personal=True,
    ),
    identifier("rrn", _("RRN"), lambda row: row.rrn, css="drop"),
    identifier("stan", _("STAN"), lambda row: row.stan, usual=False),
    identifier("approval", _("Approval code"), lambda row: row.approval_code, usual=False),
    identifier("action", _("Action code"), lambda row: row.action_code, usual=False),
    Column("refunded", _("Refunded"), _refunded, _back, usual=False, css="num"),
    identifier("reference", _("Customer reference"), lambda row: row.reference, usual=False),
    Column(
        "day", _("Business day"), lambda row: row.business_day.isoformat(),
        lambda row: day(row.business_day, "d MMM"), usual=False,
    ),
    called("provider", _("Provider"), lambda row: row.account.title, usual=False),
    timed("learned", _("We learned"), lambda row: row.learned_at, usual=False),
    identifier("ref", _("Reference"), lambda row: row.ref, usual=False),
)  # fmt: skip
TRANSACTIONS = List(
    "transactions",
    _("Transactions"),
    COLUMNS,
    {
        "newest": (_("Newest first"), keyset.Keys("occurred_at")),
        "oldest": (_("Oldest first"), keyset.Keys("occurred_at", descending=False)),
        "largest": (_("Largest amount first"), keyset.Keys("amount_minor")),
        "smallest": (_("Smallest amount first"), keyset.Keys("amount_minor", descending=False)),
    },
    address="transactions:list",
    detail="transactions:detail",
    peek=True,
    form="transactions/fields.html",
    empty=(
        _("No transaction fits"),
        _(
            "Widen the days or take a filter away."
            " What is stored is as complete as the line above says."
        ),
    ),
    fields=("day_from", "day_to", "status", "kind", "scheme", "branch", "rrn", "pan_last4"),
    # What moved no money is quiet.
    css=lambda row: "" if row.status == Status.APPROVED else "still",
)


def _session_state(row: Any) -> SafeString:
    return stamp(row.status, str(SESSION_STATES[row.status]))


SESSIONS = List(
    "sessions",
    _("Payment sessions"),
    (
        timed("opened", _("Opened"), lambda row: row.occurred_at, fixed=True, css="keep o1"),
        Column(
            "state", _("State"), lambda row: str(SESSION_STATES[row.status]), _session_state,
            fixed=True, css="end keep o4",
        ),
        amount("amount", _("Amount"), "amount_minor", fixed=True, css="num keep o2"),
        Column("currency", _("Currency"), lambda row: row.currency, None, fixed=True),
        called("kind", _("Kind"), lambda row: str(KINDS[row.kind])),
        at_branch(css="o5"),
        identifier("terminal", _("Terminal"), lambda row: row.terminal and row.terminal.tid),
        identifier("reference", _("Customer reference"), lambda row: row.reference, css="drop"),
        timed("ends", _("Ends"), lambda row: row.expires_at, usual=False),
        called("provider", _("Provider"), lambda row: row.account.title, usual=False),
        identifier("ref", _("Reference"), lambda row: row.ref, usual=False),
    ),
    {
        "newest": (_("Newest first"), keyset.Keys("occurred_at")),
        "oldest": (_("Oldest first"), keyset.Keys("occurred_at", descending=False)),
    },
    address="transactions:sessions",
    detail="transactions:session",
    form="transactions/session_fields.html",
    empty=(
        _("No payment session fits"),
        _("A session asks one terminal for one payment or refund, and ends by itself."),
    ),
    fields=("status", "kind", "branch"),
)  # fmt: skip
