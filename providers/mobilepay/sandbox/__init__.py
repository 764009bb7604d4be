"""The Integra gateway and the MobilePay API behind it, simulated.

What the help pages leave open is a switch: `details` (named, flat: where an answer holds its
object), `refusals` (200, 400: the status of `success: false`), `errors` (coded, text: whether the
upstream's code stands in the text), `denied` (frame, 401: how a wrong token is refused), `widest`
(how many payments a list may have before it is refused), `captured` (captured, reserved: which
amount is told of a payment that was captured). Faults of its own content are `enum`,
`extra` and `xml` (XML though JSON was asked for).
"""

import copy
import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import parse_qsl
from xml.sax.saxutils import escape

import msgspec

from providers.base.money import Money, NotMoney, major_text
from providers.base.sandbox import Answer, Clock, Faults, Journal, Options, Request
from providers.mobilepay.sandbox.life import Life, stores
from providers.mobilepay.sandbox.world import ERRORS, Payment, Point, Refund, Rule, Store, World
from providers.mobilepay.translate import COPENHAGEN

DEMO_CODE, DEMO_TOKEN = "sandbox-bio-of-demo", "sandbox-token-of-demo"
OTHER_CODE, OTHER_TOKEN = "sandbox-bio-of-other", "sandbox-token-of-other"
# Of a merchant who has no token yet.
NEW_CODE = "sandbox-bio-of-new"
TIDS = {
    DEMO_CODE: ["DK-101", "DK-102", "DK-103", "DK-201", "DK-202", "DK-301"],
    OTHER_CODE: ["OB-1", "OB-2"],
    NEW_CODE: [],
}
SWITCHES = {
    "details": ("named", "flat"),
    "refusals": ("200", "400"),
    "errors": ("coded", "text"),
    "denied": ("frame", "401"),
    "widest": ("500",),
    "captured": ("captured", "reserved"),
}
CONTENT = ("enum", "extra", "xml")
LISTS: tuple[str, ...] = ()
_dump = msgspec.json.Encoder(decimal_format="number").encode
# (S, C) what changes something, though most of it is asked for by GET.
CHANGING = (
    "manage/token", "manage/token/reset", "manage/create", "manage/delete", "payment/start",
    "payment/start/byPosId", "payment/prepare", "payment/ready", "payment/capture",
    "payment/cancel", "refund/create", "refund/capture", "refund/cancel",
)  # fmt: skip
POSTED = (
    "manage/token", "manage/create", "payment/start", "payment/start/byPosId", "payment/prepare",
    "payment/ready", "refund/create",
)  # fmt: skip
PREFIX = "/api/pos/"
POLL_MS = 1000

Asked = dict[str, str]


class Merchant:
    """One merchant at the gateway: its code, its token, and what MobilePay knows of it."""

    def __init__(self, code: str, token: str, world: World, life: Life) -> None:
        self.code, self.token, self.world, self.life = code, token, world, life


