"""What is to be changed, kept and checked as a whole: each row means something, or says why not."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from merchants.actions.operations import is_offered
from merchants.actions.trail import record
from merchants.models import Membership, Operation, ProviderAccount, Right
from portal.celery import wake
from portal.conflicts import Conflict
from portal.tables import ROUNDED
from providers.base.provider import AssignsTerminals, CarriesPoints, DisconnectsTerminals
from terminals.actions.moving import Holder
from terminals.actions.numbering import POINTS, point_wrong
from terminals.models import BulkChange, BulkRow, Terminal, TerminalUser
from terminals.numbers import e164
from terminals.queries import terminals_for

Kind, State, Row = Operation.Kind, BulkChange.State, BulkRow.State
# What a column of a file may be called, in lower case and without spaces and strokes.
CALLED = {
    "tid": ("tid", "terminalid", "terminal", "معرفالجهاز", "رقمالجهاز", "الجهاز", "terminalnr"),
    "name": ("name", "fullname", "person", "heldby", "الاسم", "navn"),
    "mobile": ("mobile", "phone", "mobilenumber", "الجوال", "رقمالجوال", "mobil", "telefon"),
    "email": ("email", "mail", "البريد", "البريدالإلكتروني"),
}
CAPABILITIES = {
    Kind.ASSIGN: AssignsTerminals, Kind.UNASSIGN: AssignsTerminals,
    Kind.DISCONNECT: DisconnectsTerminals, **dict.fromkeys(POINTS, CarriesPoints),
}  # fmt: skip


def bulk_kinds(accounts: Iterable[ProviderAccount]) -> list[str]:
    """What can be done with many terminals at once, as the accounts' providers can."""
    own = list(accounts)
    return [
        kind.value for kind, capability in CAPABILITIES.items()
        if any(is_offered(each, capability) for each in own)
    ]  # fmt: skip


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
    """Keep a choice of terminals with which all the same is to be done.

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
    if kind in POINTS:
        return point_wrong(terminal, kind)
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
