"""Asking for the rows of a change one by one.

Each row becomes an operation of its own shortly before it is sent, so that a stop leaves little
behind, and a row that was asked for is never asked for again unless it was withdrawn unsent.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _

from merchants.actions.operations import withdraw_operation
from merchants.actions.trail import Scene, acting, record
from merchants.models import Door, Membership, Operation, Right
from merchants.queries import in_force
from portal.celery import wake
from portal.conflicts import Conflict
from terminals.actions.moving import (
    assign_terminal,
    disconnect_terminal,
    holder_of,
    unassign_terminal,
)
from terminals.actions.numbering import POINTS, change_point
from terminals.models import BulkChange, BulkRow
from terminals.queries import terminals_for

Kind, State, Row = Operation.Kind, BulkChange.State, BulkRow.State
# Rows that are asked for at a time: a person's own wish waits behind no more than these.
WINDOW = 40
# How long a file's cells are kept once it is over: for fetching what failed.
KEPT = timedelta(days=7)


@transaction.atomic
def start_change(*, change: BulkChange, by: Membership, at: datetime) -> None:
    """Begin, or go on after a stop. Raises Conflict where there is nothing to begin."""
    by.need(Right.FLEET)
    own = BulkChange.objects.filter(pk=change.pk, state__in=(State.DRAFT, State.STOPPED))
    if not change.rows.filter(state__in=(Row.WAITING, Row.ASKED)).exists():
        raise Conflict(_("No row of it can be done."))
    if not own.update(state=State.RUNNING, by=by, said="", started_at=change.started_at or at):
        raise Conflict(_("It is running already, or over."))
    record("bulk.started", subject=change, merchant=change.merchant_id)
    wake("terminals.feed_change", change.pk)


@transaction.atomic
def stop_change(*, change: BulkChange, by: Membership, at: datetime) -> None:
    """Ask for nothing more; what was not sent yet is withdrawn and waits for going on."""
    by.need(Right.FLEET)
    own = BulkChange.objects.select_for_update().filter(pk=change.pk, state=State.RUNNING)
    if not own.update(state=State.STOPPED):
        raise Conflict(_("It is not running."))
    record("bulk.stopped", subject=change, merchant=change.merchant_id)
    _withdraw(change, by, at)


def _withdraw(change: BulkChange, by: Membership, at: datetime) -> None:
    asked = change.rows.filter(state=Row.ASKED, operation__state=Operation.State.REQUESTED)
    for row in asked.select_related("operation").order_by("position"):
        assert row.operation is not None
        if withdraw_operation(operation=row.operation, by=by, at=at):
            BulkRow.objects.filter(pk=row.pk).update(state=Row.WAITING, operation=None)


def changes_under_way() -> list[int]:
    """What still has to be asked for, or to end."""
    own = BulkChange.objects.filter(state__in=(State.RUNNING, State.STOPPED))
    stopped = BulkRow.objects.filter(change__in=own, state=Row.ASKED).values("change")
    running = own.filter(state=State.RUNNING).values_list("pk", flat=True)
    return sorted({*running, *stopped.values_list("change", flat=True)})


def feed_change(pk: int, at: datetime) -> int:
    """Write down what became of rows, and ask for the next ones; how many were asked for."""
    change = BulkChange.objects.select_related("by__user", "by__merchant", "by__custom_role").get(
        pk=pk
    )
    _settle(change)
    if change.state != State.RUNNING:
        return 0
    member = change.by
    if not _still(member, at):
        _halt(change, _("Whoever started it may not change terminals any more."))
        return 0
    room = WINDOW - change.rows.filter(state=Row.ASKED).count()
    waiting = change.rows.filter(state=Row.WAITING).select_related("terminal__account")
    # As whom it is done stands in the trail, though no page was open.
    with acting(Scene(Door.JOB, member.user, member)):
        rows = waiting.order_by("position")[: max(room, 0)]
        asked = [_ask(change, row, member, at) for row in rows]
    if not change.rows.filter(state__in=(Row.WAITING, Row.ASKED)).exists():
        running = BulkChange.objects.filter(pk=pk, state=State.RUNNING)
        running.update(state=State.DONE, ended_at=at)
    return sum(asked)


def _still(member: Membership, at: datetime) -> bool:
    own = Membership.objects.filter(in_force(at), pk=member.pk, user__is_active=True)
    return own.exists() and member.may(Right.FLEET)


def _halt(change: BulkChange, said: str) -> None:
    BulkChange.objects.filter(pk=change.pk).update(state=State.STOPPED, said=said[:300])


def _settle(change: BulkChange) -> None:
    """What became of the rows whose operation is over."""
    over = change.rows.filter(state=Row.ASKED).exclude(operation__state__in=Operation.OPEN)
    rows = list(over.select_related("operation"))
    for row in rows:
        assert row.operation is not None
        if row.operation.state == Operation.State.CONFIRMED:
            row.state, row.asked, row.cells = Row.DONE, {}, row.cells[:0]
        else:
            # Withdrawn by somebody on the terminal's own page, or refused.
            row.state = Row.FAILED
            row.said = row.operation.said or str(row.operation.get_state_display())
    BulkRow.objects.bulk_update(rows, ["state", "asked", "cells", "said"], batch_size=500)


def _ask(change: BulkChange, row: BulkRow, member: Membership, at: datetime) -> bool:
    """Ask for one row. The same row is the same key, so that dying here asks for nothing twice."""
    assert row.terminal is not None
    key = f"bulk-{row.pk}-{row.tries}"
    try:
        _need_as_checked(change, row, member)
        with transaction.atomic():
            # A stop waits for this, or this finds it stopped.
            on = BulkChange.objects.select_for_update().filter(pk=change.pk, state=State.RUNNING)
            if not on.exists():
                return False
            ask = _action(change.kind, row, member)
            made = ask(terminal=row.terminal, by=member, key=key, at=at)
            row.operation, row.state, row.tries = made, Row.ASKED, row.tries + 1
            row.save(update_fields=["operation", "state", "tries"])
    except (Conflict, PermissionDenied) as problem:
        BulkRow.objects.filter(pk=row.pk).update(state=Row.FAILED, said=str(problem)[:500])
        return False
    return True


def _need_as_checked(change: BulkChange, row: BulkRow, member: Membership) -> None:
    """Raise Conflict where what was checked is so no more: whose it is, and who holds it."""
    now = terminals_for(member).filter(pk=row.terminal_id or 0).first()
    if now is None:
        raise Conflict(_("There is no terminal of this id, or it is not yours."))
    if change.kind == Kind.UNASSIGN and now.terminal_user_id != row.asked.get("from"):
        raise Conflict(_("Somebody else holds it by now."))
    if change.kind == Kind.ASSIGN and not row.asked.get("mobile"):
        raise Conflict(_("It is no longer kept who it named."))


def _action(kind: str, row: BulkRow, member: Membership) -> Callable[..., Operation]:
    if kind == Kind.UNASSIGN:
        return unassign_terminal
    if kind == Kind.DISCONNECT:
        return disconnect_terminal
    if kind in POINTS:
        return partial(change_point, kind=kind)
    assert row.terminal is not None
    to = holder_of(member, row.terminal.account, **row.asked)
    return partial(assign_terminal, to=to, typed=row.asked)


@transaction.atomic
def retry_failed_rows(*, change: BulkChange, by: Membership) -> int:
    """Have the rows that failed wait once more; how many. Raises Conflict while it runs."""
    by.need(Right.FLEET)
    own = BulkChange.objects.filter(pk=change.pk, state__in=(State.STOPPED, State.DONE))
    if not own.update(state=State.STOPPED, ended_at=None):
        raise Conflict(_("It is running already, or over."))
    record("bulk.again", subject=change, merchant=change.merchant_id)
    failed = change.rows.filter(state=Row.FAILED)
    return failed.update(state=Row.WAITING, said="", operation=None)


def forget_files(at: datetime) -> int:
    """Let go of what stood in files that are over since `KEPT`, and of drafts that old."""
    old = BulkChange.objects.filter(kind=Kind.ASSIGN, made_at__lt=at - KEPT)
    old = old.exclude(state=State.RUNNING)
    rows = BulkRow.objects.filter(change__in=old).exclude(state=Row.ASKED).exclude(cells=[])
    # What is not done cannot be done any more without them.
    rows.exclude(state=Row.DONE).update(state=Row.BAD, said=_("It is no longer kept who it named."))
    return rows.update(cells=[], asked={})
