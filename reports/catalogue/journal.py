"""Journal lines for books: what each business day sold and gave back, as debits and credits.

One reckoning, written as several programs of bookkeeping read it. The accounts are the merchant's
own; headings of other programs' forms are theirs and are not translated.
"""

from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy as _

from reports.catalogue.columns import Column, Kind
from reports.catalogue.report import Asked, Report
from reports.catalogue.tables import DAY, IN, OWN, SOURCE, money

# Where a merchant has said nothing.
USUAL = {"sales": "4000", "refunds": "4010", "clearing": "1200"}
# What DATEV's head names besides: the bookkeeper and their client.
DATEV = {"datev:consultant": "1001", "datev:client": "1"}


def _account(key: str, usual: str) -> str:
    return (
        "coalesce((select j.code from reports_journalaccount j"
        f" where j.merchant_id = %(merchant)s and j.key = {key}), {usual})"
    )


_CLEARING = _account("'clearing:' || d.scheme", _account("'clearing'", f"'{USUAL['clearing']}'"))
_SALES = _account("'sales'", f"'{USUAL['sales']}'")
_REFUNDS = _account("'refunds'", f"'{USUAL['refunds']}'")
_DAYS = f"""
    select day as business_day, account_id, branch_id, currency, scheme, sales_minor, refunds_minor
    from transactions_daytotal t where {OWN} and t.day >= %(since)s and t.day < %(until)s
"""
_BESIDE = """
    left join merchants_branch b on b.id = t.branch_id
    left join merchants_provideraccount a on a.id = t.account_id
"""
_LINES = f"""
    from (
        select d.business_day, d.account_id, d.branch_id, d.currency, d.scheme, l.*
        from ({_DAYS}) d cross join lateral (values
            (1, 'SALE', {_CLEARING}, d.sales_minor, 0::bigint),
            (2, 'SALE', {_SALES}, 0::bigint, d.sales_minor),
            (3, 'REFUND', {_REFUNDS}, d.refunds_minor, 0::bigint),
            (4, 'REFUND', {_CLEARING}, 0::bigint, d.refunds_minor)
        ) l(line, what, account, debit_minor, credit_minor)
        where l.debit_minor <> 0 or l.credit_minor <> 0
    ) t {_BESIDE}
"""
# A sale or a day's refunds as one line between two accounts.
_PAIRS = f"""
    from (
        select d.business_day, d.account_id, d.branch_id, d.currency, d.scheme, l.*
        from ({_DAYS}) d cross join lateral (values
            (1, 'SALE', {_CLEARING}, {_SALES}, d.sales_minor),
            (2, 'REFUND', {_REFUNDS}, {_CLEARING}, d.refunds_minor)
        ) l(line, what, account, against, amount_minor)
        where l.amount_minor <> 0
    ) t {_BESIDE}
"""
_ORDER = "t.business_day, b.name, t.branch_id, t.currency, t.scheme, t.account_id, t.line"
_NUMBER = "'MP-' || to_char(t.business_day, 'YYYYMMDD') || '-' || coalesce(t.branch_id, 0)"
_TEXT = "initcap(t.what) || ' ' || t.scheme || ' ' || coalesce(b.name, '')"


def _word(name: str, title: Any, sql: str) -> Column:
    return Column(name, title, Kind.WORD, sql)


def _text(name: str, title: Any, sql: str) -> Column:
    return Column(name, title, Kind.TEXT, sql)


