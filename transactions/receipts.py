"""Packing receipts: canonical JSON, compressed against an example that is kept in the database."""

import threading

import msgspec
import xxhash
import zstandard

from merchants.models import Membership, Right
from providers.base.registry import providers
from transactions.models import Receipt, ReceiptDictionary

_encode = msgspec.json.Encoder(order="sorted").encode
LEVEL = 3


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
