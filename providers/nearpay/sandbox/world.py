"""A merchant's life as NearPay would know it: branches, people, terminals and what they sold.

Everything follows from a seed and from the hour, so a world can be built again anywhere. A million
transactions are a few compact columns; their JSON is made when a page is asked for.
"""

import math
import random
import threading
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

RIYADH = ZoneInfo("Asia/Riyadh")
DAYS = 90
MASK = (1 << 64) - 1

BRANCHES = [
    ("Olaya", "العليا", "Olaya Street, Riyadh", "شارع العليا، الرياض"),
    ("Al Nakheel", "النخيل", "Imam Saud Road, Riyadh", "طريق الإمام سعود، الرياض"),
    ("Al Malqa", "الملقا", "Anas Ibn Malik Road, Riyadh", "طريق أنس بن مالك، الرياض"),
    ("Corniche", "الكورنيش", "Corniche Road, Jeddah", "طريق الكورنيش، جدة"),
    ("Al Khobar", "الخبر", "Prince Turki Street, Al Khobar", "شارع الأمير تركي، الخبر"),
    ("Al Rawdah", "الروضة", "Khalid Ibn Al Walid Road, Riyadh", "طريق خالد بن الوليد، الرياض"),
    ("Taibah", "طيبة", "Quba Road, Madinah", "طريق قباء، المدينة المنورة"),
    ("King Fahd Road", "طريق الملك فهد", "King Fahd Road, Dammam", "طريق الملك فهد، الدمام"),
]
# People's names in either script: first and last names, and how far to step through them.
NAMES = [
    (
        (["Sara", "Ahmad", "Noura", "Omar", "Faisal", "Reem", "Khalid", "Lama", "Yousef"], 7),
        (["Al-Qahtani", "Al-Harbi", "Al-Shehri", "Haddad", "Al-Otaibi", "Al-Ghamdi", "Saleh"], 5),
    ),
    (
        (["سارة", "محمد", "عبدالله", "نورة", "فهد", "مها", "تركي", "ريم", "سلطان", "هدى"], 7),
        (["القحطاني", "الحربي", "الشهري", "العتيبي", "الغامدي", "الدوسري", "الزهراني"], 5),
    ),
]
# Scheme, share of cards in thousandths, first six digits, AID, kernel, names.
SCHEMES = [
    ("P1", 640, "5069 68", "A0000002281010", "2d", "mada", "مدى"),
    ("VC", 150, "4847 83", "A0000000031010", "03", "Visa", "فيزا"),
    ("MC", 120, "5264 12", "A0000000041010", "02", "MasterCard", "ماستر كارد"),
    ("VD", 35, "4576 65", "A0000000031010", "03", "Visa Debit", "فيزا مدين"),
    ("AX", 25, "3742 88", "A00000002501", "04", "American Express", "امريكان اكسبرس"),
    ("UP", 12, "6232 10", "A000000333010101", "07", "UnionPay", "يونيون باي"),
    ("GN", 10, "5888 50", "A0000005241010", "2d", "GCCNET", "الشبكة الخليجية"),
    ("DM", 5, "5018 44", "A0000000043060", "02", "Maestro", "مايسترو"),
    ("JC", 2, "3566 00", "A0000000651010", "05", "JCB", "جي سي بي"),
    ("DC", 1, "6011 00", "A0000001523010", "06", "Discover", "ديسكفر"),
]
SCHEME_EDGES = list(accumulate(share for _, share, *_ in SCHEMES))
# ISO 8583 action codes of declines and their share in thousandths.
DECLINES = [
    ("116", 430),
    ("117", 230),
    ("101", 90),
    ("100", 80),
    ("121", 60),
    ("912", 50),
    ("940", 40),
    ("208", 20),
]
DECLINE_EDGES = list(accumulate(share for _, share in DECLINES))
# Shares in ten-thousandths of all transactions.
DECLINED, REVERSED, REFUND, BY_SESSION = 560, 60, 150, 300
# Milliseconds from a purchase to its reversal at the till.
REVERSED_AFTER = 40_000


