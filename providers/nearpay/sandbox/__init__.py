"""NearPay, simulated: the sixteen operations of its Accounts API over a seeded world.

What the provider's page leaves open is a switch: `order` (newest, oldest, unsorted, terminal),
`limit` (the largest page), `filters` (ignored, applied: `from` and `to` as dates), `pages` (object,
integer, current, none), `sessions` (flat, terminal), `wrap` (yes, no), `created` (200 or 201),
`ties` (stable, unstable). Faults of its own content are `enum`, `missing`, `extra`,
`text_numbers`, `bad_money`, `nul` and `surrogate`; of its lists `repeat`, `stuck`, `empty`,
`shift` (rows are added at the head while one reads) and `late` (rows come up to 72 h after their
time).
"""

import copy
import json
import random
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from providers.base.sandbox import Answer, Clock, Faults, Journal, Options, Request
from providers.nearpay.sandbox import render
from providers.nearpay.sandbox import world as w
from providers.nearpay.sandbox.paper import receipt_page
from providers.nearpay.sandbox.world import Branch, OpenedSession, Terminal, User, World

DEMO_KEY, OTHER_KEY = "sandbox-key-of-demo", "sandbox-key-of-other"
# The first value of each is its default; a `limit` is any number.
SWITCHES = {
    "order": ("newest", "oldest", "unsorted", "terminal"),
    "limit": ("100",),
    "filters": ("ignored", "applied"),
    "pages": ("object", "integer", "current", "none"),
    "sessions": ("flat", "terminal"),
    "wrap": ("yes", "no"),
    "created": ("200", "201"),
    "ties": ("stable", "unstable"),
}
CONTENT = ("enum", "missing", "extra", "text_numbers", "bad_money", "nul", "surrogate")
LISTS = ("repeat", "stuck", "empty", "shift", "late")
# The newest rows, of these hours, are held back for a `shift` to show.
HELD_BACK = timedelta(hours=48)
CACHE_BYTES = 512 * 2**20
DEFAULT_LIMIT = 20

Row = Callable[[int], bytes]


