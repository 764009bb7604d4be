"""Runs the tests with the embedded servers for as long as they last."""

import os
import shutil
import sys

import pytest

from portal import embedded

OPTIONAL = {
    "chromium": "the browser tests (apt install chromium)",
    "msgfmt": "the check for missing translations (apt install gettext)",
    "soffice": "what office programs make of files (apt install libreoffice-calc)",
}


def main() -> int:
    missing = [text for program, text in OPTIONAL.items() if shutil.which(program) is None]
    if missing:
        sys.stdout.write(f"Left out: {'; '.join(missing)}.\n")
        if os.environ.get("CI"):
            sys.stdout.write("This is CI, where nothing may be left out.\n")
            return 1
    words = sys.argv[1:]
    if not any(word.startswith("-n") for word in words):
        words += ["-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadgroup"]
    if not os.environ.get("PROVE"):
        words += ["-m", "not prove"] if "-m" not in words else []
    try:
        with embedded.running(embedded.needed()):
            return int(pytest.main(words))
    except embedded.Unavailable as problem:
        sys.stderr.write(f"{problem}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