def mix(value: int) -> int:
    """Spread a number over 64 bits (SplitMix64): the same number always gives the same result."""
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def identifier(seed: int, kind: int, number: int) -> str:
    """A UUID of version 4 that holds its number, so that it can be found without an index."""
    a, b = mix(seed * 31 + kind * 7 + number * 1_000_003), mix(seed ^ 0xABCDEF ^ kind)
    tail = (number + b) & 0xFFFFFFFFFFFF
    return (
        f"{a >> 32:08x}-{a >> 16 & 0xFFFF:04x}-4{a & 0xFFF:03x}-a{b >> 50 & 0xFFF:03x}-{tail:012x}"
    )


def number_of(seed: int, kind: int, text: str) -> int | None:
    """The number inside an identifier, or None where it is none of ours."""
    try:
        number = (int(text[-12:], 16) - mix(seed ^ 0xABCDEF ^ kind)) & 0xFFFFFFFFFFFF
    except ValueError:
        return None
    return number if identifier(seed, kind, number) == text else None


(
    BRANCH,
    USER,
    TERMINAL,
    DEVICE,
    TRANSACTION,
    RECEIPT,
    SESSION,
    RECONCILIATION,
    CLIENT,
    CONNECTION,
) = range(10)


@dataclass
class Branch:
    id: str
    name: str
    name_ar: str
    address: str
    address_ar: str
    reference: str | None
    created_at: datetime
    acceptor: str
    updated_at: datetime | None = None
    deleted: bool = False


@dataclass
class User:
    id: str
    name: str
    mobile: str
    email: str


@dataclass
class Terminal:
    id: str
    tid: str
    name: str
    branch: Branch
    users: list[User]
    created_at: datetime
    updated_at: datetime
    connected: bool
    # What was assigned by call, (epoch milliseconds, person or nobody); before it, by the rota of
    # `users`.
    assigned: list[tuple[int, User | None]] = field(default_factory=list)
    trsm: str = "555554"
    # Taken away in the dashboard: its sales stay.
    deleted: bool = False
    own: "array[int]" = field(default_factory=lambda: array("I"))


@dataclass
class Close:
    """A reconciliation: of one terminal, over a stretch of its own transactions."""

    id: str
    terminal: Terminal
    at: datetime
    first: int
    last: int
    number: int


@dataclass
class OpenedSession:
    id: str
    terminal: Terminal
    kind: str
    amount: int
    reference: str | None
    original: str | None
    created_at: datetime
    # The index of the transaction that answered it.
    transaction: int | None = None


