"""Rules of the house that a machine can check."""

import ast
import re
import tomllib
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command

from portal.embedded import ROOT
from providers.base.registry import FOLDER, providers

APPS = ("portal", "providers", "merchants", "terminals", "transactions", "settlements", "reports")
SOURCES = [
    path for app in APPS for path in (ROOT / app).rglob("*.py") if "migrations" not in path.parts
]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))


def test_no_file_has_a_banned_name() -> None:
    banned = {"utils", "helpers", "services", "managers", "signals", "constants", "common", "core"}
    assert [path for path in SOURCES if path.stem in banned] == []


def test_every_module_says_what_it_is() -> None:
    silent = [
        path
        for path in SOURCES
        if path.read_text().strip() and ast.get_docstring(ast.parse(path.read_text())) is None
    ]
    assert silent == []


def test_nothing_is_left_open_or_silenced() -> None:
    marks = re.compile(r"\b(TODO|FIXME|XXX)\b|NotImplementedError|type: ignore(?!\[)")
    assert [path for path in SOURCES if marks.search(path.read_text())] == []


def test_no_default_order_hides_a_sort() -> None:
    for path in ROOT.glob("*/models.py"):
        assert "ordering" not in path.read_text()


@pytest.mark.parametrize("provider", sorted(providers()))
def test_every_provider_has_its_words_in_every_language(provider: str) -> None:
    found = {}
    for code, _name in settings.LANGUAGES:
        with (FOLDER / provider / f"words.{code}.toml").open("rb") as source:
            found[code] = tomllib.load(source)

    def keys(value: object, path: str = "") -> set[str]:
        if isinstance(value, dict):
            return {inner for k, v in value.items() for inner in keys(v, f"{path}.{k}")}
        assert value, path
        return {path}

    first, *others = found.values()
    assert all(keys(other) == keys(first) for other in others)
    assert {
        f".credentials.{name}.label" for name in providers()[provider].credentials.__struct_fields__
    } <= keys(first)


class TestTemplates:
    @pytest.mark.parametrize(
        "path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT / "templates"))
    )
    def test_hold_no_code_no_style_and_no_physical_side(self, path: Path) -> None:
        text = path.read_text()
        assert not re.search(r"\sstyle=|\son[a-z]+=|hx-on|js:|javascript:", text)
        assert not re.search(r'(src|href)="https?:', text)

    def test_the_stylesheet_uses_logical_sides(self) -> None:
        text = (ROOT / "static" / "css" / "portal.css").read_text()
        assert not re.findall(
            r"[;{](?:margin|padding|border)-(?:left|right)|[;{](?:left|right):|float:", text
        )


def test_vendored_files_are_the_ones_that_were_reviewed() -> None:
    import hashlib

    sums = (ROOT / "static" / "vendor" / "SHA256SUMS").read_text().splitlines()
    listed = {name: digest for digest, _, name in (line.partition("  ") for line in sums)}
    found = {
        str(path.relative_to(ROOT / "static" / "vendor")): hashlib.sha256(
            path.read_bytes()
        ).hexdigest()
        for path in (ROOT / "static" / "vendor").rglob("*")
        if path.is_file() and path.name not in ("SHA256SUMS", "README.md")
    }
    assert found == listed


def test_every_setting_stands_in_the_example() -> None:
    named = set(
        re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', (ROOT / "portal" / "settings.py").read_text())
    )
    named |= {"SECRET_KEY", "ENCRYPTION_KEYS"}
    example = (ROOT / ".env.example").read_text()
    assert [name for name in sorted(named) if name not in example] == []


def test_the_lock_names_no_host_and_pins_by_hash() -> None:
    for path in ROOT.glob("requirements*.txt"):
        text = path.read_text()
        assert "://" not in text
        assert "--hash=sha256:" in text


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_no_app_names_a_provider_that_came_later() -> None:
    """What a provider needs stands in its folder; the rest of the house knows capabilities."""
    known = [name for name in providers() if name != "nearpay"]
    assert known
    apps = [path for path in SOURCES if path.relative_to(ROOT).parts[0] != "providers"]
    named = [
        (path, name)
        for path in [*apps, *TEMPLATES]
        for name in known
        if name in path.read_text().casefold()
    ]
    assert named == []
