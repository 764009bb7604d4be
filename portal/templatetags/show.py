"""How money, times and identifiers are shown: isolated, so that digits never flip."""

from datetime import date, datetime
from functools import cache, lru_cache
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal, get_currency_symbol
from django import template
from django.utils import timezone
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from iso4217 import Currency

from portal.icons import ICONS

register = template.Library()
MINUS = "−"

# The colour and the glyph of a state's stamp. Approved is bare: quiet when right.
STAMPS = {
    "APPROVED": ("good bare", "tick"),
    "AUTHORISED": ("accent", "tick"),
    "PENDING": ("warn", "clock"),
    "DECLINED": ("bad", "cross"),
    "REVERSED": ("grey", "undo"),
    "CANCELLED": ("grey", "block"),
    "EXPIRED": ("grey", "clock"),
    "UNMAPPED": ("unknown", "question"),
    "DONE": ("good bare", "tick"),
    "OPEN": ("accent", "clock"),
    "CLOSED": ("good bare", "tick"),
    "REQUESTED": ("accent", "clock"),
    "SENT": ("accent", "refresh"),
    "CONFIRMED": ("good bare", "tick"),
    "UNKNOWN": ("warn", "question"),
    "WITHDRAWN": ("grey", "undo"),
    "RUNNING": ("accent", "refresh"),
    "STOPPED": ("warn", "block"),
    "DRAFT": ("accent", "clock"),
    "BAD": ("bad", "cross"),
    "WAITING": ("grey", "clock"),
    "ASKED": ("accent", "refresh"),
    "PARTIAL": ("warn", "warning"),
    "FAILED": ("bad", "cross"),
    "INTERRUPTED": ("grey", "block"),
    "ACTIVE": ("good bare", "tick"),
    "PAUSED": ("warn", "clock"),
    "REFUSED": ("bad", "warning"),
    "REMOVED": ("grey", "block"),
    "BALANCED": ("good bare", "tick"),
    "UNBALANCED": ("bad", "warning"),
    "CONNECTED": ("good bare", "tick"),
    "DISCONNECTED": ("grey", "block"),
}


NONE = mark_safe('<span class="none">–</span>')


def _locale() -> Locale:
    return _locale_of(get_language() or "en")


@cache
def _locale_of(language: str) -> Locale:
    return Locale.parse(language.replace("-", "_"))


@register.simple_tag
@cache
def icon(name: str) -> SafeString:
    """An outline that is decoration beside words."""
    return format_html(
        '<svg class="icon icon-{}" viewBox="0 0 20 20" aria-hidden="true"><path d="{}"/></svg>',
        name,
        ICONS[name],
    )


@register.simple_tag
def stamp(state: str, label: str) -> SafeString:
    """A state: a glyph and a word, coloured where it needs attention."""
    return _stamp(state, str(label))


@lru_cache(maxsize=512)
def _stamp(state: str, label: str) -> SafeString:
    colour, glyph = STAMPS.get(state, ("grey", "question"))
    return format_html('<span class="stamp {}">{}{}</span>', colour, icon(glyph), label)


@cache
def places(currency: str) -> int:
    """How many decimals a currency has."""
    return Currency(currency).exponent or 0


def _split(minor: int, places: int) -> tuple[str, str]:
    digits = str(abs(minor)).rjust(places + 1, "0")
    whole = int(digits[:-places] if places else digits)
    shown = format_decimal(whole, locale=_locale(), numbering_system="latn")
    sign = MINUS if minor < 0 else ""
    point = _locale().number_symbols["latn"]["decimal"]
    return sign + shown, f"{point}{digits[-places:]}" if places else ""


@register.simple_tag
def money(minor: int | None, currency: str, *, unit: bool = True) -> SafeString:
    """An amount: digits that stay together, the fraction quieter, the currency outside."""
    if minor is None:
        return NONE
    return _money(minor, currency, unit, get_language() or "en")


# A till's amounts come again and again.
@lru_cache(maxsize=16384)
def _money(minor: int, currency: str, unit: bool, _language: str) -> SafeString:
    whole, fraction = _split(minor, places(currency))
    digits = format_html('<bdi dir="ltr" class="money">{}<i>{}</i></bdi>', whole, fraction)
    return (
        format_html('{} <span class="unit">{}</span>', digits, currency_word(currency))
        if unit
        else digits
    )


@register.simple_tag
def currency_word(currency: str) -> str:
    """The currency as the language writes it: its code; in Arabic and Danish an abbreviation."""
    if _locale().language not in ("ar", "da"):
        return currency
    symbol = str(get_currency_symbol(currency, locale=_locale())).strip("\u200f\u200e")
    if _locale().language == "da":
        # «kr.», and no sign that others have too.
        return symbol if symbol.rstrip(".").isalpha() else currency
    return symbol.rstrip(".") or currency


@register.simple_tag
def branch_name(branch: Any) -> SafeString:
    """A branch in the reader's language, isolated."""
    return isolated(branch_text(branch))


def branch_text(branch: Any) -> str:
    """The same as plain text."""
    text: str = (get_language() == "ar" and branch.name_ar) or branch.name
    return text