class World:
    """One NearPay account's data, growing as time goes on."""

    def __init__(
        self, seed: int, since: datetime, until: datetime, transactions: int, terminals: int
    ) -> None:
        self.seed = seed
        self.since = since.astimezone(RIYADH).replace(hour=0, minute=0, second=0, microsecond=0)
        days = max((until.astimezone(RIYADH) - self.since).total_seconds() / 86400, 0.05)
        self.per_day = transactions / days
        self.lock = threading.RLock()
        self.times = array("q")  # epoch milliseconds, ascending
        self.of = array("H")  # index of the terminal
        self.draw = array("Q")  # 64 random bits from which the rest follows
        self.stan = array("I")
        self.origin = array("i")  # for a refund: the purchase it gives back
        # A purchase -> the refund that gave it back.
        self.refunded: dict[int, int] = {}
        # Overlays of what happened later: index -> epoch milliseconds of the change.
        self.reversed_later: dict[int, int] = {}
        self.removed: set[int] = set()
        self.hidden_until: dict[int, int] = {}
        # Faults of the list: the share of rows that arrive late, and newest rows not shown yet.
        self.late_rate = 0.0
        self.held_back = 0
        self.sessions: list[OpenedSession] = []
        self.closes: list[Close] = []
        self.closed_at: dict[int, list[int]] = {}
        self._closes_of: dict[int, tuple[int, list[Close]]] = {}
        self._next_day = self.since.date()
        self._quota = 0.0
        self.version = 0
        self._make_people(terminals)
        self.limit = transactions
        self.grow(until)

    # what stands still

    def _make_people(self, terminals: int) -> None:
        rng = random.Random(self.seed)
        count = min(len(BRANCHES), max(1, terminals // 7))
        founded = self.since - timedelta(days=400)
        self.branches = [
            Branch(
                identifier(self.seed, BRANCH, i), *BRANCHES[i],
                reference=str(1300 + i) if i % 3 else None,
                created_at=(founded + timedelta(days=i, milliseconds=722)).astimezone(UTC),
                acceptor=f"5501001{self.seed % 100:02d}{i:03d}".ljust(15),
            )
            for i in range(count)
        ]  # fmt: skip
        self.users = []
        for i in range(max(1, terminals * 2 // 3)):
            name = " ".join(each[(i * step + self.seed) % len(each)] for each, step in NAMES[i % 2])
            mobile = f"+9665{mix(self.seed * 100 + i) % 10**8:08d}"
            email = f"person{self.seed}.{i}@example.com" if i % 4 else ""
            self.users.append(User(identifier(self.seed, USER, i), name, mobile, email))
        self.terminals: list[Terminal] = []
        for i in range(terminals):
            branch = self.branches[i % count]
            number = mix(self.seed * 1000 + i) % 10**7
            rota = rng.sample(self.users, k=min(len(self.users), 2 if i % 3 == 0 else 1))
            made = (founded + timedelta(days=10 + i % 90, milliseconds=258)).astimezone(UTC)
            self.terminals.append(
                Terminal(
                    identifier(self.seed, TERMINAL, i),
                    f"02{number:07d}{number:07d}",
                    f"{branch.name} till {i // count + 1}",
                    branch,
                    # Each twentieth lies in a drawer, held by nobody.
                    [] if i % 20 == 19 else rota,
                    made,
                    (self.since + timedelta(days=rng.randrange(DAYS))).astimezone(UTC),
                    i % 13 != 12,
                )
            )
        self._weights = [
            0.25 + 1.5 * (mix(self.seed * 77 + i) % 1000) / 1000 for i in range(terminals)
        ]
        self._weights = [
            0 if not t.users else w for w, t in zip(self._weights, self.terminals, strict=True)
        ]
        self._quiet = [list(accumulate(_curve(friday))) for friday in (False, True)]
        self._terminal_weights = list(accumulate(self._weights))

    def add_terminal(self, terminal: Terminal) -> None:
        """A new terminal lies idle until somebody is given it, and then sells like a small one."""
        self.terminals.append(terminal)
        self._weights.append(0)
        self._terminal_weights = list(accumulate(self._weights))

    def assign(self, terminal: Terminal, person: User | None, at: datetime) -> None:
        """Who holds a terminal from now on; what was sold before stays with whom it was."""
        terminal.assigned.append((int(at.timestamp() * 1000), person))
        terminal.updated_at = at
        number = self.terminals.index(terminal)
        self._weights[number] = self._weights[number] or (0.3 if person else 0)
        self._terminal_weights = list(accumulate(self._weights))

    # what goes on

    def grow(self, until: datetime) -> None:
        """Live on until a moment; whole days are made at once, and shown as they pass."""
        with self.lock:
            last = until.astimezone(RIYADH).date()
            while self._next_day <= last:
                self._live(self._next_day)
                self._next_day += timedelta(days=1)

    def _live(self, day: date) -> None:
        rng = random.Random(f"{self.seed}:{day.isoformat()}")
        weekend = day.weekday() in (4, 5)
        self._quota += self.per_day * (1.25 if weekend else 0.9)
        count, self._quota = int(self._quota), self._quota - int(self._quota)
        midnight = datetime(day.year, day.month, day.day, tzinfo=RIYADH)
        start = int(midnight.timestamp() * 1000)
        minutes = rng.choices(range(1440), cum_weights=self._quiet[day.weekday() == 4], k=count)
        moments = sorted(minute * 60_000 + rng.randrange(60_000) for minute in minutes)
        tills = rng.choices(range(len(self.terminals)), cum_weights=self._terminal_weights, k=count)
        first = len(self.times)
        for offset, till in zip(moments, tills, strict=True):
            self._sell(start + offset, till, rng.getrandbits(64))
        self._open_sessions(first)
        self._close_day(midnight, rng)

    def _sell(self, at: int, till: int, draw: int) -> None:
        index = len(self.times)
        terminal = self.terminals[till]
        origin = -1
        if draw % 10_000 < REFUND and terminal.own:
            before = terminal.own[-1 - (draw >> 20) % min(len(terminal.own), 5)]
            if self._can_be_refunded(before):
                origin = before
                self.refunded[before] = index
        self.times.append(at)
        self.of.append(till)
        self.draw.append(draw)
        self.stan.append(len(terminal.own) % 999_999 + 1)
        self.origin.append(origin)
        terminal.own.append(index)

    def _can_be_refunded(self, index: int) -> bool:
        own = self.approved(index) and self.origin[index] < 0
        return own and index not in self.refunded and not self.is_reversed(index)

    def _open_sessions(self, first: int) -> None:
        for index in range(first, len(self.times)):
            if self.origin[index] < 0 and (self.draw[index] >> 30) % 10_000 < BY_SESSION:
                number = len(self.sessions)
                opened = datetime.fromtimestamp(self.times[index] / 1000 - 27, UTC)
                reference = f"ORD-{20_000 + number}"
                self.sessions.append(
                    OpenedSession(
                        identifier(self.seed, SESSION, number), self.terminals[self.of[index]],
                        "purchase", self.amount(index), reference, None, opened, index,
                    )
                )  # fmt: skip

    def _close_day(self, midnight: datetime, rng: random.Random) -> None:
        due = []
        for till, terminal in enumerate(self.terminals):
            done = self.closed_at.setdefault(till, [])
            # Now and then somebody forgets, and the next close covers two days.
            if rng.random() < 0.03 or len(terminal.own) == (done[-1] if done else 0):
                continue
            at = midnight + timedelta(
                hours=23, minutes=rng.randrange(20, 59), seconds=rng.randrange(60)
            )
            due.append((at.astimezone(UTC), till))
        for at, till in sorted(due):
            self.reconcile(till, at)

    def reconcile(self, till: int, at: datetime) -> Close:
        """Close a terminal: everything since its last close, up to a moment."""
        terminal, done = self.terminals[till], self.closed_at.setdefault(till, [])
        first = done[-1] if done else 0
        moment = int(at.timestamp() * 1000)
        last = bisect_right(terminal.own, moment, key=lambda index: self.times[index])
        last = max(last, first)
        done.append(last)
        number = len(self.closes)
        close = Close(
            identifier(self.seed, RECONCILIATION, number), terminal, at, first, last, number
        )
        self.closes.append(close)
        return close

    def close_now(self, till: int, at: datetime) -> Close:
        """Close a terminal by hand: what tonight's own close would count, up to now."""
        terminal = self.terminals[till]
        mine = sorted(self.closes_of(till), key=lambda close: close.at)
        first = max((c.last for c in mine if c.at <= at), default=0)
        moment = int(at.timestamp() * 1000)
        last = bisect_right(terminal.own, moment, key=lambda index: self.times[index])
        for later in mine:
            if later.at > at:
                later.first = max(later.first, last)
        number = len(self.closes)
        ref = identifier(self.seed, RECONCILIATION, number)
        close = Close(ref, terminal, at, first, max(first, last), number)
        self.closes.append(close)
        return close

    # what is true of one transaction

    def visible(self, now: datetime) -> int:
        """How many transactions have happened."""
        self.grow(now)
        return bisect_right(self.times, int(now.timestamp() * 1000))

    def shown(self, now: datetime) -> "list[int] | range":
        """The indices that a list shows, ascending by time."""
        count = max(self.visible(now) - self.held_back, 0)
        if not self.removed and not self.hidden_until and not self.late_rate:
            return range(count)
        moment = int(now.timestamp() * 1000)
        late = self.hidden_until
        return [
            i
            for i in range(count)
            if i not in self.removed and late.get(i, 0) <= moment and self._arrived(i, moment)
        ]

    def _arrived(self, index: int, moment: int) -> bool:
        """Whether a row is in the list yet: some come a minute to 72 hours after their time."""
        share = mix(self.draw[index] ^ self.seed)
        if share % 10_000 >= self.late_rate * 10_000:
            return True
        return self.times[index] + 60_000 + share // 10_000 % (72 * 3_600_000) <= moment

    def scheme(self, index: int) -> int:
        """The index of the card's scheme; a refund goes to the card that paid."""
        if self.origin[index] >= 0:
            return self.scheme(self.origin[index])
        return bisect_right(SCHEME_EDGES, (self.draw[index] >> 8) % 1000)

    def approved(self, index: int) -> bool:
        return self.origin[index] >= 0 or (self.draw[index] >> 16) % 10_000 >= DECLINED

    def decline(self, index: int) -> str:
        return DECLINES[bisect_right(DECLINE_EDGES, (self.draw[index] >> 12) % 1000)][0]

    def is_refunded(self, index: int, now: datetime) -> bool:
        """Whether it has been given back by now."""
        refund = self.refunded.get(index)
        return refund is not None and self.times[refund] <= now.timestamp() * 1000

    def is_reversed(self, index: int, now: datetime | None = None) -> bool:
        """Whether it is reversed by now, or at all."""
        if index in self.reversed_later:
            return True
        by_chance = (self.draw[index] >> 40) % 10_000 < REVERSED
        return (
            by_chance
            and self.approved(index)
            and self.origin[index] < 0
            and index not in self.refunded
            and (now is None or self.times[index] + REVERSED_AFTER <= now.timestamp() * 1000)
        )

    def amount(self, index: int) -> int:
        """Minor units: many coffees, some breakfasts, a party now and then."""
        if self.origin[index] >= 0:
            return self.amount(self.origin[index])
        share = ((self.draw[index] >> 24) % 100_000 + 0.5) / 100_000
        spread = math.sqrt(-2 * math.log(share)) * math.cos((self.draw[index] >> 44) % 628 / 100)
        minor = int(3200 * math.exp(0.75 * spread))
        return max(minor // 25 * 25, 100)

    def last4(self, index: int) -> str:
        if self.origin[index] >= 0:
            return self.last4(self.origin[index])
        # Regular guests come back with the same card.
        pool = 400 if self.draw[index] >> 60 < 6 else 10_000
        return f"{(self.draw[index] >> 48) % pool:04d}"

    def holder(self, terminal: Terminal, at_ms: int) -> User | None:
        """Who held the terminal at a moment: people take turns by the week."""
        for since, person in reversed(terminal.assigned):
            if since <= at_ms:
                return person
        if not terminal.users:
            return None
        return terminal.users[at_ms // (7 * 86_400_000) % len(terminal.users)]

    def reconciled(self, index: int, now: datetime) -> bool:
        till = self.of[index]
        position = bisect_left(self.terminals[till].own, index)
        return any(c.first <= position < c.last and c.at <= now for c in self.closes_of(till))

    def closes_of(self, till: int) -> list[Close]:
        """A terminal's closes, in the order in which they were made."""
        known = self._closes_of.get(till)
        if known is None or known[0] != len(self.closes):
            terminal = self.terminals[till]
            known = (len(self.closes), [c for c in self.closes if c.terminal is terminal])
            self._closes_of[till] = known
        return known[1]

    def id(self, index: int) -> str:
        return identifier(self.seed, TRANSACTION, index)


def _curve(friday: bool) -> list[float]:
    """How busy each minute of the day is: opening hours, rushes, and quiet prayer times."""
    weights = []
    for minute in range(1440):
        hour = minute / 60
        busy = 0.0
        if hour >= 6.5 or hour < 0.5:
            busy = 0.3
            for centre, width, height in ((8.3, 1.2, 0.9), (13.2, 1.4, 1.0), (20.3, 2.2, 1.6)):
                busy += height * math.exp(-(((hour - centre) / width) ** 2))
        if friday and hour < 13.5:
            busy *= 0.15
        # Dhuhr, Asr, Maghrib and Isha, roughly, in Riyadh.
        for prayer in (11.75, 15.0, 17.4, 18.9):
            if prayer <= hour < prayer + 0.4:
                busy *= 0.2
        weights.append(busy)
    return weights
