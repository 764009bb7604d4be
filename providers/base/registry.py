"""Which providers there are: the folders beside this one that have a client."""

import tomllib
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any, cast

from providers.base.provider import ConnectorFactory

FOLDER = Path(__file__).resolve().parent.parent


@cache
def providers() -> dict[str, ConnectorFactory]:
    """Every connector by its name, in alphabetical order."""
    names = sorted(path.parent.name for path in FOLDER.glob("*/client.py"))
    found = (import_module(f"providers.{name}.client").Connector for name in names)
    return {factory.name: cast(ConnectorFactory, factory) for factory in found}


@cache
def providers_that(capability: type) -> tuple[str, ...]:
    """The names of those whose connectors have a capability."""
    return tuple(
        name
        for name, factory in providers().items()
        if issubclass(factory, capability)  # type: ignore[arg-type]
    )


@cache
def languages() -> tuple[str, ...]:
    """The languages in which every provider has words for people."""
    first = next(iter(sorted(FOLDER.glob("*/client.py")))).parent
    return tuple(sorted(path.name.split(".")[1] for path in first.glob("words.*.toml")))


@cache
def words(provider: str, language: str) -> dict[str, Any]:
    """A provider's words for people in one language: labels, decline reasons, refusals."""
    path = FOLDER / provider / f"words.{language}.toml"
    with path.open("rb") as source:
        return tomllib.load(source)


def said(provider: str, language: str, raw: str | None) -> str:
    """What a provider says of a card's entry, its holder's check or a device, in words.

    A text that has none is left as it is.
    """
    known: dict[str, str] = words(provider, language).get("said", {})
    return known.get((raw or "").strip().upper(), raw or "")