class Sandbox:
    """One simulated NearPay, with an account for each api-key."""

    def __init__(self, options: Options) -> None:
        self.clock = Clock(options.now)
        self.switches = {name: values[0] for name, values in SWITCHES.items()}
        self.switches |= {k: v for k, v in options.switches.items() if k in SWITCHES}
        self.faults = Faults(options.faults, options.seed)
        self.withdrawn: set[str] = set()
        # Raw rows on top of a list's first page, for whatever a provider could send.
        self.odd_rows: dict[str, list[bytes]] = {}
        since = options.since or self.now() - timedelta(days=w.DAYS)
        small = max(options.transactions // 100, 50), max(options.terminals // 12, 2)
        size = {DEMO_KEY: (options.transactions, options.terminals), OTHER_KEY: small}
        self.worlds = {
            key: World(options.seed + number * 50, since, self.now(), *size[key])
            for number, key in enumerate(size)
        }
        for world in self.worlds.values():
            world.late_rate = self.faults.rates.get("late", 0)
            if self.faults.rates.get("shift"):
                world.held_back = len(world.shown(self.now()))
                world.held_back -= world.visible(self.now() - HELD_BACK)
        self._cache: OrderedDict[Any, bytes] = OrderedDict()
        self._cached = 0
        self._lock = threading.RLock()
        self._order: dict[Any, Sequence[int]] = {}
        self._journal = Journal(options.folder, "nearpay")
        self._replay()

    @property
    def world(self) -> World:
        """The demo merchant's world."""
        return self.worlds[DEMO_KEY]

    def now(self) -> datetime:
        return self.clock.now()

    # the door

    def changes(self, request: Request) -> bool:
        return request.writes

    def answer(self, request: Request) -> Answer:
        parts = request.path.strip("/").split("/")
        if parts[:2] == ["ui", "receipt"] and request.method == "GET":
            page = receipt_page(list(self.worlds.values()), parts[-1], self.now())
            return page or _refusal(404, 404, "غير موجود", "Not found")
        key = request.headers.get("api-key") or ""
        world = self.worlds.get(key)
        if world is None or key in self.withdrawn:
            return _refusal(401, 4007, "المصادقة غير صحيحة", "Authentication error")
        if parts[:2] == ["v1", "clients-sdk"]:
            parts = parts[2:]
        try:
            body = json.loads(request.body) if request.body else {}
        except ValueError:
            return _invalid({"body": ["must be JSON"]})
        if not isinstance(body, dict):
            return _invalid({"body": ["must be an object"]})
        route = self._route(request.method, parts)
        if route is None:
            return _refusal(404, 404, "غير موجود", "Not found")
        with self._lock:
            result = route(world, parts, body, request)
            if self.changes(request) and result.status < 300:
                self._journal.add(request, self.now(), key=key)
        return result

    def _route(self, method: str, parts: list[str]) -> Callable[..., Answer] | None:
        name = parts[0] if parts else ""
        routes: dict[tuple[str, str, int, str], Callable[..., Answer]] = {
            ("POST", "merchants", 1, ""): self._create_branch,
            ("GET", "merchants", 1, ""): self._list_branches,
            ("GET", "merchants", 2, ""): self._find_branch,
            ("POST", "terminals", 1, ""): self._create_terminal,
            ("GET", "terminals", 1, ""): self._list_terminals,
            ("GET", "terminals", 2, ""): self._find_terminal,
            ("PUT", "terminals", 3, "disconnect"): self._disconnect,
            ("POST", "terminals", 3, "assign"): self._assign,
            ("PUT", "terminals", 3, "unassign"): self._unassign,
            ("GET", "transactions", 1, ""): self._list_transactions,
            ("GET", "transactions", 2, ""): self._find_transaction,
            ("POST", "reconciliations", 1, ""): self._create_reconciliation,
            ("GET", "reconciliations", 1, ""): self._list_reconciliations,
            ("GET", "reconciliations", 2, ""): self._find_reconciliation,
            ("POST", "terminals", 3, "sessions"): self._create_session,
        }
        flat = self.switches["sessions"] == "flat"
        listed = ("GET", "sessions", 1, "") if flat else ("GET", "terminals", 3, "sessions")
        routes[listed] = self._list_sessions
        return routes.get((method, name, len(parts), parts[2] if len(parts) == 3 else ""))

    # merchants, our branches

    def _create_branch(self, world: World, parts: list[str], body: Any, request: Request) -> Answer:
        wrong = _missing(body, "name", "name_ar", "user")
        if not isinstance(body.get("user"), dict):
            wrong["user"] = ["user must be an object"]
        if wrong:
            return _invalid(wrong)
        number = len(world.branches)
        branch = Branch(
            w.identifier(world.seed, w.BRANCH, number), body["name"], body["name_ar"], "", "",
            body.get("reference_id"), self.now(), f"5501001{number:05d}".ljust(15),
        )  # fmt: skip
        world.branches.append(branch)
        owner = self._person(world, body["user"])
        row: dict[str, Any] = {"id": branch.id, "name": branch.name, "name_ar": branch.name_ar}
        row |= {"reference_id": branch.reference, "user": render.user(owner)}
        return self._made(row)

    def _list_branches(self, world: World, parts: list[str], body: Any, request: Request) -> Answer:
        rows = [render.branch(each) for each in world.branches if not each.deleted]
        return self._list(request, "merchants", len(rows), lambda i: render.dump(rows[i]))

    def _find_branch(self, world: World, parts: list[str], body: Any, request: Request) -> Answer:
        found = next((b for b in world.branches if b.id == parts[1] and not b.deleted), None)
        if found is None:
            return _refusal(404, 4010, "التاجر غير موجود", "Merchant not found")
        return self._one("merchant", render.branch_found(found))

    # terminals

    def _create_terminal(
        self, world: World, parts: list[str], body: Any, request: Request
    ) -> Answer:
        wrong = _missing(body, "trsm_code", "merchant_id", "name")
        if wrong:
            return _invalid(wrong)
        branch = next((b for b in world.branches if b.id == body["merchant_id"]), None)
        if branch is None:
            return _refusal(404, 4010, "التاجر غير موجود", "Merchant not found")
        number = len(world.terminals)
        digits = w.mix(world.seed * 1000 + number) % 10**7
        terminal = Terminal(
            w.identifier(world.seed, w.TERMINAL, number), f"02{digits:07d}{digits:07d}",
            body["name"], branch, [], self.now(), self.now(), False, trsm=body["trsm_code"],
        )  # fmt: skip
        world.add_terminal(terminal)
        row = {"id": terminal.id, "tid": terminal.tid, "user": None}
        row |= {"created_at": render.iso(self.now()), "updated_at": render.iso(self.now())}
        merchant = render.branch(branch) | {"status": "active"}
        return self._made({"merchant": merchant, "terminal": row})

    def _list_terminals(
        self, world: World, parts: list[str], body: Any, request: Request
    ) -> Answer:
        now, rows = self.now(), [each for each in world.terminals if not each.deleted]
        return self._list(
            request, "terminals", len(rows),
            lambda i: render.dump(render.terminal(world, rows[i], now)),
        )  # fmt: skip

    def _terminal(self, world: World, ref: str) -> Terminal | None:
        return next((t for t in world.terminals if t.id == ref and not t.deleted), None)

    def _find_terminal(self, world: World, parts: list[str], body: Any, request: Request) -> Answer:
        found = self._terminal(world, parts[1])
        if found is None:
            return _no_terminal()
        return self._one("terminal", render.terminal(world, found, self.now(), found=True))

    def _disconnect(self, world: World, parts: list[str], body: Any, request: Request) -> Answer:
        found = self._terminal(world, parts[1])
        if found is None:
            return _no_terminal()
        found.connected, found.updated_at = False, self.now()
        return self._made({"message": "Terminal disconnected successfully!"})

    def _assign(self, world: World, parts: list[str], body: Any, request: Request) -> Answer:
        found = self._terminal(world, parts[1])
        if found is None:
            return _no_terminal()
        wrong = _missing(body, "name", "mobile")
        if wrong:
            return _invalid(wrong)
        world.assign(found, self._person(world, body), self.now())
        row = render.terminal(world, found, self.now())
        del row["created_at"], row["updated_at"], row["merchant"]["id"]
        return self._made({"terminal": row | {"device": {}}})

    def _person(self, world: World, body: Any) -> User:
        """An unknown mobile makes a person; a known one is that person."""
        mobile = str(body.get("mobile") or "")
        for known in world.users:
            if known.mobile == mobile:
                return known
        number = len(world.users)
        person = User(
            w.identifier(world.seed, w.USER, number), str(body.get("name") or ""), mobile,
            str(body.get("email") or ""),
        )  # fmt: skip
        world.users.append(person)
        return person

    def _unassign(self, world: World, parts: list[str], body: Any, request: Request) -> Answer:
        found = self._terminal(world, parts[1])
        if found is None:
            return _no_terminal()
        world.assign(found, None, self.now())
        row = {"tid": found.tid, "message": "Terminal unassigned successfully!"}
        return self._made({"terminal": row | {"is_assigned_to_user": False}})

    # transactions

    def _list_transactions(
        self, world: World, parts: list[str], body: Any, request: Request
    ) -> Answer:
        now = self.now()
        if world.held_back and self.faults.strikes("shift"):
            world.held_back -= min(world.held_back, self.faults.between(1, 50))
        shown = self._filtered(world, request, world.shown(now))
        order = self._sorted(world, shown)
        ends = (order[0], order[-1]) if order else None
        return self._list(
            request, "transactions", len(order),
            lambda i: render.transaction(world, order[i], now).encode(),
            key=(id(world), len(order), ends, world.version, _half_minute(now)),
        )  # fmt: skip

    def _filtered(self, world: World, request: Request, shown: Sequence[int]) -> Sequence[int]:
        """Only some days, where the switch says that filters are known."""
        if self.switches["filters"] == "ignored":
            return shown
        first, last = request.query.get("from", ""), request.query.get("to", "9999")
        days = (datetime.fromtimestamp(world.times[i] / 1000, w.RIYADH).date() for i in shown)
        return [i for i, day in zip(shown, days, strict=True) if first <= day.isoformat() <= last]

    def _sorted(self, world: World, shown: Sequence[int]) -> Sequence[int]:
        order = self.switches["order"]
        if order == "oldest":
            return shown
        if order == "newest":
            newest = shown[::-1]
            if self.switches["ties"] == "unstable":
                # Rows of one second change places from call to call.
                rng = random.Random(self.faults.between(0, 1 << 30))
                return sorted(newest, key=lambda i: (-(world.times[i] // 1000), rng.random()))
            return newest
        key = (id(world), order, len(shown), world.version)
        if key not in self._order:
            self._order.clear()
            rank: Callable[[int], Any] = lambda i: w.mix(world.draw[i])  # noqa: E731
            if order == "terminal":
                rank = lambda i: (world.of[i], -i)  # noqa: E731
            self._order[key] = sorted(shown, key=rank)
        return self._order[key]

    def _find_transaction(
        self, world: World, parts: list[str], body: Any, request: Request
    ) -> Answer:
        index = w.number_of(world.seed, w.TRANSACTION, parts[1])
        now = self.now()
        if index is None or index >= world.visible(now) or index in world.removed:
            return _refusal(404, 404, "العملية غير موجودة", "Transaction not found")
        text = render.transaction(world, index, now, found=True)
        return self._one("transaction", json.loads(text))

    # reconciliations

    def _create_reconciliation(
        self, world: World, parts: list[str], body: Any, request: Request
    ) -> Answer:
        wrong = _missing(body, "terminal_id")
        if wrong:
            return _invalid(wrong)
        found = self._terminal(world, body["terminal_id"])
        if found is None:
            return _no_terminal()
        close = world.close_now(world.terminals.index(found), self.now())
        world.version += 1
        return self._made(render.close_made(world, close))

    def _closes(self, world: World) -> list[w.Close]:
        now = self.now()
        world.grow(now)
        return sorted((c for c in world.closes if c.at <= now), key=lambda c: c.at, reverse=True)

    def _list_reconciliations(
        self, world: World, parts: list[str], body: Any, request: Request
    ) -> Answer:
        rows = self._closes(world)
        return self._list(
            request, "reconciliations", len(rows),
            lambda i: render.dump(render.close_row(world, rows[i])),
            key=(id(world), len(rows), world.version),
        )  # fmt: skip

    def _find_reconciliation(
        self, world: World, parts: list[str], body: Any, request: Request
    ) -> Answer:
        found = next((c for c in self._closes(world) if c.id == parts[1]), None)
        if found is None:
            return _refusal(404, 404, "الموازنة غير موجودة", "Reconciliation not found")
        row = render.close_row(world, found)
        del row["merchant_id"], row["terminal"]
        return self._one("reconciliation", row)

    # sessions

    def _create_session(
        self, world: World, parts: list[str], body: Any, request: Request
    ) -> Answer:
        found = self._terminal(world, parts[1])
        if found is None:
            return _no_terminal()
        wrong = _missing(body, "type", "amount")
        amount = body.get("amount")
        if type(amount) is not int or not 0 < amount < 10**12:
            wrong["amount"] = ["must be a positive integer number"]
        if body.get("type") not in ("purchase", "refund"):
            wrong["type"] = ["must be one of purchase, refund"]
        original = body.get("original_transaction")
        if original and w.number_of(world.seed, w.TRANSACTION, str(original)) is None:
            wrong["original_transaction"] = ["must be a transaction"]
        if wrong:
            return _invalid(wrong)
        session = OpenedSession(
            w.identifier(world.seed, w.SESSION, 1 << 40 | len(world.sessions)), found,
            body["type"], amount, body.get("reference_id"),
            body.get("original_transaction") or None, self.now(),
        )  # fmt: skip
        world.sessions.append(session)
        world.version += 1
        return self._made(render.session(world, session, self.now(), created=True))

    def _list_sessions(self, world: World, parts: list[str], body: Any, request: Request) -> Answer:
        now = self.now()
        world.grow(now)
        rows = [s for s in world.sessions if s.created_at <= now]
        if len(parts) == 3:
            rows = [s for s in rows if s.terminal.id == parts[1]]
        rows.sort(key=lambda s: s.created_at, reverse=True)
        return self._list(
            request, "sessions", len(rows),
            lambda i: render.dump(render.session(world, rows[i], now)),
        )  # fmt: skip

    # lists

    def _list(
        self, request: Request, name: str, count: int, row: Row, *, key: Any = None
    ) -> Answer:
        query = request.query
        try:
            limit = int(query.get("limit", DEFAULT_LIMIT))
            page = int(query.get("page", 1))
        except ValueError:
            return _invalid({"page": ["page must be a number"]})
        if page < 1:
            return _invalid({"page": ["page must not be less than 1"]})
        limit = max(1, min(limit, int(self.switches["limit"])))
        total = max(1, -(-count // limit))
        if self.faults.strikes("stuck"):
            page = 7
        elif page > 1 and self.faults.strikes("repeat"):
            page -= 1
        empty = self.faults.strikes("empty")
        content = [fault for fault in CONTENT if self.faults.rates.get(fault)]
        cacheable = key is not None and not content and not empty and name not in self.odd_rows
        cached = (name, page, limit, key) if cacheable else None
        if cached in self._cache:
            self._cache.move_to_end(cached)
            return Answer(200, self._cache[cached])
        first = (page - 1) * limit
        rows = [] if empty else [row(i) for i in range(first, min(first + limit, count))]
        if content:
            rows = [self._spoil(name, each) for each in rows]
        if page == 1:
            rows = self.odd_rows.get(name, []) + rows
        pages = _pages(self.switches["pages"], total, page)
        body = b'{"%s":[%s]%s}' % (name.encode(), b",".join(rows), pages)
        if cached is not None:
            self._keep(cached, body)
        return Answer(200, body)

    def _keep(self, key: Any, body: bytes) -> None:
        self._cache[key] = body
        self._cached += len(body)
        while self._cached > CACHE_BYTES:
            self._cached -= len(self._cache.popitem(last=False)[1])

    def prerender(self, key: str = DEMO_KEY, limit: int = 100) -> int:
        """Make every page of transactions before a clock starts; returns how many there are."""
        world = self.worlds[key]
        count = len(world.shown(self.now()))
        pages = -(-count // limit)
        for page in range(1, pages + 1):
            query = {"page": str(page), "limit": str(limit)}
            self.answer(Request("GET", "/transactions", query, {"api-key": key}, b""))
        return pages

    def _spoil(self, name: str, row: bytes) -> bytes:
        """Content as a provider might change it without a word."""
        hit = [fault for fault in CONTENT if self.faults.strikes(fault)]
        if not hit:
            return row
        item = json.loads(row)
        receipts = item.get("receipts") or [{}]
        receipt = receipts[0]
        if "enum" in hit:
            receipt["card_scheme"] = {"id": "ZZ", "name": {"english": "New", "arabic": "جديد"}}
            receipt["action_code"] = "7Q7"
            item["status"] = "brand_new"
        if "missing" in hit:
            for holder in (receipt, item):
                holder.pop("amount_authorized", None)
                holder.pop("reconciliation_receipt", None)
        if "extra" in hit:
            item["loyalty_tier"] = "CANARY-EXTRA"
            receipt["cvv"] = "CANARY-CVV"
        if "text_numbers" in hit and name == "transactions":
            receipt["system_trace_audit_number"] = int(receipt["system_trace_audit_number"])
            receipt["action_code"] = int(receipt["action_code"])
        if "bad_money" in hit and name == "transactions":
            receipt["amount_authorized"]["value"] = "1e3"
        if "nul" in hit:
            item["customer_reference_number"] = "A\x00B"
        if "surrogate" in hit:
            # Half an emoji, as a system cuts it that counts in UTF-16.
            item["customer_reference_number"] = "HALF"
            return render.dump(item).replace(b'"HALF"', b'"A\\ud83d"')
        return render.dump(item)

    def _one(self, name: str, row: dict[str, Any]) -> Answer:
        wrapped = {name: row} if self.switches["wrap"] == "yes" else row
        return Answer(200, render.dump(wrapped))

    def _made(self, row: dict[str, Any]) -> Answer:
        return Answer(int(self.switches["created"]), render.dump(row))

    # what the portal must come to know

    def ledger(self, key: str = DEMO_KEY) -> dict[str, tuple[int, str]]:
        """The truth, for tests: id -> (minor units, what became of it)."""
        world = self.worlds[key]
        return {
            world.id(i): (world.amount(i), self._fate(world, i)) for i in world.shown(self.now())
        }

    def _fate(self, world: World, index: int) -> str:
        if not world.approved(index):
            return "DECLINED"
        return "REVERSED" if world.is_reversed(index, self.now()) else "APPROVED"

    def reverse(self, index: int, key: str = DEMO_KEY) -> str:
        """Reverse an approved purchase now, long after it was sold; returns its id."""
        world = self.worlds[key]
        world.reversed_later[index] = int(self.now().timestamp() * 1000)
        world.version += 1
        return world.id(index)

    # what is kept from one start to the next

    def _replay(self) -> None:
        clock = copy.copy(self.clock)
        for entry, at in self._journal.replay():
            self.clock = Clock(at)
            headers = {"api-key": entry["key"]}
            body = entry["body"].encode()
            self.answer(Request(entry["method"], entry["path"], {}, headers, body))
        self.clock = clock


def _pages(shape: str, total: int, page: int) -> bytes:
    if shape == "object":
        return b',"pages":{"total":%d,"current":%d}' % (total, page)
    if shape == "integer":
        return b',"pages":%d' % total
    return b',"pages":{"current":%d}' % page if shape == "current" else b""


def _half_minute(now: datetime) -> int:
    """Time alone changes rows, so rendered pages are good for a while only."""
    return int(now.timestamp()) // 30


def _missing(body: Any, *names: str) -> dict[str, list[str]]:
    if not isinstance(body, dict):
        return {"body": ["must be an object"]}
    return {name: [f"{name} should not be empty"] for name in names if not body.get(name)}


def _invalid(message: dict[str, list[str]]) -> Answer:
    return Answer(400, render.dump({"statusCode": 400, "message": message}))


def _no_terminal() -> Answer:
    return _refusal(404, 4002, "الجهاز غير موجود", "Terminal not exist")


def _refusal(status: int, code: int, arabic: str, english: str) -> Answer:
    """A refusal in the form of the provider's device SDK (C); this API documents none."""
    return Answer(
        status,
        render.dump(
            {
                "code_text": str(code), "code": code, "statusCode": status,
                "terminal_paused_seconds": 0, "error": {"arabic": arabic, "english": english},
                "solution": {"arabic": "", "english": ""}, "level": "HIGH",
            }
        ),
    )  # fmt: skip
