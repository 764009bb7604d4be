"""A receipt's own page, which opens for anybody who has its address, as NearPay's does (C)."""

import json
from datetime import datetime
from html import escape

from providers.base.sandbox import Answer
from providers.nearpay.sandbox import render
from providers.nearpay.sandbox import world as w
from providers.nearpay.sandbox.world import World

PAGE = """<!doctype html><html lang="en"><meta charset="utf-8">
<meta name="robots" content="noindex">
<title>NearPay receipt</title><style>body{font:16px/1.5 system-ui;max-width:22rem;margin:2rem auto}
p{display:flex;justify-content:space-between;margin:.25rem 0}</style><h1>NearPay receipt</h1>"""


def receipt_page(worlds: list[World], ref: str, now: datetime) -> Answer | None:
    """The page of a receipt of any of the merchants; None where it is none of theirs."""
    for world in worlds:
        number = w.number_of(world.seed, w.RECEIPT, ref)
        if number is None or number // 2 >= world.visible(now) or number // 2 in world.removed:
            continue
        row = json.loads(render.transaction(world, number // 2, now, found=True))
        for each in row["receipts"]:
            if each["id"] == ref:
                return Answer(200, _page(each).encode(), {"Content-Type": "text/html"})
    return None


def _page(receipt: dict[str, object]) -> str:
    shown = {
        "RRN": receipt["retrieval_reference_number"], "TID": receipt["tid"],
        "Card": receipt["pan"], "Date": f"{receipt['start_date']} {receipt['start_time']}",
        "Amount": receipt["amount_authorized"]["value"],  # type: ignore[index]
        "State": receipt["status_message"]["english"],  # type: ignore[index]
    }  # fmt: skip
    return PAGE + "".join(
        f"<p><span>{name}</span><b>{escape(str(text))}</b></p>" for name, text in shown.items()
    )
