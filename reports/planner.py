"""Schedules at work: what is due is planned, made once it is complete, and delivered.

Each step is read from the rows and ends in a transaction of its own, so whatever dies in between,
the next look goes on from there, and no period is made or mailed twice.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import override

from merchants.actions.mail import keep_letter
from merchants.actions.trail import Scene, acting, record
from merchants.models import Bookmark, Door, Letter, Membership, ProviderAccount
from merchants.queries import MAIN, branches_for, in_force
from merchants.sync.locks import lock_key, taken
from portal import isolation
from portal.celery import wake
from reports.actions.asking import TooMany, ask_report
from reports.delivery import NotDelivered, failure_letter, letters, upload
from reports.models import PlannedRun, ReportRun, Schedule
from settlements.queries import Complete, gaps_of

log = logging.getLogger(__name__)
State = PlannedRun.State
Clock = Callable[[], datetime]
# How often a server that does not answer is tried, longer apart each time.
MOST_TRIES = 8
AT_ONCE = 200


def tend(clock: Clock) -> int:
    """Plan what is due, and bring everything that is open one step on; how many steps."""
    with isolation.everywhere():
        due = list(
            Schedule.objects.filter(next_at__lte=clock(), paused_at=None)
            .order_by("next_at", "pk")
            .values_list("pk", "merchant")[:AT_ONCE]
        )
    steps = 0
    for pk, merchant in due:
        with isolation.of(merchant):
            try:
                steps += _plan(pk, clock)
            except Exception:
                log.exception("schedule %s", pk)
    with isolation.everywhere():
        waiting = list(
            PlannedRun.objects.filter(
                state__in=PlannedRun.OPEN, next_try_at__lte=clock(), schedule__paused_at=None
            )
            .order_by("next_try_at", "pk")
            .values_list("pk", "merchant")[:AT_ONCE]
        )
    for pk, merchant in waiting:
        with isolation.of(merchant):
            try:
                steps += _step(pk, clock)
            except Exception:
                # One odd schedule must not keep the others back, nor come again at once.
                log.exception("planned run %s", pk)
                _stumbled(pk, clock())
    return steps


def deliver(pk: int, clock: Clock) -> int:
    """Put the file of a planned run onto its server, if nobody else does; how many steps."""
    with isolation.everywhere():
        merchant = PlannedRun.objects.filter(pk=pk).values_list("merchant", flat=True).first()
    if merchant is None:
        return 0
    with isolation.of(merchant), taken([lock_key(pk, "planned")]) as mine:
        planned = _open(pk) if mine else None
        if planned is None or planned.state != State.SENDING or planned.next_try_at > clock():
            return 0
        if planned.schedule.way != Schedule.Way.SFTP:
            return 0
        member = planned.schedule.member
        with acting(Scene(Door.JOB, member.user, member)):
            try:
                return _upload(planned, clock)
            except Exception:
                log.exception("planned run %s", pk)
                _stumbled(pk, clock())
                return 0


def _stumbled(pk: int, now: datetime) -> None:
    """Try it later, longer apart each time, and at last say that it failed."""
    planned = _open(pk)
    if planned is None:
        return
    member = planned.schedule.member
    with acting(Scene(Door.JOB, member.user, member)), transaction.atomic():
        planned.tries += 1
        if planned.tries >= MOST_TRIES:
            planned.note = _("The portal itself failed. Whoever runs it can help.")
            _fail(planned, now)
            return
        planned.save(update_fields=["tries"])
        _later(planned, now, timedelta(minutes=2**planned.tries))


@transaction.atomic
def _plan(pk: int, clock: Clock) -> int:
    """A row for each time that a schedule was due, also for those that were missed."""
    own = Schedule.objects.select_for_update(skip_locked=True).filter(pk=pk, paused_at=None)
    schedule = own.first()
    now = clock()
    if schedule is None or schedule.next_at > now:
        return 0
    times = []
    while schedule.next_at <= now:
        times.append(schedule.next_at)
        schedule.next_at = schedule.after(schedule.next_at)
    rows = []
    for due in times[-Schedule.MOST_MISSED :]:
        period = schedule.period(due)
        rows.append(
            PlannedRun(
                merchant_id=schedule.merchant_id, schedule=schedule, since=period.since,
                until=period.until, due_at=due, next_try_at=now,
            )
        )  # fmt: skip
    PlannedRun.objects.bulk_create(rows, ignore_conflicts=True)
    schedule.save(update_fields=["next_at"])
    return len(rows)


def _open(pk: int) -> PlannedRun | None:
    own = PlannedRun.objects.select_related("schedule__member__user", "schedule__member__merchant")
    return own.filter(pk=pk, state__in=PlannedRun.OPEN, schedule__paused_at=None).first()


def _step(pk: int, clock: Clock) -> int:
    planned = _open(pk)
    if planned is None:
        return 0
    member = planned.schedule.member
    if planned.state == State.SENDING and planned.schedule.way == Schedule.Way.SFTP:
        # A slow server holds up nobody but itself.
        wake("reports.deliver", pk)
        return 0
    with acting(Scene(Door.JOB, member.user, member)), transaction.atomic():
        # Of two that look at once, the second finds it further.
        held = PlannedRun.objects.select_for_update(skip_locked=True, of=("self",))
        if not held.filter(pk=pk, state=planned.state).exists():
            return 0
        return {State.WAITING: _ask, State.MAKING: _look, State.SENDING: _mail}[
            State(planned.state)
        ](planned, clock())


def _ask(planned: PlannedRun, now: datetime) -> int:
    """Have it made, once all its rows are here, or its patience is over."""
    schedule = planned.schedule
    language = schedule.wish.get("language") or "en"
    with override(language):
        missing = missing_of(schedule.member, planned)
        if missing and now < planned.due_at + timedelta(hours=schedule.patience):
            return _later(planned, now, timedelta(minutes=2))
        if missing:
            planned.note = _("Something was still missing: %(what)s.") % {
                "what": "; ".join(missing)
            }
        force = Membership.objects.filter(in_force(now), pk=schedule.member_id)
        if not force.filter(user__is_active=True).exists():
            planned.note = _("Who asked for it does not work here any more: it comes no more.")
            Schedule.objects.filter(pk=schedule.pk).update(paused_at=now)
            return _fail(planned, now)
        wish = schedule.wish | {
            "since": planned.since.isoformat(), "until": planned.until.isoformat(),
        }  # fmt: skip
        try:
            planned.run = ask_report(
                by=schedule.member, report=schedule.report, form=schedule.form, wish=wish, at=now
            )
        except TooMany:
            return _later(planned, now, timedelta(minutes=2))
        except PermissionDenied as problem:
            planned.note = str(problem)
            return _fail(planned, now)
    planned.state = State.MAKING
    planned.next_try_at = now
    planned.note = planned.note[:500]
    planned.save()
    return 1


def _look(planned: PlannedRun, now: datetime) -> int:
    """Whether its report is made by now."""
    run = planned.run
    if run is not None and run.state in ReportRun.OPEN:
        return 0
    if run is None or run.state != ReportRun.State.DONE:
        with override(planned.schedule.wish.get("language") or "en"):
            planned.note = (run.problem if run else "") or _("It was cancelled.")
        return _fail(planned, now)
    if planned.schedule.way == Schedule.Way.KEPT:
        return _done(planned, now)
    planned.state, planned.next_try_at = State.SENDING, now
    planned.save()
    return 1


def _mail(planned: PlannedRun, now: datetime) -> int:
    """The letters and the word that they are on their way are one transaction."""
    if planned.letters:
        return _mailed(planned, now)
    run = planned.run
    if run is None or not run.file:
        planned.note = _("Its file is gone.")
        return _fail(planned, now)
    try:
        mails = letters(planned, run, settings.PUBLIC_URL, now)
    except NotDelivered as problem:
        planned.note = str(problem)
        return _fail(planned, now)
    if not mails:
        planned.note = _("Nobody whom it goes to may see all that is in it.")
        return _fail(planned, now)
    planned.letters = [keep_letter(mail, now).pk for mail in mails]
    planned.next_try_at = now
    planned.save(update_fields=["letters", "next_try_at"])
    return 1


def _mailed(planned: PlannedRun, now: datetime) -> int:
    """Whether the mail server has taken every letter; it is delivered then, and not before."""
    left = list(Letter.objects.filter(pk__in=planned.letters).values_list("failed_at", flat=True))
    if any(left):
        planned.note = _("The mail could not be sent.")
        return _fail(planned, now)
    return _later(planned, now, timedelta(seconds=30)) if left else _done(planned, now)


def _upload(planned: PlannedRun, clock: Clock) -> int:
    """Outside of a transaction; what was there before is the same file."""
    run, destination = planned.run, planned.schedule.destination
    problem: NotDelivered | None = None
    if run is None or not run.file or destination is None:
        problem = NotDelivered(_("Its file is gone."), final=True)
    else:
        stem, _dot, ending = run.file.rpartition("/")[2].rpartition(".")
        try:
            upload(destination, run, f"{stem}-{planned.schedule_id}.{ending}")
        except NotDelivered as found:
            problem = found
    now = clock()
    with transaction.atomic():
        held = PlannedRun.objects.select_for_update(skip_locked=True, of=("self",))
        if not held.filter(pk=planned.pk, state=State.SENDING).exists():
            return 0
        if problem is None:
            return _done(planned, now)
        planned.note = str(problem)[:500]
        planned.tries += 1
        if problem.final or planned.tries >= MOST_TRIES:
            return _fail(planned, now)
        planned.save(update_fields=["tries", "note"])
        return _later(planned, now, timedelta(minutes=2**planned.tries))


def _later(planned: PlannedRun, now: datetime, pause: timedelta) -> int:
    planned.next_try_at = now + pause
    planned.save(update_fields=["next_try_at"])
    return 0


def _done(planned: PlannedRun, now: datetime) -> int:
    planned.state, planned.ended_at = State.DONE, now
    planned.save()
    facts = {"schedule": planned.schedule.name, "since": planned.since.isoformat()}
    record("schedule.delivered", subject=planned.schedule.member, facts=facts)
    return 1


def _fail(planned: PlannedRun, now: datetime) -> int:
    """It ended without a file for anybody, and a person hears of it."""
    planned.state, planned.ended_at = State.FAILED, now
    planned.note = planned.note[:500]
    planned.save()
    facts = {"schedule": planned.schedule.name, "since": planned.since.isoformat()}
    record("schedule.failed", subject=planned.schedule.member, facts=facts)
    mail = failure_letter(planned, settings.PUBLIC_URL, now)
    if mail.to:
        keep_letter(mail, now)
    return 1


def missing_of(member: Membership, planned: PlannedRun) -> list[str]:
    """In words, what of the days of a planned run is not here yet."""
    branches = list(branches_for(member))
    if not branches:
        return []
    begins = min(each.begins(planned.since) for each in branches)
    ends = max(each.begins(planned.until) for each in branches)
    own = ProviderAccount.objects.filter(merchant=member.merchant_id)
    accounts = list(own.exclude(state=ProviderAccount.State.REMOVED).order_by("pk"))
    marks = dict(
        Bookmark.objects.filter(account__in=accounts, resource=MAIN).values_list(
            "account", "complete_to"
        )
    )
    gaps = gaps_of([each.pk for each in accounts])
    known = (
        Complete(each.name, marks.get(each.pk), tuple(gaps.get(each.pk, ()))) for each in accounts
    )
    return [words for each in known if (words := each.missing(begins, ends))]
