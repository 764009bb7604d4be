"""Asking somebody again who they are, before what touches secrets or other people."""

from time import time
from urllib.parse import urlencode

from allauth.account.authentication import get_authentication_records
from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse


def is_confirmed(request: HttpRequest) -> bool:
    """Whether the person has shown who they are in the last minutes, by signing in or again."""
    records = get_authentication_records(request, request.user)
    latest = max((record["at"] for record in records), default=0)
    return bool(time() - latest < settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)


def ask_again(request: HttpRequest, back: str = "") -> HttpResponse:
    """To the question, and from there back here, or to where the button was.

    What was typed into a form is typed again.
    """
    back = back or (request.get_full_path() if request.method in ("GET", "HEAD") else request.path)
    return redirect(f"{reverse('account_reauthenticate')}?{urlencode({REDIRECT_FIELD_NAME: back})}")
