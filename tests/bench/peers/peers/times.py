"""Times as texts."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache


@lru_cache(1 << 16)
def _seconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=timezone.utc).timestamp())


def milliseconds(text: str) -> int:
    """Since 1970: of a day, or of a time in UTC with or without the letter that says so, to the
    digit of the second that the writer thought enough."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return _seconds(whole) * 1000 + int((fraction + "000")[:3])
