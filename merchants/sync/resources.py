"""What can be synced, gathered from every installed app."""

from functools import cache
from importlib import import_module
from importlib.util import find_spec

from django.apps import apps

from merchants.actions.resource import Resource


@cache
def resources() -> list[Resource]:
    """What every installed app can sync, found by the name of its module, in order."""
    found: list[Resource] = []
    for app in apps.get_app_configs():
        if find_spec(f"{app.name}.sync") is not None:
            found += import_module(f"{app.name}.sync").RESOURCES
    return sorted(found, key=lambda resource: resource.position)