JOURNAL = Report(
    name="journal",
    title=_("Journal lines"),
    about=_("Debits and credits of each business day by branch and scheme, on your own accounts."),
    columns=(
        DAY, _word("document", _("Document"), _NUMBER), _text("account", _("Account"), "t.account"),
        *money("debit", _("Debit"), "t.debit_minor"),
        *money("credit", _("Credit"), "t.credit_minor"), IN,
        _word("what", _("Kind"), "t.what"), _word("scheme", _("Scheme"), "t.scheme"),
        _text("branch", _("Branch"), "b.name"), _text("text", _("Text"), _TEXT), SOURCE,
    ),
    rows=_LINES,
    order=_ORDER,
    totals=("currency",),
)  # fmt: skip
# https://central.xero.com: import a manual journal; an amount without sign is a debit.
XERO = Report(
    name="journal-xero",
    title="Xero: manual journal",
    about=_("Journal lines in the form of Xero’s manual journals."),
    columns=(
        _text("narration", "*Narration", f"'Merchant Portal ' || {_NUMBER}"),
        Column("date", "*Date", Kind.DAY, "t.business_day"),
        _text("description", "Description", _TEXT),
        _text("account", "*AccountCode", "t.account"),
        _word("tax", "*TaxRate", "'Tax Exempt'"),
        Column("amount", "*Amount", Kind.MAJOR, "t.debit_minor - t.credit_minor"),
        _word("tracking", "TrackingName1", "'Branch'"),
        _text("branch", "TrackingOption1", "b.name"),
        IN,
    ),
    rows=_LINES,
    order=_ORDER,
    totals=("currency",),
)
QUICKBOOKS = Report(
    name="journal-quickbooks",
    title="QuickBooks: journal entries",
    about=_("Journal lines in the form that QuickBooks Online imports."),
    columns=(
        _word("number", "JournalNo", _NUMBER),
        Column("date", "JournalDate", Kind.DAY, "t.business_day"), _word("currency", "Currency",
        "t.currency"), _text("memo", "Memo", _TEXT), _text("account", "AccountName", "t.account"),
        Column("debit", "Debits", Kind.MAJOR, "nullif(t.debit_minor, 0)"),
        Column("credit", "Credits", Kind.MAJOR, "nullif(t.credit_minor, 0)"),
        _text("branch", "Location", "b.name"),
    ),
    rows=_LINES,
    order=_ORDER,
    totals=("currency",),
)  # fmt: skip
# The elements of GeneralLedgerEntries in SAF-T, of which each is a column.
SAFT = Report(
    name="journal-saft",
    title="SAF-T: general ledger entries",
    about=_("Journal lines under the names of SAF-T’s elements."),
    columns=(
        _word("journal", "JournalID", "'MP'"),
        _word("transaction", "TransactionID", _NUMBER),
        _word("period", "Period", "extract(month from t.business_day)::int"),
        _word("year", "PeriodYear", "extract(year from t.business_day)::int"),
        Column("date", "TransactionDate", Kind.DAY, "t.business_day"),
        Column("posted", "GLPostingDate", Kind.DAY, "t.business_day"),
        _text("description", "Description", _TEXT),
        _word("record", "RecordID", "t.line"),
        _text("account", "AccountID", "t.account"),
        Column("debit", "DebitAmount", Kind.MAJOR, "nullif(t.debit_minor, 0)"),
        Column("credit", "CreditAmount", Kind.MAJOR, "nullif(t.credit_minor, 0)"),
        _word("currency", "CurrencyCode", "t.currency"),
        _text("branch", "AnalysisID", "b.name"),
    ),
    rows=_LINES,
    order=_ORDER,
    totals=("currency",),
)


def _datev_head(asked: Asked) -> str:
    """The first line of a DATEV file: format 700, category 21, version 13 (developer.datev.de)."""
    own = dict(DATEV)
    with connection.cursor() as cursor:
        cursor.execute(
            "select key, code from reports_journalaccount where merchant_id = %s and key like"
            " 'datev:%%'", [asked.member.merchant_id],
        )  # fmt: skip
        own |= dict(cursor.fetchall())
        cursor.execute(
            "select coalesce(max(length(code)), 4) from reports_journalaccount"
            " where merchant_id = %s and key not like 'datev:%%'", [asked.member.merchant_id],
        )  # fmt: skip
        longest = max(4, cursor.fetchone()[0])
    made: datetime = asked.moment
    since, last = asked.period.since, asked.period.last
    cells = [
        '"EXTF"', "700", "21", '"Buchungsstapel"', "13", f"{made:%Y%m%d%H%M%S}000", "", '"MP"',
        '""', '""', own["datev:consultant"], own["datev:client"], f"{since:%Y}0101", str(longest),
        f"{since:%Y%m%d}", f"{last:%Y%m%d}", '"Merchant Portal"', '""', "1", "0", "0", '""', "",
        '""', "", "", '""', "", "", '""', '""',
    ]  # fmt: skip
    return ";".join(cells)


def _latin(sql: str) -> str:
    """As Windows-1252 can write it, which is all that DATEV reads."""
    return rf"regexp_replace({sql}, '[^\x20-\x7e\xa0-\xff]', '?', 'g')"


DATEV_REPORT = Report(
    name="journal-datev",
    title="DATEV: Buchungsstapel",
    about=_("Bookings in DATEV’s form, a line each: as CSV, in the marks that it reads."),
    columns=(
        Column("amount", "Umsatz (ohne Soll/Haben-Kz)", Kind.MAJOR, "t.amount_minor"),
        _word("side", "Soll/Haben-Kennzeichen", "'S'"),
        _word("currency", "WKZ Umsatz", "t.currency"),
        _word("rate", "Kurs", "null::text"), _word("base", "Basis-Umsatz", "null::text"),
        _word("base_currency", "WKZ Basis-Umsatz", "null::text"),
        _text("account", "Konto", "t.account"),
        _text("against", "Gegenkonto (ohne BU-Schlüssel)", "t.against"),
        _word("key", "BU-Schlüssel", "null::text"),
        _word("date", "Belegdatum", "to_char(t.business_day, 'DDMM')"),
        _word("number", "Belegfeld 1", f"left({_NUMBER}, 36)"),
        _word("number_2", "Belegfeld 2", "null::text"), _word("discount", "Skonto", "null::text"),
        _text("text", "Buchungstext", f"left({_latin(_TEXT)}, 60)"),
    ),
    rows=_PAIRS,
    order=_ORDER,
    totals=("currency",),
    before=_datev_head,
    encoding="cp1252",
    marks={"comma": True, "semicolon": True},
)  # fmt: skip

REPORTS = (JOURNAL, DATEV_REPORT, SAFT, XERO, QUICKBOOKS)
