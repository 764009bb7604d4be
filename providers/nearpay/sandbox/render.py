"""The world's facts as NearPay's JSON, with its mixed units, its typos and its padding."""

import json
from datetime import UTC, datetime
from typing import Any

from providers.nearpay.sandbox import world as w
from providers.nearpay.sandbox.world import Branch, Close, OpenedSession, Terminal, User, World

HOUR = 3_600_000
CANARY = {
    "ipek": "CANARY-IPEK-0000000000000000000",
    "key_set_id": "CANARY-KSI",
    "admin_pin": "CANARY-PIN",
    "trsm": "CANARY-TRSM",
}
LABELS = {
    "total": ("المجموع", "Total"),
    "purchase": ("الشراء", "Purchase"),
    "purchase_reversal": ("الشراء المعكوسة", "Purchase Reversal"),
    "refund": ("المستردة", "Refund"),
    "refund_reversal": ("المستردة المعكوسة", "Refund Reversal"),
    "credit": ("دائن", "Credit"),
    "debit": ("مدين", "Debit"),
}
RECEIPT = (
    '{"id":"%(receipt)s","merchant":{"id":"%(acceptor)s","name":{"arabic":"شركة قهوة التجربة",'
    '"english":"DEMO COFFEE CO"},"address":{"arabic":"%(address_ar)s","english":"%(address)s"},'
    '"category_code":"5814"},"type":"%(type)s","start_date":"%(date)s","start_time":"%(time)s",'
    '"card_scheme_sponsor":"%(sponsor)s","tid":"%(tid)s","system_trace_audit_number":"%(stan)06d",'
    '"pos_software_version_number":"1.0.0","retrieval_reference_number":"%(rrn)s",'
    '"card_scheme":{"name":{"english":"%(scheme_en)s","arabic":"%(scheme_ar)s"},"id":"%(scheme)s"},'
    '"transaction_type":{"name":{"arabic":"%(type_ar)s","english":"%(type_en)s"},"id":"%(code)s"},'
    '"pan":"%(bin)s** **** %(last4)s","card_expiration":"%(expiry)s",'
    '"amount_authorized":{"label":{"arabic":"%(amount_ar)s","english":"%(amount_en)s"},'
    '"value":"%(amount)s"},"amount_other":{"label":{"arabic":"مبلغ النقد","english":"NAQD AMOUNT"},'
    '"value":"0.00"},"currency":{"arabic":"ر.س","english":"SAR"},'
    '"status_message":{"arabic":"%(status_ar)s","english":"%(status_en)s"},'
    '"is_approved":%(approved)s,"is_refunded":%(refunded)s,"is_reversed":%(reversed)s,'
    '"approval_code":%(approval)s,"verification_method":{"english":"%(cvm_en)s",'
    '"arabic":"%(cvm_ar)s"},"end_date":"%(date)s","end_time":"%(end)s",'
    '"receipt_line_one":{"arabic":"","english":""},"receipt_line_two":{"arabic":"","english":""},'
    '"thanks_message":{"arabic":"شكرا لاستخدامكم %(scheme_ar)s",'
    '"english":"Thank you for using %(scheme_en)s"},"save_receipt_message":'
    '{"arabic":"يرجى الاحتفاظ بالفاتورة","english":"please retain receipt"},'
    '"entry_mode":"CONTACTLESS","action_code":"%(action)s","application_identifier":"%(aid)s",'
    '"terminal_verification_result":"0000000000","transaction_state_information":"0000",'
    '"cardholader_verfication_result":"%(cvr)s","cryptogram_information_data":"80",'
    '"application_cryptogram":"%(cryptogram)016X","kernel_id":"%(kernel)s",'
    '"payment_account_reference":"","pan_suffix":"","transaction_uuid":"%(id)s",'
    '"created_at":"%(created)s","updated_at":"%(updated)s",'
    '"qr_code":"https://sandbox-api.nearpay.io/ui/receipt/%(receipt)s"}'
)
TRANSACTION = (
    '{"id":"%(id)s","created_at":"%(created)s",%(head)s"is_reconcilied":%(reconciled)s,'
    '"device":{"id":"%(device)s","status":"new","type":"phone"},'
    '"merchant":{"id":"%(branch)s","name":"%(name)s","name_ar":"%(name_ar)s"},"user":%(user)s,'
    '"receipts":[%(receipts)s],"customer_reference_number":%(reference)s}'
)


