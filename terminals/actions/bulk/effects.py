"""What the rows of a change will do, in words, before anything is asked."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from merchants.actions.trail import scene
from merchants.models import Operation
from merchants.queries import open_operations
from portal.templatetags.show import masked_name
from terminals.actions.moving import move_in_words
from terminals.models import BulkChange, BulkRow, TerminalUser
from terminals.queries import terminal_users_for

Kind, Row = Operation.Kind, BulkRow.State
POINT_WORDS = {
    Kind.CREATE_POINT: gettext_noop("Gives %(what)s a point of sale."),
    Kind.DELETE_POINT: gettext_noop(
        "Removes the point of sale of %(what)s: it takes no payments until it is given another."
    ),
    Kind.RENEW_POINT: gettext_noop(
        "Makes the point of sale of %(what)s anew; a payment that goes on there prevents it."
    ),
}


def effects_of(change: BulkChange, rows: Sequence[BulkRow]) -> None:
    """Give rows that wait their `effect` in words, as the provider will do it: three queries."""
    own = [row for row in rows if row.terminal is not None and row.state == Row.WAITING]
    busy = open_operations("terminal", [row.terminal.pk for row in own if row.terminal])
    numbers = {row.asked.get("mobile") for row in own} - {None, ""}
    people = terminal_users_for(change.by).filter(mobile__in=numbers, erased_at=None)
    people = people.order_by("-pk")
    known = {(each.account_id, each.mobile): each for each in people}
    for row in own:
        assert row.terminal is not None
        found = busy.get(row.terminal.pk)
        if found is not None:
            row.effect = _(  # type: ignore[attr-defined]
                "Something was asked of it and is not over: it fails unless that ends before."
            )
        else:
            row.effect = _effect(change.kind, row, known)  # type: ignore[attr-defined]


def _effect(kind: str, row: BulkRow, known: Mapping[Any, TerminalUser]) -> str:
    terminal = row.terminal
    assert terminal is not None
    holder = terminal.terminal_user.shown if terminal.terminal_user else ""
    words = {"what": terminal.tid, "holder": holder, "who": _shown(row.asked.get("name", ""))}
    if kind == Kind.UNASSIGN:
        return _("Takes %(what)s from %(holder)s.") % words
    if kind == Kind.DISCONNECT:
        return _("Signs the device of %(what)s out.") % words
    if kind in POINT_WORDS:
        return _(POINT_WORDS[Kind(kind)]) % words
    person = known.get((terminal.account_id, row.asked.get("mobile")))
    if person is not None:
        words["who"] = person.shown
        if terminal.terminal_user_id == person.pk:
            return _("%(who)s holds %(what)s already.") % words
    return move_in_words(words, is_new=person is None)


def _shown(name: str) -> str:
    """A name as whoever looks may see it."""
    member = scene().member
    return name if member is None or member.sees_personal else masked_name(name)
