"""How many segments a text message takes (3GPP TS 23.038: seven bits a character, or sixteen when one is outside)."""

LONGEST = 2
_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§"
    "¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED = frozenset("^{}\\[~]|€")


def segments(text: str) -> int:
    """Segments of this text: 160 characters alone or 153 each in GSM-7, 70 or 67 each in UCS-2."""
    if all(c in _BASIC or c in _EXTENDED for c in text):
        units, alone, each = sum(2 if c in _EXTENDED else 1 for c in text), 160, 153
    else:
        units, alone, each = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if units <= alone else -(-units // each)
