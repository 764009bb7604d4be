#!/usr/bin/env python3
"""Runs a command of the portal, with the embedded servers for as long as it needs them."""

import os
import sys

# These never touch a database, so they must not wait for one.
WITHOUT_SERVERS = {"compilemessages", "makemessages", "collectstatic", "sandbox", "help"}


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    try:
        from django.core.management import execute_from_command_line  # noqa: PLC0415
    except ImportError:
        sys.stderr.write(
            "Django is not installed for this Python: run «make up», or use .venv/bin/python.\n"
        )
        return 1
    from portal import embedded  # noqa: PLC0415 (after the check above, which explains itself)

    words = set(sys.argv[1:2]) | ({"help"} & set(sys.argv)) | ({"--help", "-h"} & set(sys.argv))
    quiet = not sys.argv[1:] or words & (WITHOUT_SERVERS | {"--help", "-h"})
    try:
        with embedded.running(set() if quiet else embedded.needed()):
            execute_from_command_line(sys.argv)
    except embedded.Unavailable as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
