"""Handing a receipt to a customer, vouching for it, and noting what was said about it."""

import secrets
from datetime import datetime, timedelta

from django.core.mail import send_mail
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from merchants.actions.people import token_digest
from merchants.actions.trail import Personal, Scene, acting, record, scene
from merchants.models import Door, Membership, Right
from portal import isolation
from transactions.models import IssuedReceipt, Note, SharedReceipt, Transaction

# Days for which a link may be good.
LASTS = (1, 7, 30, 90)


@transaction.atomic
def share_receipt(
    *, found: Transaction, by: Membership, days: int, at: datetime
) -> tuple[SharedReceipt, str]:
    """Make a link to a transaction's receipts; the second part is its secret, told this once."""
    by.need(Right.LOOK_UP)
    if days not in LASTS:
        raise ValueError("Not one of the times that are offered.")
    secret = secrets.token_urlsafe(32)
    made = SharedReceipt.objects.create(
        merchant_id=by.merchant_id, transaction=found, digest=token_digest(secret),
        made_by_id=by.user_id, made_at=at, expires_at=at + timedelta(days=days),
    )  # fmt: skip
    record("receipt.shared", subject=found, facts={"days": days, "share": made.pk})
    return made, secret


@transaction.atomic
def mail_receipt(*, share: SharedReceipt, link: str, email: str, by: Membership) -> None:
    """Mail a link, in the sender's language; the letter waits as a row until a job has sent it."""
    own = SharedReceipt.objects.filter(pk=share.pk, revoked_at=None)
    if not own.update(mailed=True):
        return
    context = {"merchant": by.merchant, "link": link, "share": share}
    text = render_to_string("transactions/shared.txt", context)
    subject = _("Your receipt from %(merchant)s") % {"merchant": by.merchant.name}
    send_mail(subject.replace("\n", " "), text, None, [email])
    facts = {"share": share.pk, "to": Personal(email, "sharedreceipt", share.pk)}
    record("receipt.mailed", subject=share.transaction, facts=facts)


@transaction.atomic
def revoke_share(*, share: SharedReceipt, by: Membership, at: datetime) -> None:
    """Let a link open nothing any more. Once more changes nothing."""
    by.need(Right.LOOK_UP)
    if SharedReceipt.objects.filter(pk=share.pk, revoked_at=None).update(revoked_at=at):
        record("receipt.share_revoked", subject=share.transaction, facts={"share": share.pk})


def shared_by(secret: str, at: datetime) -> SharedReceipt | None:
    """What a link shows, if it still shows anything."""
    with isolation.everywhere():
        own = SharedReceipt.objects.filter(revoked_at=None, expires_at__gt=at)
        return own.select_related("merchant").filter(digest=token_digest(secret)).first()


@transaction.atomic
def note_opened(*, share: SharedReceipt, at: datetime) -> None:
    """Count that somebody opened a link; the trail has each."""
    SharedReceipt.objects.filter(pk=share.pk).update(opened=F("opened") + 1, opened_at=at)
    about = ("transaction", share.transaction_id)
    # Whoever holds the link, and whoever they are elsewhere: here they are nobody.
    with acting(Scene(Door.PAGE, None, None, scene().address)):
        record("receipt.opened", about=about, merchant=share.merchant_id, facts={"share": share.pk})


def issue_receipt(*, found: Transaction, at: datetime) -> IssuedReceipt | None:
    """The receipt in force that a transaction's paper stands for; made when paper first leaves.

    None once its papers were withdrawn: what leaves after that has no code of ours.
    """
    if IssuedReceipt.objects.filter(transaction=found).exclude(withdrawn_at=None).exists():
        return None
    made, _new = IssuedReceipt.objects.get_or_create(
        transaction=found, amount_minor=found.amount_minor, currency=found.currency,
        withdrawn_at=None, defaults={"merchant_id": found.merchant_id, "issued_at": at},
    )  # fmt: skip
    return made


@transaction.atomic
def withdraw_receipt(*, found: Transaction, by: Membership, reason: str, at: datetime) -> int:
    """Say of every paper of a transaction that it is worth nothing any more; of how many.

    Its links are revoked with it.
    """
    by.need(Right.PAYMENTS)
    links = SharedReceipt.objects.filter(transaction=found, revoked_at=None).update(revoked_at=at)
    own = IssuedReceipt.objects.filter(transaction=found, withdrawn_at=None)
    count = own.update(withdrawn_at=at)
    if count or links:
        facts = {"papers": count, "links": links}
        record("receipt.withdrawn", subject=found, reason=reason, facts=facts)
    return count


@transaction.atomic
def add_note(
    *, found: Transaction, by: Membership, text: str, case: str, tag: str, at: datetime
) -> Note:
    """Note something about a transaction: words, the number of a case, a tag."""
    by.need(Right.LOOK_UP)
    note = Note.objects.create(
        merchant_id=by.merchant_id, transaction=found, by_id=by.user_id, at=at,
        text=text, case=case, tag=tag,
    )  # fmt: skip
    record("note.added", subject=found, facts={"note": note.pk})
    return note