class Sandbox:
    """One simulated gateway, with a merchant for each code."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.clock = Clock(options.now)
        self.switches = {name: values[0] for name, values in SWITCHES.items()}
        self.switches |= {k: v for k, v in options.switches.items() if k in SWITCHES}
        self.faults = Faults(options.faults, options.seed)
        # An error of the API behind it that strikes the next call, by its code; for tests.
        self.fails_with: str | None = None
        first = options.since + timedelta(days=90) if options.since else self.now()
        begin = first.astimezone(COPENHAGEN).replace(hour=6, minute=0, second=0, microsecond=0)
        self.merchants: dict[str, Merchant] = {}
        tokens = {DEMO_CODE: DEMO_TOKEN, OTHER_CODE: OTHER_TOKEN, NEW_CODE: ""}
        for number, (code, token) in enumerate(tokens.items()):
            seed = options.seed + number * 50
            world = World(seed, stores(seed), int(self.switches["widest"]))
            own = list(world.stores.values())
            for place, tid in enumerate(TIDS[code]):
                world.create_point(tid, own[min(place // 3 + place % 3 // 2, len(own) - 1)])
            per_day = options.transactions / 90 / (8 if number == 0 else 40)
            life = Life(world, seed, begin.astimezone(UTC), per_day if TIDS[code] else 0)
            self.merchants[code] = Merchant(code, token, world, life)
        self._lock = threading.RLock()
        self._journal = Journal(options.folder, "mobilepay")
        self._replay()

    @property
    def world(self) -> World:
        """The demo merchant's world, as it is now."""
        with self._lock:
            return self._at_present(self.merchants[DEMO_CODE]).world

    def now(self) -> datetime:
        return self.clock.now()

    def changes(self, request: Request) -> bool:
        """Whether a call changes something, whatever its method."""
        return request.path.removeprefix(PREFIX).strip("/") in CHANGING

    def _at_present(self, merchant: Merchant) -> Merchant:
        merchant.life.live(self.now())
        merchant.world.advance(self.now())
        return merchant

    # the door

    def answer(self, request: Request) -> Answer:
        if not request.path.startswith(PREFIX):
            return Answer(404, b'{"Message":"No HTTP resource was found."}')
        path = request.path.removeprefix(PREFIX).strip("/")
        asked = dict(request.query)
        if request.method == "POST":
            asked = _body(request)
        route = self._routes().get(path)
        allowed = {"GET"} | ({"POST"} if path in POSTED else set())
        allowed |= {"DELETE"} if path == "manage/delete" else set()
        if route is None:
            return Answer(404, b'{"Message":"No HTTP resource was found."}')
        if request.method not in allowed:
            return Answer(405, b'{"Message":"The method is not allowed."}')
        with self._lock:
            merchant = self.merchants.get(asked.get("bioCode", ""))
            if merchant is None:
                return self._denied("bioCode is invalid.")
            self._at_present(merchant)
            token = merchant.token
            if path != "manage/token" and (not token or asked.get("accessToken") != token):
                return self._denied("accessToken is invalid.")
            try:
                if self.fails_with is not None:
                    code, self.fails_with = self.fails_with, None
                    return self._refuse(code, ERRORS.get(code, "Internal error."))
                content = route(merchant, asked)
            except Rule as rule:
                return self._refuse(rule.code, str(rule))
            except _Plain as refused:
                return self._refuse("", str(refused))
            if path in CHANGING:
                kind = request.headers.get("content-type", "")
                self._journal.add(request, self.now(), type=kind)
        return self._made(content, request)

    def _routes(self) -> dict[str, Callable[[Merchant, Asked], dict[str, Any]]]:
        return {
            "manage/token": self._token,
            "manage/token/reset": self._reset,
            "manage/create": self._create_point,
            "manage/delete": self._delete_point,
            "manage/terminal/information": self._information,
            "manage/stores": self._stores,
            "manage/store": self._store,
            "manage/checkInStatus/byposId": self._seen,
            "manage/checkInStatus/byterminalId": self._seen,
            "terminal/qrcode": self._code,
            "payment/start": self._start,
            "payment/start/byPosId": self._start,
            "payment/prepare": self._prepare,
            "payment/ready": self._ready,
            "payment/details": self._details,
            "payments": self._payments,
            "payment/status": self._status,
            "payment/capture": self._capture,
            "payment/cancel": self._cancel,
            "payment/id/retrieve/bystate": self._by_state,
            "payment/id/retrieve/byterminal": self._by_place,
            "payment/id/retrieve/byposId": self._by_place,
            "refund/create": self._refund,
            "refund/details": self._refund_details,
            "refunds": self._refunds,
            "refund/capture": self._capture_refund,
            "refund/cancel": self._cancel_refund,
        }

    # tokens

    def _token(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        if merchant.token:
            raise _Plain("The merchant has an access token already.")
        merchant.token = f"token-{merchant.world.uuid()}"
        return {"message": merchant.token}

    def _reset(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        if asked.get("previousAccessToken") != merchant.token:
            raise _Plain("The previous token does not match.")
        merchant.token = f"token-{merchant.world.uuid()}"
        return {"message": merchant.token}

    # stores and points of sale

    def _stores(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        return {"storeIds": list(merchant.world.stores)}

    def _store(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        return self._held("store", _store(merchant.world.store(asked.get("storeId", ""))))

    def _information(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        return {"posInformation": _information(merchant.world.point(asked.get("terminalId", "")))}

    def _create_point(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        merchant.world.create_point(asked.get("terminalId", ""))
        return {"message": "The point of sale was created."}

    def _delete_point(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        merchant.world.delete_point(asked.get("terminalId", ""))
        return {"message": "The point of sale was deleted."}

    def _seen(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        point = merchant.world.point(asked.get("terminalId", ""), asked.get("posId", ""))
        seen = {"isUserCheckedIn": point.customer, "loyaltyIds": [], "pollDelayInMs": POLL_MS}
        return self._held("checkInStatus", seen)

    def _code(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        point = merchant.world.point(asked.get("terminalId", ""))
        return {"qrCode": f"mobilepaypos://pos?id={point.beacon}&source=qr"}

    # payments

    def _start(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        world = merchant.world
        point = world.point(asked.get("terminalId", ""), asked.get("posId", ""))
        amount, currency = _amount(asked)
        made = world.start(point, asked.get("orderId", ""), amount, currency, self.now())
        return {"paymentId": made.id}

    def _prepare(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        point = merchant.world.point(asked.get("terminalId", ""))
        order = asked.get("orderId", "")
        return {"paymentId": merchant.world.start(point, order, None, "DKK", self.now()).id}

    def _ready(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        merchant.world.ready(asked.get("paymentId", ""), *_amount(asked), self.now())
        return {"message": "The payment is ready."}

    def _details(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        payment = merchant.world.payment(asked.get("paymentId", ""))
        return self._held(
            "paymentDetails",
            self._spoilt(_payment(payment, self.switches["captured"] == "captured")),
        )

    def _payments(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        state, order = asked.get("state", ""), asked.get("orderId", "")
        rows = merchant.world.listed(asked.get("terminalId", ""), state, order)
        return {"paymentsIds": [each.id for each in rows]}

    def _status(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        return {"status": merchant.world.payment(asked.get("paymentId", "")).status}

    def _capture(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        payment = merchant.world.payment(asked.get("paymentId", ""))
        amount, _ = _amount(asked | {"currencyCode": payment.currency})
        merchant.world.capture(payment.id, amount, self.now())
        return {"message": "Captured."}

    def _cancel(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        merchant.world.cancel(asked.get("paymentId", ""), self.now())
        return {"message": "Cancelled."}

    def _by_state(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        mine = [p for p in merchant.world.payments.values() if p.order == asked.get("orderId")]
        return {"paymentId": merchant.world.recalled(mine, asked.get("state", "")).id}

    def _by_place(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        point = merchant.world.point(asked.get("terminalId", ""), asked.get("posId", ""))
        mine = [p for p in merchant.world.payments.values() if p.pos_id == point.id]
        return {"paymentId": merchant.world.recalled(mine, asked.get("paymentState", "")).id}

    # refunds

    def _refund(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        order, ref = asked.get("refundOrderId", ""), asked.get("paymentId", "")
        made = merchant.world.create_refund(ref, order, *_amount(asked), self.now())
        return {"refundId": made.id}

    def _refund_details(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        refund = merchant.world.refund(asked.get("refundId", ""))
        return self._held("refundDetails", self._spoilt(_refund(refund)))

    def _refunds(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        payment = merchant.world.payment(asked.get("paymentId", ""))
        return {"refundIds": [each.id for each in payment.refunds]}

    def _capture_refund(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        merchant.world.capture_refund(asked.get("refundId", ""))
        return {"message": "Captured."}

    def _cancel_refund(self, merchant: Merchant, asked: Asked) -> dict[str, Any]:
        merchant.world.cancel_refund(asked.get("refundId", ""))
        return {"message": "Cancelled."}

    # answers

    def _held(self, name: str, content: dict[str, Any]) -> dict[str, Any]:
        return {name: content} if self.switches["details"] == "named" else content

    def _spoilt(self, content: dict[str, Any]) -> dict[str, Any]:
        """Content as it might change without a word."""
        if self.faults.strikes("enum"):
            content["status"] = "BrandNew"
        if self.faults.strikes("extra"):
            content["cvv"] = "CANARY-CVV"
        return content

    def _made(self, content: dict[str, Any], request: Request) -> Answer:
        whole = {**content, "success": True, "errors": None}
        wants_xml = "xml" in request.headers.get("accept", "") or self.faults.strikes("xml")
        return _xml(whole) if wants_xml else Answer(200, _dump(whole))

    def _refuse(self, code: str, text: str) -> Answer:
        said = f"{code}: {text}" if code and self.switches["errors"] == "coded" else text
        status = int(self.switches["refusals"])
        whole = {"success": False, "errors": [said]} if status == 200 else {"Message": said}
        return Answer(status, json.dumps(whole).encode())

    def _denied(self, text: str) -> Answer:
        if self.switches["denied"] == "401":
            return Answer(401, b'{"Message":"Authorization has been denied for this request."}')
        return self._refuse("", text)

    # what the portal must come to know

    def ledger(self, code: str = DEMO_CODE) -> dict[str, tuple[str, int | None, int]]:
        """The truth, for tests: id -> (status, captured minor units, given back)."""
        with self._lock:
            world = self._at_present(self.merchants[code]).world
            return {
                each.id: (each.status, each.captured, each.given_back)
                for each in world.payments.values()
            }

    # what is kept from one start to the next

    def _replay(self) -> None:
        clock = copy.copy(self.clock)
        for entry, at in self._journal.replay():
            self.clock = Clock(at)
            headers = {"content-type": entry["type"]}
            body = entry["body"].encode()
            self.answer(Request(entry["method"], entry["path"], entry["query"], headers, body))
        self.clock = clock


class _Plain(Exception):
    """The gateway itself says no, without a code."""


def _body(request: Request) -> Asked:
    """What was posted: a form or JSON (C)."""
    if "json" not in request.headers.get("content-type", ""):
        return dict(parse_qsl(request.body.decode("utf-8", "replace")))
    try:
        found = json.loads(request.body)
    except ValueError:
        return {}
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _amount(asked: Asked) -> tuple[int, str]:
    """Decimal text of major units in minor ones, exactly."""
    currency = asked.get("currencyCode") or "DKK"
    try:
        value = Decimal(asked.get("amount", ""))
        return Money.from_major_text(format(value, "f"), currency).minor, currency
    except (InvalidOperation, NotMoney):
        raise Rule("1102") from None


def _major(minor: int | None, currency: str) -> Decimal | None:
    """A JSON number of major units, as the upstream writes it."""
    return None if minor is None else Decimal(major_text(minor, currency)).normalize() + 0


def _store(store: Store) -> dict[str, Any]:
    return {
        "storeId": store.id, "storeName": store.name, "storeStreet": store.street,
        "storeZipCode": store.zip, "storeCity": store.city, "brandName": "Demo Kaffe",
        "merchantBrandId": store.brand, "merchantLocationId": store.location,
    }  # fmt: skip


def _information(point: Point) -> dict[str, str]:
    return {
        "beaconId": point.beacon, "merchantPosId": point.tid, "name": point.name,
        "posId": point.id, "requirePaymentBeforeCheckin": "False", "storeId": point.store.id,
        "supportedBeaconTypes": "QR", "callbackAlias": "",
    }  # fmt: skip


def _payment(payment: Payment, as_captured: bool) -> dict[str, Any]:
    told = as_captured and payment.captured is not None
    shown = payment.captured if told else payment.amount
    return {
        "paymentId": payment.id, "posId": payment.pos_id, "orderId": payment.order,
        "amount": _major(shown, payment.currency), "currencyCode": payment.currency,
        "restrictions": None, "merchantPaymentLabel": None, "plannedCaptureDelay": None,
        "status": payment.status, "customerToken": None, "customerReceiptToken": None,
        "loyaltyIds": [], "paymentExpiresAt": None, "partialCapturePossible": payment.partial,
        "pollDelayInMs": POLL_MS,
    }  # fmt: skip


def _refund(refund: Refund) -> dict[str, Any]:
    currency = refund.payment.currency
    return {
        "refundId": refund.id, "paymentId": refund.payment.id, "refundOrderId": refund.order,
        "amount": _major(refund.amount, currency), "currencyCode": currency,
        "status": refund.status, "pollDelayInMs": 100,
    }  # fmt: skip


def _xml(whole: dict[str, Any]) -> Answer:
    """The same as ASP.NET's serialiser of data contracts writes it."""

    def node(name: str, value: Any) -> str:
        if value is None:
            return f'<{name} i:nil="true"/>'
        if isinstance(value, dict):
            return f"<{name}>{''.join(node(k, v) for k, v in value.items())}</{name}>"
        if isinstance(value, list):
            texts = (f"<d2p1:string>{escape(str(each))}</d2p1:string>" for each in value)
            return f"<{name}>{''.join(texts)}</{name}>"
        text = str(value).lower() if isinstance(value, bool) else str(value)
        return f"<{name}>{escape(text)}</{name}>"

    spaces = 'xmlns:i="http://www.w3.org/2001/XMLSchema-instance" xmlns:d2p1="urn:arrays"'
    inner = "".join(node(k, v) for k, v in whole.items())
    body = f"<ViewModel {spaces}>{inner}</ViewModel>".encode()
    return Answer(200, body, {"Content-Type": "application/xml; charset=utf-8"})
