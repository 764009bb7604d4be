"""Connecting provider accounts, and calling the provider with their credentials."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import msgspec
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from merchants.actions.trail import record
from merchants.models import Gap, Membership, Merchant, ProviderAccount
from portal import encryption
from portal.celery import wake
from providers.base.errors import NotAuthorised, Refused
from providers.base.http import Limits, allowed
from providers.base.provider import Connector
from providers.base.registry import providers

State = ProviderAccount.State
# Failed runs in a row after which an account is only probed, with a single try.
BREAKER_OPENS_AT = 5


class AlreadyConnected(Exception):
    """This merchant has connected the same credentials before."""


class InvalidCredentials(Exception):
    """What was typed is not what the provider needs; `field` says where."""

    def __init__(self, message: str, field: str = "") -> None:
        super().__init__(message)
        self.field = field


def connect_account(
    *, merchant: Merchant, provider: str, name: str, credentials: dict[str, str], at: datetime
) -> ProviderAccount:
    """Store a merchant's credentials, encrypted and bound to their row, and sync at once.

    Raises InvalidCredentials or AlreadyConnected, and then nothing has changed.
    """
    checked = check_credentials(provider, credentials)
    # The row's own number is part of what is sealed, so it has to be known before.
    with connection.cursor() as cursor:
        cursor.execute("select nextval(pg_get_serial_sequence('merchants_provideraccount', 'id'))")
        pk = cursor.fetchone()[0]
    account = ProviderAccount(
        pk=pk, merchant=merchant, provider=provider, name=name, next_sync_at=at, next_deep_at=at
    )
    _seal(account, checked, at)
    try:
        with transaction.atomic():
            account.save(force_insert=True)
            record("account.connected", subject=account, facts={"provider": provider, "name": name})
            wake("merchants.sync_account", account.pk, "SCHEDULE")
    except IntegrityError:
        raise AlreadyConnected("These credentials are connected already.") from None
    return account


def change_account(
    *,
    account: ProviderAccount,
    name: str,
    at: datetime,
    credentials: dict[str, str] | None = None,
) -> None:
    """Give an account another name or new credentials.

    With new credentials a refused or paused one is active again. Raises InvalidCredentials or
    AlreadyConnected, and then nothing has changed.
    """
    try:
        with transaction.atomic():
            # As it is behind the lock: what somebody did meanwhile is not undone.
            now = ProviderAccount.objects.select_for_update().get(pk=account.pk)
            if now.state == State.REMOVED:
                return
            changes: dict[str, Any] = {}
            if name != now.name:
                changes["name"] = [now.name, name]
                now.name = name
            if credentials:
                before = described(now)
                _seal(now, check_credentials(now.provider, credentials), at)
                now.state, now.next_sync_at = State.ACTIVE, at
                now.failures, now.retry_at = 0, None
                after = described(now)
                changes["credentials"] = ", ".join(sorted(credentials))
                changes |= {
                    key: [before.get(key), value]
                    for key, value in after.items()
                    if before.get(key) != value
                }
            if not changes:
                return
            now.save()
            record("account.changed", subject=now, facts=changes)
            if credentials:
                wake("merchants.sync_account", now.pk, "SCHEDULE")
    except IntegrityError:
        raise AlreadyConnected("These credentials are connected already.") from None


def _seal(account: ProviderAccount, credentials: msgspec.Struct, at: datetime) -> None:
    plain = msgspec.json.encode(credentials, order="sorted")
    account.credentials = encryption.seal(plain, row=_row(account))
    secret = "\0".join(str(getattr(credentials, name)) for name in secret_fields(account.provider))
    purpose = f"account:{account.provider}"
    account.fingerprint = encryption.fingerprint(secret, purpose=purpose)
    account.credentials_set_at = at


def _row(account: ProviderAccount) -> str:
    return f"merchants_provideraccount:{account.pk}"


def check_credentials(provider: str, credentials: dict[str, str]) -> msgspec.Struct:
    """The typed credentials; an address must be one of the provider's or of PROVIDER_HOSTS."""
    factory = providers().get(provider)
    if factory is None:
        raise InvalidCredentials(f"There is no provider named {provider}.")
    known = factory.credentials.__struct_fields__
    for key in credentials:
        if key not in known:
            raise InvalidCredentials(f"{key} is not one of: {', '.join(known)}.", "")
    given = {key: value.strip() for key, value in credentials.items() if value.strip()}
    try:
        checked = msgspec.convert(given, factory.credentials)
    except msgspec.ValidationError as problem:
        field = next(
            (key for key in known if f"`{key}`" in str(problem) or f"$.{key}" in str(problem)), ""
        )
        raise InvalidCredentials("This value is missing or too short.", field) from None
    base_url = getattr(checked, "base_url", None)
    if base_url is not None:
        try:
            allowed(base_url, factory.hosts | frozenset(settings.PROVIDER_HOSTS))
        except Refused as problem:
            raise InvalidCredentials(str(problem), "base_url") from None
    return checked


def secret_fields(provider: str) -> list[str]:
    """Which of a provider's credentials are never shown again."""
    properties = msgspec.json.schema(providers()[provider].credentials)
    definition = next(iter(properties["$defs"].values()))
    return [name for name, each in definition["properties"].items() if each.get("secret")]


def credentials_of(account: ProviderAccount) -> msgspec.Struct:
    """The credentials in the clear; they may go to the connector and nowhere else.

    Raises NotAuthorised where no configured key opens them: a person must type them again.
    """
    assert account.credentials is not None
    try:
        plain = encryption.unseal(bytes(account.credentials), row=_row(account))
    except encryption.CannotDecrypt:
        raise NotAuthorised(
            "The stored credentials cannot be opened with the present ENCRYPTION_KEYS: "
            "type them again, or give the portal its old key back."
        ) from None
    return msgspec.json.decode(plain, type=providers()[account.provider].credentials)


