"""What a file says of itself: who, when, of what, how complete, how many rows, and what they add up
to; signed, so that `verify-report` can tell a file that was changed from one that was not."""

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import python_calamine

from merchants.models import Bookmark, Branch, Gap, Membership, ProviderAccount
from merchants.queries import branches_for
from portal.proofs import NotAsMade, is_ours
from providers.base.money import exponent
from reports.catalogue import Asked, Column, Kind, Report
from reports.making.writers import digest_of

VERSION = 1
MAIN = "transactions"


def manifest_of(
    report: Report,
    asked: Asked,
    columns: Sequence[Column],
    wish: Mapping[str, Any],
    totals: list[dict[str, Any]],
) -> dict[str, Any]:
    """What is true of a file before it is written; its size and digest come after."""
    member = asked.member
    return {
        "version": VERSION,
        "report": report.name,
        "title": str(report.title),
        "merchant": member.merchant.name,
        "made_by": member.user.name or member.user.email,
        "made_at": asked.moment.isoformat(),
        "days": [asked.period.since.isoformat(), asked.period.until.isoformat()]
        if report.by_day
        else None,
        "clocks": _clocks(member, asked.branches),
        "filters": {"branches": _names(member, asked.branches)},
        "form": {
            key: wish.get(key)
            for key in ("form", "language", "comma", "semicolon", "encoding", "before")
        },
        "layout": wish.get("layout"),
        "providers": _providers(member),
        "columns": [
            {"name": each.name, "heading": str(each.title), "kind": each.kind.value}
            for each in columns
        ],
        "rows": sum(each["rows"] for each in totals),
        "totals": totals,
    }


def _clocks(member: Membership, branches: tuple[int, ...] | None) -> list[dict[str, Any]]:
    own = branches_for(member)
    if branches is not None:
        own = own.filter(pk__in=branches)
    found = Counter((each.zone, f"{each.cut_off:%H:%M}") for each in own)
    return [
        {"zone": zone, "day_begins": begins, "branches": count}
        for (zone, begins), count in sorted(found.items())
    ]


def _names(member: Membership, branches: tuple[int, ...] | None) -> list[str] | None:
    if branches is None:
        return None
    own = Branch.objects.filter(merchant=member.merchant_id, pk__in=branches)
    return list(own.order_by("name", "pk").values_list("name", flat=True))


def _providers(member: Membership) -> list[dict[str, Any]]:
    """Up to when each account's transactions are all here, and what is missing before."""
    accounts = ProviderAccount.objects.filter(merchant=member.merchant_id).exclude(
        state=ProviderAccount.State.REMOVED
    )
    marks = dict(
        Bookmark.objects.filter(account__in=accounts, resource=MAIN).values_list(
            "account", "complete_to"
        )
    )
    gaps: dict[int, list[list[str | None]]] = {}
    for gap in Gap.objects.filter(account__in=accounts, resource=MAIN).order_by("until", "pk"):
        since = gap.since.isoformat() if gap.since else None
        gaps.setdefault(gap.account_id, []).append([since, gap.until.isoformat()])
    return [
        {
            "account": each.name, "provider": each.provider,
            "complete_to": marks[each.pk].isoformat() if marks.get(each.pk) else None,
            "gaps": gaps.get(each.pk, []),
        }
        for each in accounts.order_by("provider", "pk")
    ]  # fmt: skip


def as_rows(manifest: Mapping[str, Any], words: Mapping[str, Any]) -> list[dict[str, str]]:
    """A manifest as the rows of a sheet."""
    first, second = str(words["what"]), str(words["value"])
    found: list[dict[str, str]] = []

    def say(name: str, value: object) -> None:
        found.append({first: name, second: str(value)})

    for key in ("title", "merchant", "made_by", "made_at", "rows"):
        say(str(words.get(key, key)), manifest[key])
    if manifest["days"]:
        say(str(words["days"]), " – ".join(manifest["days"]))
    for clock in manifest["clocks"]:
        say(str(words["clock"]), f"{clock['zone']} {clock['day_begins']} ({clock['branches']})")
    if manifest["filters"]["branches"] is not None:
        say(str(words["branches"]), ", ".join(manifest["filters"]["branches"]))
    for each in manifest["providers"]:
        gaps = "; ".join(f"{since or '…'} – {until}" for since, until in each["gaps"])
        name = f"{each['provider']} · {each['account']}"
        say(name, f"{each['complete_to'] or '–'}{' · ' + gaps if gaps else ''}")
    for total in manifest["totals"]:
        told = ", ".join(f"{key} {value}" for key, value in total.items())
        say(str(words["total"]), told)
    return found


