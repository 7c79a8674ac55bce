"""The encoding of `docs/encoding.md` once more, from the text alone: slow, plain, without the product's code.

Whoever implements it anew can start here. Needed: HMAC-SHA-256, one AES-256 block, SipHash-2-4.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

MASK = (1 << 64) - 1


def prefixed(*parts: str | bytes) -> bytes:
    """Each part after its length in four bytes, most significant first; texts as UTF-8."""
    raw = [part.encode() if isinstance(part, str) else part for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in raw)


def derive(key: bytes, label: str, *parts: str) -> bytes:
    return hmac.new(key, b"wasl/tree/v1\x00" + prefixed(label, *parts) + b"\x01", hashlib.sha256).digest()


def epoch_key(shares: dict[str, bytes], agreement_id: str, epoch: int) -> bytes:
    """HKDF (RFC 5869): extract with the agreement's id as salt, expand with the epoch."""
    material = b"".join(prefixed(name, shares[name]) for name in sorted(shares))
    extracted = hmac.new(agreement_id.encode(), material, hashlib.sha256).digest()
    info = b"wasl/epoch-key/v1" + prefixed(str(epoch))
    return hmac.new(extracted, info + b"\x01", hashlib.sha256).digest()


def aes(key: bytes, block: bytes) -> bytes:
    # counter mode's first key stream block is AES of the start value
    return Cipher(algorithms.AES256(key), modes.CTR(block)).encryptor().update(bytes(16))


def siphash(key: bytes, message: bytes) -> int:
    def turn(word: int, bits: int) -> int:
        return ((word << bits) | (word >> (64 - bits))) & MASK

    def rounds(state: list[int], count: int) -> None:
        a, b, c, d = state
        for _ in range(count):
            a = (a + b) & MASK
            b = turn(b, 13) ^ a
            a = turn(a, 32)
            c = (c + d) & MASK
            d = turn(d, 16) ^ c
            a = (a + d) & MASK
            d = turn(d, 21) ^ a
            c = (c + b) & MASK
            b = turn(b, 17) ^ c
            c = turn(c, 32)
        state[:] = a, b, c, d

    low, high = int.from_bytes(key[:8], "little"), int.from_bytes(key[8:], "little")
    state = [
        low ^ int.from_bytes(b"uespemos", "little"),
        high ^ int.from_bytes(b"modnarod", "little"),
        low ^ int.from_bytes(b"arenegyl", "little"),
        high ^ int.from_bytes(b"setybdet", "little"),
    ]
    padded = message + bytes(-(len(message) + 1) % 8) + bytes([len(message) % 256])
    for start in range(0, len(padded), 8):
        word = int.from_bytes(padded[start : start + 8], "little")
        state[3] ^= word
        rounds(state, 2)
        state[0] ^= word
    state[2] ^= 0xFF
    rounds(state, 4)
    return state[0] ^ state[1] ^ state[2] ^ state[3]


def bigrams(text: str) -> set[int]:
    """Pairs of neighbours in each word, a zero before and after it: left code point times 2**21, plus right."""
    found = set()
    for word in text.split() or [text]:
        points = [0, *map(ord, word), 0]
        found |= {(points[at] << 21) + points[at + 1] for at in range(len(points) - 1)}
    return found


def positions(text: str) -> set[int]:
    return {(place << 21) + ord(sign) for place, sign in enumerate(text)}


def sketch(key: bytes, grams: set[int], tag: int) -> bytes:
    """Bit 32 l + n is the lowest bit of the smallest 16-bit lane l of SipHash(gram + tag 2**42 + n 2**48), over all
    grams; without the tag for n below 4."""
    bits = []
    for lane in range(4):
        for number in range(32):
            more = number << 48 | (0 if number < 4 else tag << 42)
            hashes = [siphash(key, (gram | more).to_bytes(7, "little")) for gram in grams]
            bits.append(min((hashed >> 16 * lane) & 0xFFFF for hashed in hashes) & 1)
    return bytes(sum(bits[8 * at + place] << place for place in range(8)) for at in range(16))


def token(key: bytes, value: str) -> bytes:
    return (siphash(key, value.encode()) & 0xFFFFFFFF).to_bytes(4, "little")


def key_of(row: dict[str, Any], component: str) -> str | None:
    """The key components that the vectors use; None where a part is missing."""
    if component == "document":
        return str(row["passport"])[:8] if row["passport"] else None
    if component in {"skeleton_pair", "initial_pair"}:
        if not row["given_skeleton"] or not row["family_skeleton"]:
            return None
        pair = [row["given_skeleton"].split(" ")[0], row["family_skeleton"].split(" ")[-1]]
        return "+".join(sorted(part[:1] for part in pair) if component == "initial_pair" else sorted(pair))
    return None if row[component] is None else str(row[component])


#: Column to what is encoded, how, the group of fields whose key it shares, and the tag of a sketch.
COLUMNS = {
    "given": ("given", bigrams, "names", 1),
    "family": ("family", bigrams, "names", 2),
    "given_skeleton": ("given_skeleton", bigrams, "skeletons", 1),
    "family_skeleton": ("family_skeleton", bigrams, "skeletons", 2),
    "birth_year": ("birth_year", token, "birth_year", 0),
    "birth_month": ("birth_month", token, "month_day", 0),
    "birth_day": ("birth_day", token, "month_day", 0),
    "passport": ("passport", token, "documents", 0),
    "passport_sketch": ("passport", positions, "passport_sketch", 0),
    "nationality": ("nationality", token, "field/nationality", 0),
    "sex": ("sex", token, "field/sex", 0),
}


def encoded(column: str, row: dict[str, Any], keys: dict[str, bytes]) -> bytes | None:
    source, how, group, tag = COLUMNS[column]
    if row[source] in {None, ""}:
        return None
    value = str(row[source])
    if column == "birth_day" and row["birth_day"] == row["birth_month"]:
        value = "=" + value
    if how is token:
        return token(keys[group], value[:8] if group == "documents" else value)
    return sketch(keys[group], how(value), tag)


def encode(
    rows: list[dict[str, Any]], vintage_key: bytes, passes: dict[str, list[list[str]]], crowded: dict[str, list[str]]
) -> dict[str, list[dict[str, Any]]]:
    """Each row in each pass at its level; `crowded` has the key values of level 0 that are refined."""
    made: dict[str, list[dict[str, Any]]] = {}
    for name, levels in passes.items():
        of_pass = derive(vintage_key, "pass", name)
        made[name] = []
        for row in rows:
            for level, components in enumerate(levels):
                parts = [key_of(row, component) for component in components]
                if any(part is None for part in parts):
                    break
                value = "\x1f".join(str(part) for part in parts)
                if level == 0 and value in crowded.get(name, []):
                    continue
                secret = hmac.new(derive(of_pass, "blocks", str(level)), value.encode(), hashlib.sha256).digest()[:16]
                keys = {
                    group: aes(derive(of_pass, "field", group), secret)
                    for group in sorted({g for _, _, g, _ in COLUMNS.values()})
                }
                columns = {column: encoded(column, row, keys) for column in COLUMNS}
                made[name].append(
                    {
                        "subject": row["subject"],
                        "level": level,
                        "key_value": value,
                        "secret": secret.hex(),
                        "block": aes(derive(of_pass, "token"), secret)[:8].hex(),
                        "field_keys": {group: key.hex() for group, key in keys.items()},
                        "columns": {column: None if raw is None else raw.hex() for column, raw in columns.items()},
                    }
                )
                break
    return made
