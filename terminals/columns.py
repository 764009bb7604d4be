"""What the lists of terminals and of people can show."""

from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from merchants.models import ProviderAccount
from portal import keyset
from portal.columns import Column, at_branch, called, identifier, timed
from portal.lists import List
from portal.templatetags.show import NONE, ident, isolated, stamp


def _state(row: Any) -> SafeString:
    if row.connected is None:
        return format_html('<span class="none">{}</span>', gettext("not listed yet"))
    if row.connected:
        return stamp("CONNECTED", gettext("Connected"))
    return stamp("DISCONNECTED", gettext("Disconnected"))


def _holder(row: Any) -> SafeString:
    if row.terminal_user is None:
        return format_html('<span class="none">{}</span>', gettext("nobody"))
    url = reverse("terminals:person", args=[row.terminal_user.pk])
    return format_html('<a href="{}">{}</a>', url, isolated(row.terminal_user.shown))


def _provider(row: Any) -> SafeString:
    title = isolated(row.account.title)
    if row.account.state == ProviderAccount.State.REMOVED:
        return format_html("{} {}", title, stamp("REMOVED", gettext("Account removed")))
    return title


def _held(row: Any) -> SafeString:
    tids = [(ident(terminal.tid),) for terminal in row.terminals.all()]
    return format_html_join("", '<span class="line">{}</span>', tids) if tids else NONE


TERMINALS = List(
    "terminals",
    _("Terminals"),
    (
        identifier("tid", _("Terminal id"), lambda row: row.tid, fixed=True, css="keep"),
        called("name", _("Name"), lambda row: row.name, usual=False),
        Column(
            "state", _("Connected"), lambda row: row.connected, _state, fixed=True, css="end keep"
        ),
        Column(
            "holder",
            _("Held by"),
            lambda row: row.terminal_user and row.terminal_user.shown,
            _holder,
            personal=True,
        ),
        at_branch(css="end"),
        timed("seen", _("Last payment"), lambda row: row.last_seen_at, "short", named=True),
        Column("provider", _("Provider"), lambda row: row.account.title, _provider, css="end"),
        called("account", _("Account"), lambda row: row.account.name, usual=False),
        identifier("ref", _("Reference"), lambda row: row.ref, usual=False),
    ),
    {
        "tid": (_("By terminal id"), keyset.Keys("tid", descending=False)),
        "tid-last": (_("By terminal id, last first"), keyset.Keys("tid")),
    },
    address="terminals:list",
    detail="terminals:detail",
    form="terminals/fields.html",
    empty=(
        _("No terminal fits"),
        _("Terminals appear here as soon as a provider's account has been read."),
    ),
    fields=("branch", "connected", "assigned", "tid"),
)
PEOPLE = List(
    "people",
    _("People"),
    (
        Column(
            "name",
            _("Name"),
            lambda row: row.shown,
            lambda row: isolated(row.shown),
            fixed=True,
            personal=True,
            css="keep",
        ),
        Column(
            "terminals",
            _("Terminals"),
            lambda row: " ".join(t.tid for t in row.terminals.all()),
            _held,
            css="keep whole",
        ),
        Column("provider", _("Provider"), lambda row: row.account.title, _provider),
        called("account", _("Account"), lambda row: row.account.name, usual=False),
        identifier("ref", _("Reference"), lambda row: row.ref, usual=False),
    ),
    {
        "name": (_("By name"), keyset.Keys("name", descending=False)),
        "name-last": (_("By name, last first"), keyset.Keys("name")),
    },
    address="terminals:people",
    detail="terminals:person",
    form="terminals/people_fields.html",
    empty=(
        _("Nobody fits"),
        _("People appear here as soon as a provider names who holds a terminal."),
    ),
    fields=("name", "holds"),
)
# Initials in the order of names would tell more than initials.
MASKED_PEOPLE = replace(
    PEOPLE, sorts={"known": (_("As we learned of them"), keyset.Keys("pk", descending=False))}
)
