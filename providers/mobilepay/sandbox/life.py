"""The demo's Danish shops: what their tills and customers do, from a seed and the minute.

The gateway tells no times, so a history from before the first reading could only stand where it was
read; life begins on the morning of the first day.
"""

import math
import random
from datetime import datetime, timedelta

from providers.mobilepay.sandbox.world import Rule, Store, World
from providers.mobilepay.translate import ACTIVE, COPENHAGEN

STORES = [
    ("Nørrebro", "Nørrebrogade 12", "2200", "København N"),
    ("Aarhus Midt", "Ryesgade 21", "8000", "Aarhus C"),
    ("Odense", "Vestergade 45", "5000", "Odense C"),
]
# Of a hundred payments: refused by the customer, left unanswered, never captured, captured in part.
REJECTED, LEFT, FORGOTTEN, PARTLY, REFUNDED = 5, 3, 2, 4, 3
SECONDS_TO_ANSWER, SECONDS_TO_CAPTURE = 12, 4


def stores(seed: int, count: int = len(STORES)) -> list[Store]:
    rng = random.Random(f"stores:{seed}")
    made = []
    for number, (name, street, zip_, city) in enumerate(STORES[:count]):
        ref = f"{rng.getrandbits(32):08x}-0000-4000-8000-{seed:012d}"
        codes = f"POSDK{seed:05d}", f"{seed + number:05d}"
        made.append(Store(ref, name, street, zip_, city, *codes))
    return made


class Life:
    """What happens at a merchant's tills, minute by minute."""

    def __init__(self, world: World, seed: int, begin: datetime, per_day: float) -> None:
        self.world, self.seed, self.per_day = world, seed, per_day
        self.begin = self.next_minute = begin.replace(second=0, microsecond=0)
        self.orders = 1000
        # What these tills have begun; whatever else is begun has a customer standing there.
        self.own: set[str] = set()

    def live(self, now: datetime) -> None:
        """Whole minutes are lived once they are over."""
        while self.next_minute + timedelta(minutes=1) <= now:
            self._minute(self.next_minute)
            self.next_minute += timedelta(minutes=1)
        if self.per_day and now >= self.begin:
            self._answer(now)

    def _answer(self, now: datetime) -> None:
        """A customer takes their time, and then agrees to what somebody else has begun."""
        for payment in list(self.world.open.values()):
            waits = payment.status in ACTIVE and payment.id not in self.own
            if waits and now - payment.changed_at >= timedelta(seconds=SECONDS_TO_ANSWER):
                self.world.check_in(payment.tid, now)
                self.world.accept(payment.tid, now)

    def _minute(self, at: datetime) -> None:
        # Of this minute alone, so that what people do at the portal changes nothing of it.
        rng = random.Random(f"{self.seed}:{at.isoformat()}")
        expected = self.per_day * _busy(at.astimezone(COPENHAGEN))
        count = int(expected) + (rng.random() < expected - int(expected))
        tids = sorted(self.world.points)
        for tid in rng.sample(tids, min(count, len(tids))):
            moment = at + timedelta(seconds=rng.randrange(40))
            self.world.advance(moment)
            try:
                self._sell(tid, moment, rng)
            except Rule:
                continue  # Somebody pays there already.

    def _sell(self, tid: str, at: datetime, rng: random.Random) -> None:
        world = self.world
        self.orders += 1
        amount = max(int(6500 * math.exp(0.6 * rng.gauss(0, 1))) // 50 * 50, 500)
        payment = world.start(world.point(tid), f"K{self.orders}", amount, "DKK", at)
        self.own.add(payment.id)
        chance = rng.randrange(100)
        if chance < LEFT:
            return
        world.check_in(tid, at)
        answered = at + timedelta(seconds=SECONDS_TO_ANSWER)
        if chance < LEFT + REJECTED:
            world.reject(tid, answered)
            return
        world.accept(tid, answered)
        if chance < LEFT + REJECTED + FORGOTTEN:
            return
        part = amount - 500 if chance < LEFT + REJECTED + FORGOTTEN + PARTLY else amount
        world.capture(payment.id, max(part, 100), answered + timedelta(seconds=SECONDS_TO_CAPTURE))
        if rng.randrange(100) < REFUNDED:
            captured = payment.captured or 0
            back = captured if rng.random() < 0.5 else max(captured // 2 // 100 * 100, 100)
            refund = world.create_refund(
                payment.id, f"R{self.orders}", min(back, captured), "DKK", answered
            )
            if rng.random() < 0.5:
                world.capture_refund(refund.id)


def _busy(at: datetime) -> float:
    """The share of a day's payments that a minute sees."""
    hour = at.hour + at.minute / 60
    if not 7 <= hour < 21:
        return 0.0
    rush = sum(math.exp(-(((hour - centre) / 1.5) ** 2)) for centre in (8.5, 12.5, 17.0))
    return (0.3 + rush) / 60 / 12
