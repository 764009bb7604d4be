"""The frame: settings, addresses, jobs, the answers to htmx, formatting, encryption, logs."""

from portal.celery import app as celery_app

__all__ = ["celery_app"]
