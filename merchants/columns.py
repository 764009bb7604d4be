"""What the lists of branches, of accounts and of the trail can show."""

from typing import Any

from django.urls import reverse
from django.utils.html import escape, format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from merchants.models import ACTIONS, SUBJECTS, Door, ProviderAccount, SyncRun
from portal import keyset
from portal.columns import Column, called, identifier, moment
from portal.lists import List
from portal.templatetags.show import NONE, at, branch_text, count, ident, isolated, stamp
from providers.base.registry import providers


def _known_to(row: Any) -> str:
    return ", ".join(f"{each.account.name}: {each.ref}" for each in row.identities.all())


def _accounts(row: Any) -> SafeString:
    own = [
        (isolated(each.account.name), ident(each.reference) if each.reference else "")
        for each in row.identities.all()
    ]
    return format_html_join(" ", "{} {}", own)


def _other(row: Any) -> str:
    """The name that a page in the reader's language does not show."""
    own = branch_text(row)
    return row.name if own != row.name else row.name_ar or ""


BRANCHES = List(
    "branches",
    _("Branches"),
    (
        called("name", _("Name"), branch_text, fixed=True, css="keep"),
        called("other", _("In the other language"), _other, css="end"),
        Column("known", _("Known to"), _known_to, _accounts),
        identifier("zone", _("Zone"), lambda row: row.zone, css="end"),
        identifier("begins", _("Day begins"), lambda row: f"{row.cut_off:%H:%M}", css="drop"),
    ),
    {
        "name": (_("By name"), keyset.Keys("name", descending=False)),
        "name-last": (_("By name, last first"), keyset.Keys("name")),
    },
    address="merchants:branches",
    detail="merchants:branch",
    form="merchants/branch_fields.html",
    empty=(
        _("No branch fits"),
        _("Connect an account; its branches are read first."),
    ),
    fields=("name",),
    actions="merchants/branch_actions.html",
)

STATES, RUNS = dict(ProviderAccount.State.choices), dict(SyncRun.State.choices)


def _zone(row: Any) -> str:
    return providers()[row.provider].default_zone


def _state(row: Any) -> SafeString:
    return stamp(row.state, str(STATES[row.state]))


def _run(row: Any) -> SafeString:
    return stamp(row.last_state, str(RUNS[row.last_state])) if row.last_state else NONE


def _clocked(name: str, label: Any, field: str, **how: Any) -> Column:
    """A column of a moment on the clock of the account's provider."""
    return Column(
        name,
        label,
        lambda row: moment(getattr(row, field), _zone(row)),
        lambda row: at(getattr(row, field), _zone(row), "short"),
        **how,
    )


def _counted(name: str, label: Any, field: str, **how: Any) -> Column:
    """A column of how often something is there; none is quiet."""
    return Column(
        name,
        label,
        lambda row: getattr(row, field) or 0,
        lambda row: count(getattr(row, field)) if getattr(row, field) else NONE,
        css="num",
        named=True,
        **how,
    )


ACCOUNTS = List(
    "accounts",
    _("Accounts & sync"),
    (
        called("name", _("Name"), lambda row: row.name, fixed=True, css="keep"),
        Column("state", _("State"), lambda row: str(STATES[row.state]), _state, css="end keep"),
        called("provider", _("Provider"), lambda row: row.title),
        _clocked("complete", _("Complete to"), "complete_to", fixed=True, named=True),
        _clocked("read", _("Last read"), "last_at", named=True, css="end"),
        Column(
            "run", _("Last run"), lambda row: str(RUNS.get(row.last_state, "")), _run, css="end"
        ),
        _counted("gaps", _("Gaps"), "gaps_found"),
        _counted("aside", _("Set aside"), "aside"),
        _counted("failures", _("Failed runs in a row"), "failures", usual=False),
        identifier("zone", _("Zone"), _zone, usual=False),
        _clocked("connected", _("Connected since"), "created_at", usual=False),
    ),
    {
        "name": (_("By name"), keyset.Keys("name", descending=False)),
        "name-last": (_("By name, last first"), keyset.Keys("name")),
        "connected": (_("Connected last"), keyset.Keys("created_at")),
    },
    address="merchants:accounts",
    detail="merchants:account",
    form="merchants/account_fields.html",
    empty=(
        _("No account fits"),
        _("Connect one, and its branches, terminals and transactions are read at once."),
    ),
    fields=("name", "provider", "state"),
    actions="merchants/account_actions.html",
    lead=_("Where your transactions come from, and how complete they are."),
)

DOORS = dict(Door.choices)


def _who(row: Any) -> SafeString | str:
    if row.actor is None:
        return format_html('<span class="none">{}</span>', gettext("nobody signed in"))
    return isolated(row.actor.name or row.actor.email)


def _what(row: Any) -> str:
    return str(ACTIONS.get(row.action, row.action))


def _subject_text(row: Any) -> str:
    return f"{row.subject_kind} {row.subject_id or ''}".strip()


def _subject(row: Any) -> SafeString:
    if not row.subject_kind:
        return NONE
    words = f"{SUBJECTS.get(row.subject_kind, row.subject_kind)} {row.subject_id}"
    address = DETAILS.get(row.subject_kind)
    if address is None:
        return isolated(words)
    return format_html('<a href="{}">{}</a>', reverse(address, args=[row.subject_id]), words)


def _facts(row: Any) -> str:
    """What an entry says besides, in one line; `row.values` are the personal values."""
    said = []
    for name, value in row.facts.items():
        if isinstance(value, list) and len(value) == 2:
            shown = f"{value[0]} → {value[1]}"
        elif isinstance(value, dict):
            kept = row.values.get(name, gettext("not shown")) if "digest" in value else None
            shown = kept if kept is not None else gettext("erased")
        else:
            shown = str(value)
        said.append(f"{name}: {shown}")
    return "; ".join([*said, *([row.reason] if row.reason else [])])


TRAIL = List(
    "trail",
    _("Trail"),
    (
        Column(
            "time", _("Time"), lambda row: moment(row.at, row.zone),
            lambda row: at(row.at, row.zone), fixed=True, css="keep o1",
        ),
        Column("who", _("Who"), lambda row: row.actor and row.actor.email, _who, css="keep o2 end"),
        Column("what", _("What"), _what, lambda row: escape(_what(row)), fixed=True, css="o3 keep"),
        Column(
            "subject", _("Of what"), _subject_text,
            _subject, css="o4 end",
        ),
        Column("facts", _("Details"), _facts, lambda row: escape(_facts(row)) or NONE, css="whole"),
        Column(
            "door", _("By way of"), lambda row: str(DOORS[row.door]),
            lambda row: escape(str(DOORS[row.door])), css="o5",
        ),
        identifier("address", _("Network address"), lambda row: row.address, css="end o6"),
        identifier("number", _("Number"), lambda row: row.pk, usual=False),
    ),
    {
        "newest": (_("Newest first"), keyset.Keys("at")),
        "oldest": (_("Oldest first"), keyset.Keys("at", descending=False)),
    },
    address="merchants:trail",
    detail="",
    form="merchants/trail_fields.html",
    empty=(_("Nothing fits"), _("Widen the days or take a filter away.")),
    fields=("day_from", "day_to", "actor", "action", "door"),
    lead=_("Who did and who saw what. Entries are sealed in a chain and cannot be changed."),
)  # fmt: skip
DETAILS = {
    "provideraccount": "merchants:account",
    "branch": "merchants:branch",
    "transaction": "transactions:detail",
    "terminaluser": "terminals:person",
}
