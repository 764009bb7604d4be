"""A worker that kills itself: `python -m tests.merchants.die ACCOUNT LINE`.

It works for an account as the worker does, and dies by SIGKILL as it comes to the LINE-th line of
the code that sends operations; 0 lives, and prints how many lines there are.
"""

import os
import signal
import sys
from types import FrameType
from typing import Any

import django

WHERE = (
    "merchants/operations/send.py",
    "merchants/actions/operations.py",
    "terminals/operations.py",
)


def main(account: int, line: int) -> None:
    django.setup()
    from merchants.operations import send_operations
    from merchants.operations.send import hows
    from providers.base.http import Limits

    # As in a worker that has worked before: what is counted is the operation and no import.
    hows()
    passed = 0

    def trace(frame: FrameType, event: str, _arg: Any) -> Any:
        nonlocal passed
        if not frame.f_code.co_filename.endswith(WHERE):
            return None
        if event == "line":
            passed += 1
            if passed == line:
                os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    send_operations(account, limits=Limits(connect=2, read=2, total=3, tries=1))
    sys.settrace(None)
    print(passed)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
