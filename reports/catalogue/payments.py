"""Reports of single payments: transactions, what was given back, what was declined, sessions."""

from django.utils.translation import gettext_lazy as _

from merchants.models import Right
from reports.catalogue.columns import Column, Kind
from reports.catalogue.report import Report
from reports.catalogue.tables import (
    CLOCK,
    DAY,
    HELD,
    HOLDER,
    IN,
    IN_DAYS,
    JOINED,
    OWN,
    PLACE,
    SOURCE,
    TILL,
    money,
)

_FROM = f"from transactions_transaction t {JOINED} {HELD} where {OWN} and {IN_DAYS}"
_NEWEST = "t.occurred_at, t.id"
_WHEN = (
    DAY,
    Column("occurred_at", _("Time"), Kind.MOMENT, "t.occurred_at"),
    Column("local_time", _("Time on the branch’s clock"), Kind.WALL, "t.occurred_at"),
)
_WHAT = (
    Column("kind", _("Kind"), Kind.WORD, "t.kind"),
    Column("status", _("State"), Kind.WORD, "t.status"),
    Column("scheme", _("Scheme"), Kind.WORD, "t.scheme"),
    Column("card", _("Last four"), Kind.WORD, "t.pan_last4"),
)
_NUMBERS = (
    Column("rrn", _("RRN"), Kind.TEXT, "t.rrn"),
    Column("stan", _("STAN"), Kind.TEXT, "t.stan"),
    Column("approval_code", _("Approval code"), Kind.TEXT, "t.approval_code"),
    Column("reference", _("Customer reference"), Kind.TEXT, "t.reference"),
    Column("ref", _("Reference"), Kind.TEXT, "t.ref"),
)
_CODE = Column("action_code", _("Reason code"), Kind.TEXT, "t.action_code")
_ASKED = money("amount", _("Amount"), "t.amount_minor")
_SOLD = money("captured", _("Captured"), "t.captured_minor")
_BACK = money("refunded_amount", _("Given back"), "t.refunded_minor")
_PAPER = (
    "local_time", "branch", "terminal", "kind", "status", "scheme", "card", "amount", "currency",
    "rrn",
)  # fmt: skip
_BY_STATE = ("currency", "kind", "status")

TRANSACTIONS = Report(
    name="transactions",
    title=_("Transactions"),
    about=_("Every transaction with every field, a row each."),
    columns=(
        *_WHEN, *PLACE, *TILL, HOLDER, *_WHAT, *_ASKED, *_SOLD, IN, *_NUMBERS, *_BACK,
        *money("authorised", _("Authorised"), "t.authorised_minor"),
        Column("refunded", _("Refunded"), Kind.WORD, "t.refunded"), _CODE,
        Column("provider_status", _("Provider’s state"), Kind.TEXT, "t.provider_status"),
        Column("aid", _("Application"), Kind.TEXT, "t.aid"),
        Column("entry_mode", _("Entry"), Kind.TEXT, "t.entry_mode"),
        Column("verification", _("Verification"), Kind.TEXT, "t.verification"),
        Column("reconciled", _("Reconciled"), Kind.YES, "t.reconciled"), SOURCE, *CLOCK,
        Column("id", _("Number in the portal"), Kind.WORD, "t.id"),
    ),
    rows=_FROM,
    order=_NEWEST,
    totals=_BY_STATE,
    right=Right.LOOK_UP,
    paper=_PAPER,
)  # fmt: skip
REFUNDS = Report(
    name="refunds",
    title=_("Refunds and reversals"),
    about=_("What was given back or taken back, a row each."),
    columns=(*_WHEN, *PLACE, *TILL, HOLDER, *_WHAT, *_ASKED, *_SOLD, IN, *_NUMBERS, SOURCE, *CLOCK),
    rows=f"{_FROM} and (t.kind = 'REFUND' or t.status = 'REVERSED')",
    order=_NEWEST,
    totals=_BY_STATE,
    right=Right.LOOK_UP,
    paper=_PAPER,
)
DECLINES = Report(
    name="declines",
    title=_("Declines"),
    about=_("What was declined, with the code of the reason, a row each."),
    columns=(*_WHEN, *PLACE, *TILL, HOLDER, *_WHAT, _CODE, *_ASKED, IN, *_NUMBERS, SOURCE, *CLOCK),
    rows=f"{_FROM} and t.status = 'DECLINED'",
    order=_NEWEST,
    totals=("currency", "kind", "action_code"),
    right=Right.LOOK_UP,
    paper=_PAPER,
)
SESSIONS = Report(
    name="sessions",
    title=_("Payment sessions"),
    about=_("What terminals were asked for, and whether it came to a payment."),
    columns=(
        Column("occurred_at", _("Time"), Kind.MOMENT, "t.occurred_at"),
        Column("local_time", _("Time on the branch’s clock"), Kind.WALL, "t.occurred_at"),
        *PLACE, *TILL,
        Column("kind", _("Kind"), Kind.WORD, "t.kind"),
        Column("status", _("State"), Kind.WORD, "t.status"), *_ASKED, IN,
        Column("reference", _("Customer reference"), Kind.TEXT, "t.reference"),
        Column("transaction_ref", _("Transaction"), Kind.TEXT, "t.transaction_ref"),
        Column("ref", _("Reference"), Kind.TEXT, "t.ref"), SOURCE, *CLOCK,
    ),
    rows=(
        f"from transactions_session t {JOINED} where {OWN}"
        " and t.occurred_at >= %(since)s::date - 1 and t.occurred_at < %(until)s::date + 2"
        " and ((t.occurred_at at time zone coalesce(b.zone, %(zone)s))"
        " - coalesce(b.cut_off, '00:00'::time))::date >= %(since)s"
        " and ((t.occurred_at at time zone coalesce(b.zone, %(zone)s))"
        " - coalesce(b.cut_off, '00:00'::time))::date < %(until)s"
    ),
    order=_NEWEST,
    totals=_BY_STATE,
    right=Right.LOOK_UP,
)  # fmt: skip

REPORTS = (TRANSACTIONS, REFUNDS, DECLINES, SESSIONS)
