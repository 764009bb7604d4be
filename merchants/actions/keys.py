"""Giving everything that is encrypted the newest of ENCRYPTION_KEYS."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from allauth.mfa.models import Authenticator
from django.apps import apps
from django.db import models

from merchants.actions.mail import ROW as LETTER_ROW
from merchants.actions.trail.chain import resigned
from merchants.actions.trail.record import row_of_key
from merchants.models import AuditHead, AuditStub, Letter, PersonKey, ProviderAccount
from portal import encryption

# What second factors are encrypted for: the library does not say for which row.
FACTOR_ROW = "mfa_authenticator"
AT_ONCE = 500


def rotate(using: str) -> dict[str, int]:
    """Encrypt anew what an older key encrypts; how many rows of each kind were.

    Nothing is locked, and nothing stops meanwhile.
    """
    return {
        "accounts": _each(
            ProviderAccount.objects.using(using).exclude(credentials=None),
            "credentials",
            lambda row: _sealed(row.credentials, f"merchants_provideraccount:{row.pk}"),
        ),
        "people": _each(
            PersonKey.objects.using(using).exclude(sealed=None),
            "sealed",
            lambda row: _sealed(row.sealed, row_of_key(row.kind, row.subject_id)),
        ),
        "second factors": _each(Authenticator.objects.using(using).order_by("pk"), "data", _factor),
        "letters": _each(
            Letter.objects.using(using).filter(failed_at=None).order_by("pk"),
            "sealed",
            lambda row: _sealed(row.sealed, LETTER_ROW),
        ),
        "ends of the trail": _each(AuditHead.objects.using(using), "signature", resigned("head")),
        "stubs of the trail": _each(AuditStub.objects.using(using), "signature", resigned("stub")),
        **{name: _each(renewal.rows(using), renewal.field, renewal.renewed)
           for name, renewal in _renewals().items()},
    }  # fmt: skip


@dataclass(frozen=True)
class Renewal:
    """What another app has encrypted or signed: its rows, in which field, and the field anew.

    `renewed` gives None for what the newest key has made.
    """

    rows: Callable[[str], Any]
    field: str
    renewed: Callable[[Any], Any]


def _renewals() -> dict[str, Renewal]:
    """Those that each installed app names in its `keys.py`."""
    found: dict[str, Renewal] = {}
    for app in apps.get_app_configs():
        if find_spec(f"{app.name}.keys") is not None:
            found |= import_module(f"{app.name}.keys").RENEWALS
    return found


def resealed(value: Any, row: str) -> bytes | None:
    """A sealed value by the newest key; None where it is already."""
    return _sealed(value, row)


def _each(rows: "models.QuerySet[Any]", field: str, renewed: Callable[[Any], Any]) -> int:
    """Rewrite a field where it was made with an older key.

    One that was changed meanwhile, which need not have renewed all of it, is looked at again.
    """
    changed = missed = 0
    for row in _walked(rows):
        old, new = getattr(row, field), renewed(row)
        if new is not None:
            written = rows.filter(pk=row.pk, **{field: old}).update(**{field: new})
            changed += written
            missed += not written
    return changed + (_each(rows, field, renewed) if missed else 0)


def _walked(rows: "models.QuerySet[Any]") -> Iterator[Any]:
    after: Any = None
    while True:
        some = list((rows if after is None else rows.filter(pk__gt=after)).order_by("pk")[:AT_ONCE])
        if not some:
            return
        yield from some
        after = some[-1].pk


def _sealed(value: Any, row: str) -> bytes | None:
    if encryption.is_newest(bytes(value)):
        return None
    return encryption.seal(encryption.unseal(bytes(value), row=row), row=row)


def _factor(row: Any) -> dict[str, Any] | None:
    """The names under which the library keeps what it has encrypted."""
    renewed: dict[str, Any] = {}
    for name, value in row.data.items():
        if name in ("secret", "seed"):
            new = _sealed(bytes.fromhex(value), FACTOR_ROW)
            if new is not None:
                renewed[name] = new.hex()
        elif name == "migrated_codes":
            new_codes = [_sealed(bytes.fromhex(each), FACTOR_ROW) for each in value]
            if any(new_codes):
                renewed[name] = [
                    each.hex() if each else old for each, old in zip(new_codes, value, strict=True)
                ]
    return {**row.data, **renewed} if renewed else None