def verify(path: Path, manifest: Mapping[str, Any]) -> int:
    """Check a file against its manifest, and count and add it up anew; how many rows there are.

    Raises NotAsMade.
    """
    if not is_ours(manifest):
        raise NotAsMade("The proof was not made by this portal, or was changed.")
    if manifest["form"]["form"] == "pdf":
        # Paper is for people: that it is byte for byte what was made is all that can be told.
        if digest_of(path) != manifest["sha256"]:
            raise NotAsMade("The file is not byte for byte what was made.")
        return int(manifest["rows"])
    rows, sums = _summed(path, manifest)
    told = sum(each["rows"] for each in manifest["totals"])
    if rows != told:
        raise NotAsMade(f"The file has {rows} rows, and {told} were written.")
    wanted: Counter[tuple[str, str]] = Counter()
    for total in manifest["totals"]:
        for name, value in total.items():
            if name.endswith("_minor"):
                wanted[str(total.get("currency", "")), name] += value
    for (currency, name), value in wanted.items():
        if (currency, name) in sums and sums[currency, name] != value:
            raise NotAsMade(
                f"{name} in {currency} adds up to {sums[currency, name]}, and to {value} when it"
                " was made."
            )
    if digest_of(path) != manifest["sha256"]:
        raise NotAsMade("The rows add up, but the file is not byte for byte what was made.")
    return rows


def _summed(path: Path, manifest: Mapping[str, Any]) -> tuple[int, Counter[tuple[str, str]]]:
    """The rows of a file, and its money in minor units by currency and column."""
    columns = [(each["name"], each["kind"]) for each in manifest["columns"]]
    names = [name for name, _kind in columns]
    place = names.index("currency") if "currency" in names else None
    rows, sums = 0, Counter[tuple[str, str]]()
    for row in _rows(path, manifest, names):
        rows += 1
        if len(row) != len(columns):
            raise NotAsMade(f"Row {rows} has {len(row)} cells, and not {len(columns)}.")
        currency = str(row[place]) if place is not None else ""
        for (name, kind), cell in zip(columns, row, strict=True):
            if kind == Kind.MINOR:
                sums[currency, name] += int(cell or 0)
            elif kind == Kind.MAJOR and f"{name}_minor" not in names and place is not None:
                exact = Decimal(str(cell or 0).replace(",", "."))
                sums[currency, f"{name}_minor"] += round(exact * 10 ** exponent(currency))
    return rows, sums


def _rows(path: Path, manifest: Mapping[str, Any], names: Sequence[str]) -> Iterator[Sequence[Any]]:
    form = manifest["form"]["form"]
    if form == "jsonl":
        with path.open(encoding="utf-8") as source:
            for line in source:
                found = json.loads(line)
                yield [found.get(name) for name in names]
        return
    if form == "xlsx":
        yield from _sheets(path)
        return
    mark = ";" if manifest["form"].get("semicolon") else ","
    encoding = manifest["form"].get("encoding") or "utf-8-sig"
    with path.open(encoding=encoding, newline="") as source:
        for _line in range(manifest["form"].get("before") or 0):
            source.readline()
        table = csv.reader(source, delimiter=mark)
        next(table, None)
        yield from table


def _sheets(path: Path) -> Iterable[Sequence[Any]]:
    book = python_calamine.load_workbook(io.BytesIO(path.read_bytes()))
    names = book.sheet_names
    for name in names[:-1] if len(names) > 1 else names:
        yield from book.get_sheet_by_name(name).to_python()[1:]
