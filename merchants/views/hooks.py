"""Where providers tell that something has changed."""

import json

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.crypto import constant_time_compare
from django.utils.timezone import now
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from merchants.actions import accounts as actions
from merchants.actions.hints import note_hint
from merchants.models import ProviderAccount
from portal import isolation


@csrf_exempt
@require_POST
def hook(request: HttpRequest, pk: int, secret: str) -> HttpResponse:
    """A provider's unsigned webhook: a hint that something changed, and nothing more.

    The address is the secret. Of the body only an id is read, which is then asked for by API.
    """
    with isolation.everywhere():
        found = get_object_or_404(ProviderAccount, pk=pk)
    if not constant_time_compare(actions.webhook_secret(found), secret):
        raise Http404
    try:
        body = json.loads(request.body[: settings.DATA_UPLOAD_MAX_MEMORY_SIZE])
    except (ValueError, RecursionError):
        body = None
    with isolation.of(found.merchant_id):
        note_hint(account=found, body=body, at=now())
    return HttpResponse(status=204)
