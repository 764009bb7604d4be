"""How a token says who asks the API."""

from django.utils import timezone
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.request import Request

from merchants.actions.people import token_digest
from merchants.actions.trail import Scene, enter
from merchants.models import ApiToken, Door, Membership, Right, User
from merchants.queries import in_force
from portal import isolation
from portal.client import client_address

KEYWORD = b"token"
# A token's last use is written at most this often, so that reading stays reading.
USE_IS_NOTED_AFTER_SECONDS = 60


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Token …`; `request.auth` is the token's membership."""

    def authenticate(self, request: Request) -> tuple[User, Membership] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != KEYWORD:
            return None
        if len(words) != 2:
            raise exceptions.AuthenticationFailed("The token is not whole.")
        digest = token_digest(words[1].decode("latin-1"))
        now = timezone.now()
        with isolation.everywhere():
            token = (
                ApiToken.objects.select_related(
                    "membership__user", "membership__merchant", "membership__custom_role"
                )
                .filter(in_force(now, "membership__"))
                .exclude(expires_at__lte=now)
                .filter(digest=digest, membership__user__is_active=True)
                .first()
            )
        if token is None:
            raise exceptions.AuthenticationFailed("The token is not known.")
        member = token.membership
        if token.rights is not None:
            member.kept_to = frozenset(Right(each) for each in token.rights)
        if token.branches is not None:
            member.kept_to_branches = frozenset(token.branches)
        # The rest of the request acts as the token's member, until the middleware's end.
        enter(Scene(Door.API, member.user, member, client_address(request)))
        isolation.enter(isolation.Scope(member.merchant_id, member.user_id))
        last = token.last_used_at
        if last is None or (now - last).total_seconds() > USE_IS_NOTED_AFTER_SECONDS:
            ApiToken.objects.filter(pk=token.pk).update(last_used_at=now)
        return member.user, member

    def authenticate_header(self, request: Request) -> str:
        return "Token"