def in_the_clear(account: ProviderAccount) -> dict[str, str]:
    """The credentials by name, as they were typed; for the same account only."""
    plain: dict[str, str] = msgspec.to_builtins(credentials_of(account))
    return plain


def _token_field(account: ProviderAccount) -> str:
    """Which of its credentials is the token that its provider gives out."""
    return providers()[account.provider].given or ""


def has_token(account: ProviderAccount) -> bool:
    """Whether the account has a token; one that cannot be opened is one."""
    try:
        return bool(getattr(credentials_of(account), _token_field(account)))
    except NotAuthorised:
        return True


def works_with_token(account: ProviderAccount, token: str) -> None:
    """Call the provider once with another token. Raises what it fails with."""
    changed = msgspec.structs.replace(credentials_of(account), **{_token_field(account): token})
    connector = providers()[account.provider](
        changed, hosts=frozenset(settings.PROVIDER_HOSTS), limits=Limits(tries=3, read=10, total=12)
    )
    try:
        connector.try_connection()
    finally:
        connector.close()


def seal_token(account: ProviderAccount, token: str, at: datetime) -> None:
    """Encrypt the account's credentials with another token in them; the caller saves it."""
    changed = msgspec.structs.replace(credentials_of(account), **{_token_field(account): token})
    _seal(account, changed, at)


@contextmanager
def opened(account: ProviderAccount, limits: Limits | None = None) -> Iterator[Connector]:
    """The account's connector, closed afterwards. Never used inside a database transaction."""
    if limits is None:
        probing = account.failures >= BREAKER_OPENS_AT
        limits = Limits(
            per_second=account.requests_per_minute / 60, tries=1 if probing else Limits.tries
        )
    factory = providers()[account.provider]
    connector = factory(
        credentials_of(account), hosts=frozenset(settings.PROVIDER_HOSTS), limits=limits
    )
    try:
        yield connector
    finally:
        connector.close()


def try_credentials(provider: str, credentials: dict[str, str]) -> None:
    """Call the provider once with credentials that are not stored; raises what went wrong."""
    checked = check_credentials(provider, credentials)
    connector = providers()[provider](
        checked, hosts=frozenset(settings.PROVIDER_HOSTS), limits=Limits(tries=1, read=10, total=12)
    )
    try:
        connector.try_connection()
    finally:
        connector.close()


@transaction.atomic
def pause_account(*, account: ProviderAccount) -> None:
    """Stop calling the provider until a person goes on."""
    changed = ProviderAccount.objects.filter(pk=account.pk, state=State.ACTIVE)
    if changed.update(state=State.PAUSED):
        record("account.paused", subject=account)


@transaction.atomic
def resume_account(*, account: ProviderAccount, at: datetime) -> None:
    """Go on, and read at once what has happened meanwhile."""
    waiting = ProviderAccount.objects.filter(pk=account.pk, state__in=(State.PAUSED, State.REFUSED))
    if waiting.update(state=State.ACTIVE, next_sync_at=at, failures=0, retry_at=None):
        record("account.resumed", subject=account)
        wake("merchants.sync_account", account.pk, "SCHEDULE")


@transaction.atomic
def remove_account(*, account: ProviderAccount) -> None:
    """Forget the credentials for ever. Rows that were synced stay, of a removed account."""
    there = ProviderAccount.objects.filter(pk=account.pk).exclude(state=State.REMOVED)
    if there.update(state=State.REMOVED, credentials=None, fingerprint=None):
        record("account.removed", subject=account, facts={"name": account.name})


def ask_for_sync(*, account: ProviderAccount, by: Membership, at: datetime) -> None:
    """Start a sync as soon as a worker is free; one that runs already is enough."""
    with transaction.atomic():
        ProviderAccount.objects.filter(pk=account.pk).update(retry_at=None)
        record("account.sync_asked", subject=account)
        wake("merchants.sync_account", account.pk, "BUTTON", by.user_id)


def ask_to_close(*, gap: Gap, by: Membership, at: datetime) -> None:
    """Have a gap read as soon as a worker is free. A second wish changes nothing."""
    own = Gap.objects.filter(pk=gap.pk, asked_at__isnull=True, closable=True)
    with transaction.atomic():
        if own.update(asked_at=at, asked_by=by.user_id):
            gap.asked_at = at
            record(
                "gap.asked",
                subject=gap,
                merchant=by.merchant_id,
                facts={"resource": gap.resource, "until": gap.until.isoformat()},
            )
        wake("merchants.close_gaps", gap.account_id)


def webhook_secret(account: ProviderAccount) -> str:
    """The unguessable part of an account's webhook address. Derived, so no row holds it."""
    return encryption.fingerprint(str(account.pk), purpose="webhook").hex()[:40]


def webhook_path(account: ProviderAccount) -> str:
    """Where the provider may send its webhooks for this account."""
    return reverse("merchants:hook", args=[account.pk, webhook_secret(account)])


def described(account: ProviderAccount) -> dict[str, Any]:
    """What of the credentials may be shown: everything but the secrets."""
    if account.credentials is None:
        return {}
    hidden = secret_fields(account.provider)
    try:
        shown = msgspec.to_builtins(credentials_of(account))
    except NotAuthorised:
        return {}
    return {key: value for key, value in shown.items() if key not in hidden}
