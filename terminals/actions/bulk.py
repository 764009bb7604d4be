"""Changing many terminals at once: checked as a whole first, then asked for row by row.

Each row becomes an operation of its own shortly before it is sent, so that a stop leaves little
behind, and a row that was asked for is never asked for again unless it was withdrawn unsent.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from merchants.actions.operations import is_offered, withdraw_operation
from merchants.actions.trail import Scene, acting, record, scene
from merchants.models import Door, Membership, Operation, Right
from merchants.queries import in_force, open_operations
from portal.celery import wake
from portal.conflicts import Conflict
from portal.tables import ROUNDED
from portal.templatetags.show import masked_name
from providers.base.provider import AssignsTerminals, DisconnectsTerminals
from terminals.actions.moving import (
    Holder,
    assign_terminal,
    disconnect_terminal,
    unassign_terminal,
)
from terminals.models import BulkChange, BulkRow, Terminal, TerminalUser
from terminals.numbers import e164
from terminals.queries import terminal_users_for, terminals_for

Kind, State, Row = Operation.Kind, BulkChange.State, BulkRow.State
# Rows that are asked for at a time: a person's own wish waits behind no more than these.
WINDOW = 40
# How long a file's cells are kept once it is over: for fetching what failed.
KEPT = timedelta(days=7)
FIELDS = ("tid", "name", "mobile", "email")
# What a column of a file may be called, in lower case and without spaces and strokes.
CALLED = {
    "tid": ("tid", "terminalid", "terminal", "معرفالجهاز", "رقمالجهاز", "الجهاز", "terminalnr"),
    "name": ("name", "fullname", "person", "heldby", "الاسم", "navn"),
    "mobile": ("mobile", "phone", "mobilenumber", "الجوال", "رقمالجوال", "mobil", "telefon"),
    "email": ("email", "mail", "البريد", "البريدالإلكتروني"),
}
CAPABILITIES = {
    Kind.ASSIGN: AssignsTerminals, Kind.UNASSIGN: AssignsTerminals,
    Kind.DISCONNECT: DisconnectsTerminals,
}  # fmt: skip


def columns_of(header: Sequence[str]) -> dict[str, int]:
    """Which column of a file is what, as far as their names tell."""
    plain = ["".join(c for c in each.casefold() if c.isalnum()) for each in header]
    found = {}
    for field, names in CALLED.items():
        places = [place for place, name in enumerate(plain) if name in names]
        if places:
            found[field] = places[0]
    return found


def draft_upload(
    *, title: str, header: list[str], rows: list[list[str]], by: Membership, key: str, at: datetime
) -> BulkChange:
    """Keep an uploaded list of who is to hold what, checked, and not started."""
    by.need(Right.FLEET)
    many = [BulkRow(cells=cells) for cells in rows]
    change = BulkChange(kind=Kind.ASSIGN, header=header, columns=columns_of(header))
    with transaction.atomic():
        made, new = _draft(change, many, title, by, key, at)
        if new:
            check_rows(made, made.columns, by=by)
    return made


def draft_chosen(
    *,
    kind: str,
    terminals: Iterable[Terminal],
    title: str,
    by: Membership,
    key: str,
    at: datetime,
    to: Holder | None = None,
    leaver: TerminalUser | None = None,
) -> BulkChange:
    """Keep a choice of terminals that are all to be taken back, signed out, or handed to one.

    Where they are all that a `leaver` holds, it is begun at once.
    """
    by.need(Right.FLEET)
    asked = {} if to is None else {"name": to.name, "mobile": to.mobile, "email": to.email}
    many = [
        BulkRow(terminal=each, cells=[each.tid], asked=asked)
        for each in sorted(terminals, key=lambda each: (each.tid, each.pk))
    ]
    for row in many:
        row.said = _chosen_wrong(row, kind)
        if kind == Kind.UNASSIGN and row.terminal is not None:
            row.asked = {"from": row.terminal.terminal_user_id}
        row.state = Row.BAD if row.said else Row.WAITING
    change = BulkChange(kind=kind, header=["TID"])
    if leaver is not None:
        change.state, change.started_at = State.RUNNING, at
    return _draft(change, many, title, by, key, at, leaver)[0]


@transaction.atomic
def _write(change: BulkChange, rows: list[BulkRow], leaver: TerminalUser | None) -> None:
    change.save()
    for position, row in enumerate(rows, 1):
        row.merchant_id, row.change, row.position = change.merchant_id, change, position
    BulkRow.objects.bulk_create(rows, batch_size=500)
    told = {"kind": change.kind, "rows": len(rows)}
    if leaver is None:
        record("bulk.made", subject=change, facts=told)
    else:
        record("person.off_boarded", subject=leaver, facts=told)
        wake("terminals.feed_change", change.pk)


def _draft(
    change: BulkChange,
    rows: list[BulkRow],
    title: str,
    by: Membership,
    key: str,
    at: datetime,
    leaver: TerminalUser | None = None,
) -> tuple[BulkChange, bool]:
    """Whether it is new: a form that is sent twice makes one."""
    change.merchant_id, change.by, change.title = by.merchant_id, by, title[:200]
    change.key, change.made_at = key, at
    try:
        with transaction.atomic():
            _write(change, rows, leaver)
    except IntegrityError:
        return BulkChange.objects.get(merchant=by.merchant_id, key=key), False
    return change, True


@transaction.atomic
def check_rows(change: BulkChange, columns: Mapping[str, int], *, by: Membership) -> None:
    """Read a file's rows by its columns: what each means, or what is wrong with it, in words."""
    own = BulkChange.objects.filter(pk=change.pk, state=State.DRAFT)
    if not own.update(columns=dict(columns)):
        raise Conflict(_("It has been started already."))
    rows = list(change.rows.order_by("position"))
    read = [{f: row.cells[at] for f, at in columns.items() if at < len(row.cells)} for row in rows]
    tids = [each.get("tid", "") for each in read]
    # A terminal that is gone, or of an account that was removed, gives way to one that is there.
    found = terminals_for(by).filter(tid__in=set(tids)).order_by("-pk")
    usable = sorted(found, key=lambda each: not _unreachable(each, Kind.ASSIGN))
    there = {each.tid: each for each in usable}
    often = Counter(tids)
    for row, each in zip(rows, read, strict=True):
        terminal = there.get(each.get("tid", ""))
        row.terminal = terminal
        row.said = _wrong(each, terminal, often)
        row.state = Row.BAD if row.said else Row.WAITING
        row.asked = {} if row.said else _holder(each)
    BulkRow.objects.bulk_update(rows, ["terminal", "said", "state", "asked"], batch_size=500)


