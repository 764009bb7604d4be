"""How money, times and identifiers are shown: isolated, so that digits never flip."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale
from babel.dates import format_date, format_datetime, format_timedelta
from babel.numbers import format_decimal, get_currency_symbol
from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from iso4217 import Currency

register = template.Library()
MINUS = "−"

# Outlines of 20 × 20, drawn with the current colour; those with a direction are mirrored in CSS.
ICONS = {
    "home": "M3 9.5 10 3.5l7 6V16.5h-4.5v-4h-5v4H3z",
    "list": "M3 5h3v3H3zM3 12h3v3H3zM9 5.5h8M9 8h5M9 12.5h8M9 15h5",
    "scale": "M10 3v13M6 16.5h8M3 6.5h14M5 6.5l-2.5 5h5zM15 6.5l-2.5 5h5z",
    "terminal": "M6 2.5h8a1 1 0 0 1 1 1v13a1 1 0 0 1-1 1H6a1 1 0 0 1-1-1v-13a1 1 0 0 1 1-1zM8.5 15h3",
    "store": "M3.5 8v8.5h13V8M2.5 7.5 4 3.5h12l1.5 4a2.5 2.5 0 0 1-5 .3 2.5 2.5 0 0 1-5 0 2.5 2.5 0 0 1-5-.3zM8 16.5v-4h4v4",
    "plug": "M7 3v4M13 3v4M5 7h10v2.5a5 5 0 0 1-10 0zM10 14.5V18",
    "search": "M9 3.5a5.5 5.5 0 1 1 0 11 5.5 5.5 0 0 1 0-11zM13.2 13.2 17 17",
    "chevron": "M8 5l5 5-5 5",
    "down": "M5 8l5 5 5-5",
    "refresh": "M16 10a6 6 0 1 1-1.8-4.3M16 3v4h-4",
    "tick": "M4.5 10.5 8.5 14.5 16 6.5",
    "cross": "M5.5 5.5l9 9M14.5 5.5l-9 9",
    "undo": "M7.5 5 4 8.5 7.5 12M4 8.5h8a4 4 0 0 1 0 8H9",
    "clock": "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM10 6v4l2.5 2",
    "question": "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM8 8a2 2 0 1 1 2.7 1.9c-.5.2-.7.6-.7 1.1v.5M10 14v.2",
    "block": "M10 3a7 7 0 1 1 0 14 7 7 0 0 1 0-14zM5.2 5.2l9.6 9.6",
    "warning": "M10 3 18 16.5H2zM10 8v4M10 14.2v.2",
    "person": "M10 3.5a3 3 0 1 1 0 6 3 3 0 0 1 0-6zM4 17a6 6 0 0 1 12 0",
    "out": "M12 4H5v12h7M9 10h8M14 7l3 3-3 3",
    "language": "M3 5h8M7 3v2M9.5 5c-.6 3-3 5.4-6 6.5M5 8c1 2 3 3.4 5 4M11 17l3.5-8 3.5 8M12.2 14.5h4.6",
    "plus": "M10 4v12M4 10h12",
    "more": "M4 6h12M4 10h12M4 14h12",
}
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
    "RUNNING": ("accent", "refresh"),
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


def _locale() -> Locale:
    return Locale.parse((get_language() or "en").replace("-", "_"))


@register.simple_tag
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
    colour, glyph = STAMPS.get(state, ("grey", "question"))
    return format_html('<span class="stamp {}">{}{}</span>', colour, icon(glyph), label)


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
        return mark_safe('<span class="none">–</span>')  # noqa: S308 (a constant)

    whole, fraction = _split(minor, Currency(currency).exponent or 0)
    digits = format_html('<bdi dir="ltr" class="money">{}<i>{}</i></bdi>', whole, fraction)
    return (
        format_html('{} <span class="unit">{}</span>', digits, _unit(currency)) if unit else digits
    )


def _unit(currency: str) -> str:
    """The currency as the language writes it: its code, or in Arabic its Arabic abbreviation."""
    if _locale().language != "ar":
        return currency
    symbol = str(get_currency_symbol(currency, locale=_locale()))
    return symbol.strip("\u200f\u200e").rstrip(".") or currency


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
        return mark_safe('<span class="none">–</span>')  # noqa: S308 (a constant)
    return format_html('<bdi dir="ltr" class="id">{}</bdi>', value)


@register.simple_tag
def at(moment: datetime | None, zone: str | None = None, form: str = "full") -> SafeString:
    """A moment on a zone's wall clock; the exact one with its offset stands in the element."""
    if moment is None:
        return mark_safe('<span class="none">–</span>')  # noqa: S308 (a constant)
    local = moment.astimezone(ZoneInfo(zone or "UTC"))
    clock = local.strftime("%H:%M:%S" if form in ("full", "seconds") else "%H:%M")
    day = ""
    today = timezone.now().astimezone(local.tzinfo).date()
    if form == "full" or (form == "short" and local.date() != today):
        pattern = "d MMM y" if local.year != today.year else "d MMM"
        day = str(format_date(local.date(), pattern, locale=_locale())) + " "
    return format_html(
        '<time datetime="{}">{}<bdi dir="ltr">{}</bdi></time>', local.isoformat(), day, clock
    )


@register.simple_tag
def day(value: Any, form: str = "d MMM y") -> str:
    """A calendar day."""
    return "–" if value is None else str(format_date(value, form, locale=_locale()))


@register.simple_tag
def long_day(moment: datetime, zone: str | None = None) -> str:
    """The weekday and date of a moment, for a title."""
    local = moment.astimezone(ZoneInfo(zone or "UTC"))
    return str(format_datetime(local, "EEEE d MMMM", locale=_locale()))


@register.simple_tag
def took(seconds: float) -> str:
    """A duration in words."""
    if seconds < 1:
        return _("under a second")
    shown = format_timedelta(seconds, threshold=2, locale=_locale())
    return str(shown)


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
