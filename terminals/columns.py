"""What the lists of terminals and of people can show."""

from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from merchants.actions.operations import is_offered
from merchants.actions.trail import scene
from merchants.models import Branch, Drift, ProviderAccount
from portal import keyset
from portal.columns import Column, at_branch, called, identifier, timed
from portal.lists import List
from portal.templatetags.show import (
    NONE,
    at,
    branch_text,
    ident,
    isolated,
    masked_email,
    masked_mobile,
    masked_name,
    stamp,
)
from providers.base.provider import AssignsTerminals
from providers.base.registry import providers
from terminals.models import Terminal, TerminalUser


def _state(row: Any) -> SafeString:
    if row.connected is None and row.content_hash is not None:
        # Its provider does not say.
        return NONE
    if row.connected is None:
        return format_html('<span class="none">{}</span>', gettext("not listed yet"))
    if row.connected:
        return stamp("CONNECTED", gettext("Connected"))
    return stamp("DISCONNECTED", gettext("Disconnected"))


def _holder(row: Any) -> SafeString:
    if row.terminal_user is None and not is_offered(row.account, AssignsTerminals):
        return NONE
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
        called("label", _("Label"), lambda row: row.label, usual=False),
        Column(
            "spare",
            _("Ready to be handed out"),
            lambda row: gettext("yes") if row.spare else gettext("no"),
            usual=False,
        ),
        called("note", _("Note"), lambda row: row.note, usual=False),
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
    fields=("branch", "connected", "assigned", "tid", "label", "spare"),
    actions="terminals/list_actions.html",
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


def _home(row: Any) -> str:
    return providers()[row.account.provider].default_zone


def subject_text(row: Any) -> str:
    """What an operation or a difference is about, as people call it."""
    subject = row.subject
    if subject is None:
        return ""
    if isinstance(subject, Branch):
        return branch_text(subject)
    if isinstance(subject, Terminal):
        return subject.tid
    return str(subject.shown if isinstance(subject, TerminalUser) else subject)


def _subject(row: Any) -> SafeString:
    if row.subject is None:
        return NONE
    if isinstance(row.subject, Terminal):
        return ident(row.subject.tid)
    return isolated(subject_text(row))


def side_text(row: Any, value: Any) -> str:
    """What one side says of a field, as whoever looks may see it."""
    if row.field == Drift.Field.GONE:
        return gettext("is there") if value else gettext("is not there")
    if value is None or value == "":
        return gettext("nobody") if row.field == Drift.Field.HOLDER else "–"
    if isinstance(value, TerminalUser):
        return str(value.shown)
    if isinstance(value, Branch):
        return branch_text(value)
    member = scene().member
    if row.subject_kind == "terminaluser" and member is not None and not member.sees_personal:
        hide = {"NAME": masked_name, "MOBILE": masked_mobile, "EMAIL": masked_email}[row.field]
        return str(hide(value))
    return str(value)


OPERATIONS = List(
    "operations",
    _("Asked of providers"),
    (
        Column("kind", _("What"), lambda row: row.get_kind_display(), fixed=True, css="keep"),
        Column("about", _("About"), subject_text, _subject, css="keep"),
        Column(
            "state", _("State"), lambda row: row.get_state_display(),
            lambda row: stamp(row.state, row.get_state_display()), fixed=True, css="end keep",
        ),
        Column("said", _("What was said"), lambda row: row.said, usual=False),
        Column(
            "asked", _("Asked"), lambda row: row.requested_at.isoformat(),
            lambda row: at(row.requested_at, _home(row), "short"), named=True,
        ),
        called("by", _("By"), lambda row: str(row.requested_by or ""), css="end"),
    ),
    {"latest": (_("Latest first"), keyset.Keys("pk"))},
    address="terminals:all-operations",
    detail="terminals:operation",
    form="terminals/operation_fields.html",
    empty=(
        _("Nothing was asked"),
        _("Hand a terminal to somebody, and what becomes of it stands here."),
    ),
    fields=("kind", "state"),
    lead=_("Each is written down first, sent in its turn, and read back where the answer is lost."),
)  # fmt: skip
DIFFERENCES = List(
    "differences",
    _("Differences"),
    (
        Column(
            "about", _("About"), subject_text, _subject, fixed=True, css="keep", personal=True
        ),
        Column("field", _("What differs"), lambda row: row.get_field_display(), css="end keep"),
        Column(
            "ours", _("Ours"), lambda row: side_text(row, row.ours),
            lambda row: isolated(side_text(row, row.ours)), named=True, personal=True,
        ),
        Column(
            "theirs", _("Theirs"), lambda row: side_text(row, row.theirs_said),
            lambda row: isolated(side_text(row, row.theirs_said)), named=True, personal=True,
        ),
        Column(
            "found", _("Found"), lambda row: row.found_at.isoformat(),
            lambda row: at(row.found_at, _home(row), "short"), named=True,
        ),
        Column("provider", _("Provider"), lambda row: row.account.title, _provider, css="end"),
    ),
    {"latest": (_("Latest first"), keyset.Keys("pk"))},
    address="terminals:differences",
    detail="terminals:difference",
    form="terminals/difference_fields.html",
    empty=(
        _("Nothing differs"),
        _("What somebody changes in a provider's own dashboard stands here, until you decide."),
    ),
    fields=("field", "left"),
    lead=_("Changed at the provider, not by you. What is yours stays as it is until you decide."),
)  # fmt: skip
