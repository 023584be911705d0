"""Text files as any system writes them."""

import codecs

from lt_det.errors import DataError

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def decoded_text(content: bytes, name: str) -> str:
    """Decode text in UTF-8, with or without a byte-order mark, or in UTF-16 with one.

    Args:
        content: the file's.
        name: what to call it in a message.

    Raises:
        DataError: it is no text; says at which byte.
    """
    try:
        return content.decode("utf-16" if content.startswith(_UTF16) else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{name}: not a text file (byte {error.start})") from error
