"""Refuses a text without a translation: run by `make check`, needs gettext.

python -m tests.translations
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from babel.messages.catalog import Message
from babel.messages.pofile import read_po

from portal.embedded import ROOT

IGNORED = (".venv", ".tools", "data", "staticfiles", "tests", "bench", ".git")


def _texts(message: Message) -> list[str]:
    found = message.string
    return list(found) if isinstance(found, (tuple, list)) else [str(found)]


def main() -> int:
    if shutil.which("xgettext") is None:
        sys.stdout.write("Left out: the check for missing translations (apt install gettext).\n")
        return 1 if os.environ.get("CI") else 0
    missing = []
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "portal"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(*IGNORED))
        languages = [path.parent.parent.name for path in ROOT.glob("portal/locale/*/*/django.po")]
        for language in languages:
            words = [sys.executable, "manage.py", "makemessages", "--no-obsolete", "-l", language]
            subprocess.run(words, cwd=copy, check=True, capture_output=True)
            path = copy / "portal" / "locale" / language / "LC_MESSAGES" / "django.po"
            with path.open("rb") as source:
                catalogue = read_po(source, locale=language)
            for message in catalogue:
                if message.id and (message.fuzzy or not all(_texts(message))):
                    missing.append(f"{language}: {message.id}")
    for line in missing:
        sys.stdout.write(f"Not translated to {line}\n")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