def isolated(text: str) -> SafeString:
    """A name in whichever script it is written."""
    return mark_safe(f"<bdi>{escape(text)}</bdi>")  # noqa: S308


@register.filter
def count(number: int | None) -> str:
    """A whole number with its thousands apart."""
    if number is None:
        return "–"
    return str(format_decimal(number, locale=_locale(), numbering_system="latn"))


@register.simple_tag
def ident(value: Any) -> SafeString:
    """An identifier: monospaced and left to right in any language."""
    if value in (None, ""):
        return NONE
    return mark_safe(f'<bdi dir="ltr" class="id">{escape(value)}</bdi>')  # noqa: S308


@register.simple_tag
def at(moment: datetime | None, zone: str | None = None, form: str = "full") -> SafeString:
    """A moment on a zone's wall clock; the exact one with its offset stands in the element."""
    if moment is None:
        return NONE
    there = ZoneInfo(zone or "UTC")
    local = moment.astimezone(there)
    clock = f"{local:%H:%M:%S}" if form in ("full", "seconds") else f"{local:%H:%M}"
    said = ""
    today = timezone.now().astimezone(there).date()
    if form == "full" or (form == "short" and local.date() != today):
        pattern = "d MMM y" if local.year != today.year else "d MMM"
        said = _date(local.date(), pattern, get_language() or "en") + " "
    return mark_safe(  # noqa: S308 (made of digits, and of the language's own words)
        f'<time datetime="{local.isoformat()}">{said}<bdi dir="ltr">{clock}</bdi></time>'
    )


@lru_cache(maxsize=2048)
def _date(value: date, pattern: str, _language: str) -> str:
    return escape(str(format_date(value, pattern, locale=_locale())))


def tenth_text(tenths: int) -> str:
    """A number of tenths as the reader writes it: 113 is «11.3»."""
    point = _locale().number_symbols["latn"]["decimal"]
    return f"{tenths // 10}{point}{tenths % 10}"


@register.simple_tag
def day(value: Any, form: str = "d MMM y") -> str:
    """A calendar day."""
    return "–" if value is None else str(format_date(value, form, locale=_locale()))


@register.simple_tag
def long_day(moment: datetime, zone: str | None = None) -> str:
    """The weekday and date of a moment, for a title."""
    local = moment.astimezone(ZoneInfo(zone or "UTC"))
    # Danish has a point behind the day's number, and a title begins with a capital.
    form = "EEEE d. MMMM" if _locale().language == "da" else "EEEE d MMMM"
    text = str(format_datetime(local, form, locale=_locale()))
    return text[0].upper() + text[1:]


@register.simple_tag
def took(seconds: float) -> str:
    """A duration in words."""
    if seconds < 1:
        return _("under a second")
    shown = format_timedelta(int(seconds), threshold=2, locale=_locale())
    return str(shown)


# What a failure's code means, in the reader's language; its own sentence, in English, says more.
FAILURES = {
    "unreachable": gettext_lazy("The provider could not be reached."),
    "throttled": gettext_lazy("The provider asks to be called less often."),
    "not_authorised": gettext_lazy("The provider refused the credentials."),
    "refused": gettext_lazy("The provider refused the call."),
    "unreadable": gettext_lazy("The provider's answer could not be read."),
    "unknown": gettext_lazy("The change was sent and no answer came."),
    "failed": gettext_lazy("The portal itself failed."),
    "paused": gettext_lazy("The account was paused in the middle."),
    "removed": gettext_lazy("The account was removed in the middle."),
    "replaced": gettext_lazy("The account was given other credentials in the middle."),
}


@register.filter
def failure(code: str) -> str:
    """A failure in words."""
    return str(FAILURES.get(code, ""))


def masked_name(name: str) -> str:
    """A name by which a colleague can be told, and not looked up."""
    return " ".join(f"{word[0]}…" for word in name.split()) or "…"


@register.filter
def masked_mobile(mobile: str | None) -> str:
    """A mobile number by which a person can be told, and not called."""
    return "" if not mobile else f"{mobile[:5]}…{mobile[-2:]}"


@register.filter
def masked_email(email: str | None) -> str:
    """An e-mail's first letter and its host."""
    if not email:
        return ""
    name, _at, host = email.partition("@")
    return f"{name[:1]}…@{host}"


@register.simple_tag(takes_context=True)
def query(context: dict[str, Any], **changes: Any) -> str:
    """The present address's query with some values changed; None takes one away."""
    values = context["request"].GET.copy()
    for key, value in changes.items():
        values.pop(key, None)
        if value not in (None, ""):
            values[key] = value
    text = values.urlencode()
    return f"?{text}" if text else "?"


@register.simple_tag
def query_of(**values: Any) -> str:
    """A query of its own: a link to the rows behind a figure."""
    return urlencode({key: value for key, value in values.items() if value not in (None, "")})


@register.simple_tag
def per_mille(thousandths: int | None) -> str:
    """A share in per cent with one decimal."""
    if thousandths is None:
        return "–"
    return (
        str(format_decimal(thousandths / 10, "0.0", locale=_locale(), numbering_system="latn"))
        + "%"
    )
