"""How much of a sale the people of each role may give back, and from where on it takes two."""

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from merchants.actions.trail import record
from merchants.models import CustomRole, Membership, Merchant, Right, Role
from portal.conflicts import Conflict
from providers.base.money import Money, major_text
from transactions.models import RefundLimit


class OverLimit(Conflict):
    """More than the role may give back of one sale."""

    status = 403


@dataclass(frozen=True)
class Limit:
    """What a role may give back of one sale; None: whatever is left of it, and never by two."""

    role: str
    custom_role: CustomRole | None
    currency: str
    most: int | None = None
    alone: int | None = None

    @property
    def key(self) -> tuple[str, int | None, str]:
        return self.role, self.custom_role.pk if self.custom_role else None, self.currency

    @property
    def title(self) -> str:
        return str(self.custom_role or Role(self.role).label)


def need_limit(by: Membership, whole: Money) -> bool:
    """Whether so much of one sale takes two people. Raises OverLimit where it is too much."""
    own = RefundLimit.objects.filter(
        merchant=by.merchant_id, role=by.role, custom_role=by.custom_role_id,
        currency=whole.currency,
    )  # fmt: skip
    limit = own.first()
    if limit is None:
        # Who is limited in one currency is not free in another that nobody has thought of.
        return RefundLimit.objects.filter(
            merchant=by.merchant_id, role=by.role, custom_role=by.custom_role_id
        ).exists()
    if limit.most_minor is not None and whole.minor > limit.most_minor:
        raise OverLimit(
            _("Your role may give back at most %(most)s %(currency)s of one sale.")
            % {
                "most": major_text(limit.most_minor, whole.currency),
                "currency": whole.currency,
            }
        )
    return limit.alone_minor is not None and whole.minor > limit.alone_minor


def limits_of(merchant: Merchant, currencies: Iterable[str]) -> list[Limit]:
    """What each role that may ask for payments may give back, in each currency."""
    own = {
        (each.role, each.custom_role_id, each.currency): each
        for each in RefundLimit.objects.filter(merchant=merchant)
    }
    custom = CustomRole.objects.filter(merchant=merchant, rights__contains=[Right.PAYMENTS.value])
    roles: list[tuple[str, CustomRole | None]] = [
        (role.value, None) for role in Role.holding(Right.PAYMENTS)
    ]
    roles += [(Role.CUSTOM.value, each) for each in custom.order_by("name", "pk")]
    every = sorted({*currencies, *(currency for _role, _own, currency in own)})
    plain = [Limit(role, each, currency) for role, each in roles for currency in every]
    return [
        Limit(
            each.role, each.custom_role, each.currency, own[each.key].most_minor,
            own[each.key].alone_minor,
        ) if each.key in own else each
        for each in plain
    ]  # fmt: skip


@transaction.atomic
def set_limits(*, limits: Iterable[Limit], by: Membership) -> int:
    """Let the roles give back so much from now on; how many limits have changed."""
    by.need(Right.TEAM)
    # Of two who save at once, the second sees what the first has saved.
    Merchant.objects.select_for_update(no_key=True).get(pk=by.merchant_id)
    wished = {each.key: each for each in limits}
    currencies = {each.currency for each in wished.values()}
    before = {each.key: each for each in limits_of(by.merchant, currencies)}
    changed = [each for key, each in wished.items() if before.get(key) != each]
    for each in changed:
        own = RefundLimit.objects.filter(
            merchant=by.merchant_id, role=each.role, custom_role=each.custom_role,
            currency=each.currency,
        )  # fmt: skip
        own.delete()
        if (each.most, each.alone) != (None, None):
            RefundLimit.objects.create(
                merchant_id=by.merchant_id, role=each.role, custom_role=each.custom_role,
                currency=each.currency, most_minor=each.most, alone_minor=each.alone,
            )  # fmt: skip
        facts = {
            "role": each.title, "currency": each.currency, "most": each.most, "alone": each.alone
        }  # fmt: skip
        record("refunds.limited", subject=by.merchant, facts=facts)
    return len(changed)
