"""A NearPay in a process of its own: prints its port, then reverses as many sales as told."""

import sys

from django.utils.dateparse import parse_datetime

from providers.base.sandbox import Options, Server, sandboxes
from providers.nearpay.sandbox import Sandbox

NOW = "2026-11-21T09:00:00+00:00"


def main(rows: int) -> None:
    made = sandboxes(Options(now=parse_datetime(NOW), transactions=rows))
    sandbox = made["nearpay"]
    assert isinstance(sandbox, Sandbox)
    sandbox.prerender()
    with Server(0, made) as server:
        sys.stdout.write(f"{server.port}\n")
        sys.stdout.flush()
        for line in sys.stdin:
            world = sandbox.world
            sold = (i for i in world.shown(sandbox.now()) if world.approved(i))
            plain = [
                i
                for i in sold
                if world.origin[i] < 0 and not world.is_reversed(i) and i not in world.refunded
            ]
            step = max(len(plain) // int(line), 1)
            chosen = plain[::step][: int(line)]
            for index in chosen:
                sandbox.reverse(index)
            sandbox.prerender()
            sys.stdout.write(f"{len(chosen)}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