def _wrong(each: Mapping[str, str], terminal: Terminal | None, often: Mapping[str, int]) -> str:
    tid = each.get("tid", "")
    if tid == ROUNDED:
        return _("The spreadsheet has rounded this id. Format the column as text and type it anew.")
    if not tid:
        return _("The terminal id is missing.")
    if terminal is None:
        return _("There is no terminal of this id, or it is not yours.")
    if often[tid] > 1:
        return _("This terminal stands in the file more than once.")
    if not each.get("name"):
        return _("The name is missing.")
    if e164(each.get("mobile", "")) is None:
        return _("This is no mobile number. Begin with + and its country.")
    try:
        if each.get("email"):
            validate_email(each["email"])
    except ValidationError:
        return _("This is no e-mail address.")
    return _unreachable(terminal, Kind.ASSIGN)


def _unreachable(terminal: Terminal, kind: str) -> str:
    if not is_offered(terminal.account, CAPABILITIES[Kind(kind)]):
        return _("%(provider)s cannot do that.") % {"provider": terminal.account.title}
    if terminal.ref is None:
        return _("The provider no longer lists this terminal, or has not done so yet.")
    return ""


def _holder(each: Mapping[str, str]) -> dict[str, str]:
    mobile = e164(each.get("mobile", "")) or ""
    return {"name": each["name"][:200], "mobile": mobile, "email": each.get("email", "")}


def _chosen_wrong(row: BulkRow, kind: str) -> str:
    assert row.terminal is not None
    if kind == Kind.UNASSIGN and row.terminal.terminal_user_id is None:
        return _("Nobody holds it.")
    return _unreachable(row.terminal, kind)


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
            row.said = row.operation.message or str(row.operation.get_state_display())
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
            made = _action(change.kind, row)(terminal=row.terminal, by=member, key=key, at=at)
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


def _action(kind: str, row: BulkRow) -> Callable[..., Operation]:
    if kind == Kind.UNASSIGN:
        return unassign_terminal
    if kind == Kind.DISCONNECT:
        return disconnect_terminal
    assert row.terminal is not None
    own = TerminalUser.objects.filter(account=row.terminal.account_id, erased_at=None)
    known = own.filter(mobile=row.asked["mobile"]).order_by("pk").first()
    name = known.name if known else row.asked["name"]
    email = (known.email if known else "") or row.asked["email"]
    to = Holder(name, row.asked["mobile"], email, known)
    return partial(assign_terminal, to=to, typed=row.asked)


@transaction.atomic
def again(*, change: BulkChange, by: Membership) -> int:
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
    old = BulkChange.objects.filter(made_at__lt=at - KEPT).exclude(state=State.RUNNING)
    rows = BulkRow.objects.filter(change__in=old).exclude(state=Row.ASKED).exclude(cells=[])
    # What is not done cannot be done any more without them.
    rows.exclude(state=Row.DONE).update(state=Row.BAD, said=_("It is no longer kept who it named."))
    return rows.update(cells=[], asked={})


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


def move_in_words(words: Mapping[str, str], *, is_new: bool) -> str:
    """What handing `what` to `who` does, with its present `holder`, where there is one."""
    if is_new and words["holder"]:
        return (
            _("Makes %(who)s known, takes %(what)s from %(holder)s and gives it to them.") % words
        )
    if is_new:
        return _("Makes %(who)s known and gives them %(what)s.") % words
    if words["holder"]:
        return _("Takes %(what)s from %(holder)s and gives it to %(who)s.") % words
    return _("Gives %(what)s to %(who)s.") % words