def iso(at: datetime | int) -> str:
    """A time as the API writes it: UTC, milliseconds, Z."""
    if isinstance(at, int):
        at = datetime.fromtimestamp(at / 1000, UTC)
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"


def dump(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def major(minor: int) -> str:
    return f"{'-' if minor < 0 else ''}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def wall(ms: int) -> tuple[str, str]:
    """Riyadh's wall clock; the kingdom has no daylight saving."""
    local = datetime.fromtimestamp(ms / 1000 + 3 * 3600, UTC)
    return local.strftime("%d/%m/%Y"), local.strftime("%H:%M:%S")


def names(key: str) -> dict[str, str]:
    arabic, english = LABELS[key]
    return {"arabic": arabic, "english": english}


def branch(item: Branch, *, short: bool = False) -> dict[str, Any]:
    row: dict[str, Any] = {"id": item.id, "name": item.name, "name_ar": item.name_ar}
    if not short:
        row |= {"reference_id": item.reference, "created_at": iso(item.created_at)}
    return row


def branch_found(item: Branch) -> dict[str, Any]:
    row = branch(item)
    row |= {"status": "active", "has_policy": False}
    return row | {"updated_at": iso(item.updated_at or item.created_at)}


def user(item: User | None) -> dict[str, Any] | None:
    if item is None:
        return None
    return {"id": item.id, "name": item.name, "mobile": item.mobile, "email": item.email}


def terminal(world: World, item: Terminal, now: datetime, *, found: bool = False) -> dict[str, Any]:
    holder = world.holder(item, int(now.timestamp() * 1000))
    row: dict[str, Any] = {
        "id": item.id,
        "tid": item.tid,
        "merchant": branch(item.branch, short=True),
        "user": user(holder),
    }
    if found:
        device = device_id(world, world.terminals.index(item), int(now.timestamp() * 1000))
        number = world.terminals.index(item)
        connection = w.identifier(world.seed, w.CONNECTION, number)
        row |= {"is_connected": item.connected}
        row["connections"] = (
            [{"id": connection, "device": {"id": device}}] if item.connected else []
        )
        return row | {"is_assigned_to_user": holder is not None}
    row |= {"is_assigned_to_user": holder is not None, "is_connected": item.connected}
    return row | {"created_at": iso(item.created_at), "updated_at": iso(item.updated_at)}


def device_id(world: World, till: int, ms: int) -> str:
    """Phones are replaced now and then: another one every forty days or so."""
    era = (ms // 86_400_000 + till * 11) // 40
    return w.identifier(world.seed, w.DEVICE, till * 100_000 + era % 100_000)


def transaction(world: World, index: int, now: datetime, *, found: bool = False) -> str:
    """One transaction; the find call leaves out `internet` and `terminal`, as the page does."""
    at = world.times[index]
    till = world.of[index]
    item = world.terminals[till]
    draw = world.draw[index]
    scheme, _, prefix, aid, kernel, scheme_en, scheme_ar = w.SCHEMES[world.scheme(index)]
    approved, refund = world.approved(index), world.origin[index] >= 0
    reversed_ = world.is_reversed(index, now)
    day, clock = wall(at)
    amount = world.amount(index)
    pin = amount > 10_000 and scheme == "P1"
    changed = world.reversed_later.get(index, at + 84)
    receipt = w.identifier(world.seed, w.RECEIPT, index * 2)
    values: dict[str, Any] = {
        "id": world.id(index), "receipt": receipt, "acceptor": item.branch.acceptor,
        "address": item.branch.address, "address_ar": item.branch.address_ar,
        "type": "refund" if refund else "purchase", "date": day, "time": clock,
        "end": wall(at + 2000)[1], "sponsor": "BSFB", "tid": item.tid, "stan": world.stan[index],
        "rrn": f"{at // 86_400_000 % 10_000:04d}{draw % 10**8:08d}", "scheme": scheme,
        "scheme_en": scheme_en, "scheme_ar": scheme_ar, "code": "20" if refund else "00",
        "type_ar": "استرداد" if refund else "شراء", "type_en": "REFUND" if refund else "PURCHASE",
        "bin": prefix, "last4": world.last4(index),
        "expiry": f"{27 + draw % 5}/{draw % 12 + 1:02d}",
        "amount_ar": "مبلغ الاسترداد" if refund else "مبلغ الشراء",
        "amount_en": "REFUND AMOUNT" if refund else "PURCHASE AMOUNT", "amount": major(amount),
        "status_ar": "مقبولة" if approved else "مرفوضة",
        "status_en": "APPROVED" if approved else "DECLINED",
        "approved": _bool(approved), "refunded": _bool(world.is_refunded(index, now)),
        "reversed": _bool(reversed_),
        "approval": f'"{draw >> 20 & 0xFFFFF:06d}"'[:7] + '"' if approved else "null",
        "cvm_en": "CARDHOLDER PIN VERIFIED" if pin else "DEVICE OWNER IDENTITY VERIFIED",
        "cvm_ar": "تم التحقق بالرقم السري" if pin else "تم التحقق من هوية حامل الجهاز",
        "cvr": "420300" if pin else "1F0302", "action": "000" if approved else world.decline(index),
        "aid": aid, "kernel": kernel, "cryptogram": w.mix(draw), "created": iso(at + 84),
        "updated": iso(changed),
    }  # fmt: skip
    receipts = RECEIPT % values
    if reversed_:
        later = world.reversed_later.get(index, at + w.REVERSED_AFTER)
        day, clock = wall(later)
        extra = values | {
            "receipt": w.identifier(world.seed, w.RECEIPT, index * 2 + 1), "type": "reversal",
            "date": day, "time": clock, "end": clock, "created": iso(later), "updated": iso(later),
            "type_ar": "عكس شراء", "type_en": "PURCHASE REVERSAL",
            "amount_ar": "مبلغ العكس", "amount_en": "REVERSAL AMOUNT",
        }  # fmt: skip
        receipts += "," + RECEIPT % extra
    holder = world.holder(item, at)
    head = ""
    if not found:
        kind = "wifi" if draw >> 33 & 3 else "cellular"
        head = f'"internet":{{"type":"{kind}","speed":"{draw >> 35 & 511}"}},'
        head += f'"terminal":{{"tid":"{item.tid}"}},'
    reference = f'"C-{draw >> 40 & 0xFFFF}"' if draw >> 57 & 7 == 0 else "null"
    return TRANSACTION % {
        "id": values["id"], "created": iso(at), "head": head, "receipts": receipts,
        "reconciled": _bool(world.reconciled(index, now)), "device": device_id(world, till, at),
        "branch": item.branch.id, "name": item.branch.name, "name_ar": item.branch.name_ar,
        "user": json.dumps(user(holder), ensure_ascii=False), "reference": reference,
    }  # fmt: skip


def _bool(value: bool) -> str:
    return "true" if value else "false"


def session(
    world: World, item: OpenedSession, now: datetime, *, created: bool = False
) -> dict[str, Any]:
    """A session; amounts and times are numbers where it is created and texts in the list."""
    expires = int(item.created_at.timestamp() * 1000) + 600_000
    index = item.transaction
    done = index is not None and world.times[index] <= now.timestamp() * 1000
    status = "closed" if done else "new" if now.timestamp() * 1000 < expires else "expired"
    row: dict[str, Any] = {
        "id": item.id,
        "status": status,
        "type": item.kind,
        "client_id": w.identifier(world.seed, w.CLIENT, 0),
        "amount": item.amount if created else str(item.amount),
        "expired_at": expires if created else str(expires),
        "reference_id": item.reference,
        "created_at": iso(item.created_at),
        "updated_at": iso(item.created_at),
    }
    if created:
        return row | {"terminal": {"id": item.terminal.id}, "merchant_id": None}
    row |= {"original_transaction": item.original, "transaction": None}
    if done and index is not None:
        at = world.times[index]
        row["updated_at"] = iso(at + 70)
        row["transaction"] = {
            "id": str(60_000 + index),
            "uuid": world.id(index),
            "amount_authorized": str(world.amount(index)),
            "transaction_currency_code": "682",
            "cardholder_verification_result": "00",
            "transaction_type": "00",
            "card_scheme_id": w.SCHEMES[world.scheme(index)][0],
            "system_trace_audit_number": f"{world.stan[index]:06d}",
            "is_approved": world.approved(index),
            "merchant_id": item.terminal.branch.id,
            "created_at": iso(at),
            "updated_at": iso(at),
            "receipts": [
                {"id": w.identifier(world.seed, w.RECEIPT, index * 2), "tid": item.terminal.tid}
            ],
        }
    return row


def totals(world: World, close: Close) -> dict[str, dict[str, list[int]]]:
    """What the terminal counted, by scheme and kind: `[count, minor]`."""
    found: dict[str, dict[str, list[int]]] = {}
    for index in close.terminal.own[close.first : close.last]:
        if not world.approved(index) or index in world.removed:
            continue
        scheme = w.SCHEMES[world.scheme(index)][0]
        kinds = ["refund"] if world.origin[index] >= 0 else ["purchase"]
        if world.is_reversed(index):
            kinds.append("purchase_reversal")
        for kind in kinds:
            cell = found.setdefault(scheme, {}).setdefault(kind, [0, 0])
            cell[0] += 1
            cell[1] += world.amount(index)
    return found


def close_receipt(world: World, close: Close) -> dict[str, Any]:
    """A reconciliation's receipt; now and then the host has missed one purchase."""
    counted = totals(world, close)
    kinds = {
        kind: [0, 0] for kind in ("purchase", "purchase_reversal", "refund", "refund_reversal")
    }
    for of_scheme in counted.values():
        for kind, (count, minor) in of_scheme.items():
            kinds[kind][0] += count
            kinds[kind][1] += minor
    broken = w.mix(world.seed + close.number) % 100 == 0 and counted
    schemes = []
    for code, *_, english, arabic in w.SCHEMES:
        of_scheme = counted.get(code, {})
        debit = of_scheme.get("purchase", [0, 0])
        credit = [
            sum(of_scheme.get(kind, [0, 0])[i] for kind in ("refund", "purchase_reversal"))
            for i in (0, 1)
        ]
        host = [debit[0], debit[1]]
        lost = broken and code == next(iter(counted)) and debit[0] > 0
        if lost:
            host = [debit[0] - 1, debit[1] * (debit[0] - 1) // debit[0]]
        schemes.append(
            {
                "name": {"label": {"english": english, "arabic": arabic}, "value": code},
                "pos": _side(debit, credit),
                "host": _side(host, credit),
                "is_balanced": not lost,
            }
        )
    at_ms = int(close.at.timestamp() * 1000)
    own = close.terminal.own
    begin = world.times[own[close.first]] if close.first < close.last else at_ms
    net = kinds["purchase"][1] - kinds["purchase_reversal"][1] - kinds["refund"][1]
    (start_date, start_time), (day, clock) = wall(begin), wall(at_ms)
    balanced = all(each["is_balanced"] for each in schemes)
    label = {"arabic": "مقبولة", "english": "Approved"}
    if not balanced:
        label = {"arabic": "غير متوازنة", "english": "Out of balance"}
    total_count = sum(count for count, _ in kinds.values())
    return {
        "id": close.id, "date": day, "time": clock, "start_date": start_date,
        "start_time": start_time, "end_date": day, "end_time": clock,
        "merchant": {
            "id": close.terminal.branch.acceptor,
            "name": {"arabic": "شركة قهوة التجربة", "english": "DEMO COFFEE CO"},
            "address": {
                "arabic": close.terminal.branch.address_ar,
                "english": close.terminal.branch.address,
            },
            "category_code": "5814",
        },
        "card_acceptor_terminal_id": close.terminal.tid, "pos_software_version_number": "1.0.0",
        "card_scheme_sponsor_id": "BSFB", "is_balanced": {"label": label, "value": balanced},
        "details": {
            "total": _count("total", [total_count, net]),
            **{kind: _count(kind, cell) for kind, cell in kinds.items()},
        },
        "schemes": schemes, "currency": {"arabic": "ر.س", "english": "SAR"},
        "system_trace_audit_number": f"{close.number % 999_999 + 1:06d}",
    }  # fmt: skip


def _side(debit: list[int], credit: list[int]) -> dict[str, Any]:
    total = [debit[0] + credit[0], debit[1] - credit[1]]
    return {
        "credit": _count("credit", credit),
        "debit": _count("debit", debit),
        "total": _count("total", total),
    }


def _count(key: str, cell: list[int]) -> dict[str, Any]:
    return {"label": names(key), "total": major(cell[1]), "count": cell[0]}


def close_row(world: World, close: Close) -> dict[str, Any]:
    return {
        "id": close.id,
        "merchant_id": close.terminal.branch.id,
        "created_at": iso(close.at),
        "reconciliation_receipt": close_receipt(world, close),
        "terminal": {"card_acceptor_terminal_id": close.terminal.tid},
    }


def close_made(world: World, close: Close) -> dict[str, Any]:
    """The answer to a create: it leaks the terminal's key material, here as canaries."""
    receipt = close_receipt(world, close)
    receipt |= {"merchant_id": close.terminal.branch.id, "device_id": None, "user_id": None}
    receipt |= {"client_id": w.identifier(world.seed, w.CLIENT, 0)}
    receipt |= {"terminal": {"id": close.terminal.id}, "reconciliation": {"id": close.id}}
    receipt |= {"created_at": iso(close.at), "updated_at": iso(close.at)}
    receipt["qr_code"] = f"https://sandbox-api.nearpay.io/ui/reconciliation_receipt/{close.id}"
    ms = int(close.at.timestamp() * 1000)
    pos, host = iso8583(receipt, "pos"), iso8583(receipt, "host")
    row: dict[str, Any] = {
        "id": close.id, "status": "Completed",
        "system_trace_audit_number": receipt["system_trace_audit_number"],
        "card_acceptor_terminal_id": close.terminal.tid,
        "action_code": "500" if receipt["is_balanced"]["value"] else "501",
        "pos_totals": pos, "host_totals": host, "performance": [],
        "is_balanced": receipt["is_balanced"]["value"], "merchant_id": close.terminal.branch.id,
        "created_at": iso(close.at), "updated_at": iso(close.at),
        "terminal": {
            "id": close.terminal.id, "system_trace_audit_number": close.number % 999_999 + 1,
            "card_acceptor_terminal_id": close.terminal.tid,
            "card_acceptor_id_code": close.terminal.branch.acceptor, "lat": "24.7", "lon": "46.6",
            "currency_code": "682", "currency_exponent": 2, **CANARY, "vendor": "02",
            "p1_aquirer_bank": "INMA", "response_recevied_time": "000000000",
            "performance_timers_refrence": "000000000000", "is_reconciling": False,
        },
    }  # fmt: skip
    for kind, cell in receipt["details"].items():
        row[f"{kind}_count"] = cell["count"]
        row[f"{kind}_value"] = cell["total"].replace(".", "").lstrip("0") or "0"
    steps = ("reconciliation_start", "bucket_build", "send", "received", "reconciliation_end")
    performance = [{"type": step, "time_stamp": ms + 12 * i} for i, step in enumerate(steps)]
    return {
        "reconciliation": {"receipt": receipt, "performance": performance, "reconciliation": row}
    }


def iso8583(receipt: dict[str, Any], side: str) -> str:
    """Totals in the fixed width of field 124: five acquired schemes of ninety digits each."""
    blocks = {scheme["name"]["value"]: scheme[side] for scheme in receipt["schemes"]}
    text = "05"
    for code in ("P1", "VC", "MC", "GN", "AX"):
        debit, credit = blocks[code]["debit"], blocks[code]["credit"]
        text += f"{code}INMA"
        for cell in (debit, credit):
            text += f"{cell['count']:010d}{int(cell['total'].replace('.', '')):015d}"
        text += "0" * 40
    return text
