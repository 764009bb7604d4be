"""Packing receipts: canonical JSON, compressed against an example that is kept in the database."""

import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import msgspec
import xxhash
import zstandard

from merchants.models import Membership, ProviderAccount, Right
from providers.base.registry import providers
from transactions.models import Receipt, ReceiptDictionary

_encode = msgspec.json.Encoder(order="sorted").encode
# A twentieth smaller than by 3, for three millionths of a second each.
LEVEL = 5


# From so many receipts on it is told what an account's have in common: what so many of them say, in
# so many bytes. What is said of one payment alone is none of it.
LEARN_FROM, COMMON, MOST_BYTES = 100, 3, 24_000
OF_ONE = frozenset(("pan", "rrn", "stan", "approval_code", "cryptogram", "amount", "amount_other"))


@dataclass(frozen=True)
class Example:
    """Bytes against which receipts are packed, and their row; None: not known yet."""

    pk: int | None
    body: bytes

    @classmethod
    def of_provider(cls, provider: str) -> "Example":
        return cls(None, providers()[provider].receipt_example)


def learned(account: ProviderAccount, slips: Sequence[Mapping[str, str]]) -> Example | None:
    """The account's own example; made of what many of these receipts say where there is none yet.

    A branch's names and addresses are most of a receipt. The caller holds the account, so of two
    who would make it one does.
    """
    row = ReceiptDictionary.objects.filter(account=account).order_by("-pk").first()
    if row is None and len(slips) >= LEARN_FROM:
        body = _in_common(slips) + providers()[account.provider].receipt_example
        digest = xxhash.xxh3_128_digest(f"{account.pk}:".encode() + body)
        row = ReceiptDictionary.objects.create(
            account=account, merchant_id=account.merchant_id, digest=digest, example=body
        )
    return None if row is None else Example(row.pk, bytes(row.example))


def _in_common(slips: Sequence[Mapping[str, str]]) -> bytes:
    said = Counter(pair for slip in slips for pair in slip.items())
    found: list[bytes] = []
    known: set[tuple[str, str]] = set()
    size = 0
    for slip in slips:
        common = {
            name: text for name, text in slip.items()
            if name not in OF_ONE and said[name, text] >= COMMON
        }  # fmt: skip
        if known.issuperset(common.items()):
            continue
        body = _encode(common)
        size += len(body)
        if size > MOST_BYTES:
            break
        known.update(common.items())
        found.append(body)
    return b"".join(found)


def dictionary_of(provider: str) -> ReceiptDictionary:
    """The row that holds a provider's present example; made when it is first needed."""
    example = providers()[provider].receipt_example
    digest = xxhash.xxh3_128_digest(example)
    row, _ = ReceiptDictionary.objects.get_or_create(digest=digest, defaults={"example": example})
    return row


class _Machines(threading.local):
    """Each thread's own compressors and decompressors: one shared by two threads garbles both."""

    def __init__(self) -> None:
        self.packers: dict[bytes, zstandard.ZstdCompressor] = {}
        self.unpackers: dict[bytes, zstandard.ZstdDecompressor] = {}


_machines = _Machines()


def _compressor(example: bytes) -> zstandard.ZstdCompressor:
    made = _machines.packers.get(example)
    if made is None:
        made = zstandard.ZstdCompressor(level=LEVEL, dict_data=_raw(example))
        _machines.packers[example] = made
    return made


def _decompressor(example: bytes) -> zstandard.ZstdDecompressor:
    made = _machines.unpackers.get(example)
    if made is None:
        made = zstandard.ZstdDecompressor(dict_data=_raw(example), max_window_size=2**23)
        _machines.unpackers[example] = made
    return made


def _raw(example: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(example, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def pack(fields: dict[str, str], example: bytes) -> bytes:
    """The stored form of a receipt's fields, against a dictionary's example."""
    return _compressor(example).compress(_encode(fields))


def unpack(receipt: Receipt) -> dict[str, str]:
    """A stored receipt's fields."""
    body = _decompressor(bytes(receipt.dictionary.example)).decompress(bytes(receipt.body))
    return msgspec.json.decode(body, type=dict[str, str])


def shown_to_anybody(receipt: Receipt) -> dict[str, str]:
    """A receipt's fields for a customer, or whoever has their link."""
    printed = unpack(receipt)
    if pan := printed.get("pan"):
        printed["pan"] = f"**** **** **** {pan[-4:]}"
    return printed


def shown_to(member: Membership, receipt: Receipt) -> dict[str, str]:
    """A receipt's fields for somebody; of a card no more than its last four without the right."""
    printed = unpack(receipt)
    pan = printed.get("pan")
    if pan and not member.may(Right.CARDS):
        printed["pan"] = f"**** **** **** {pan[-4:]}"
    return printed
