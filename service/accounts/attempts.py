"""How often somebody may try to sign in: by account and address, by account, by address.

Counted in this process's memory, as a unit is served by one process. Names are counted by their
hash, so that nothing typed is kept.
"""

from __future__ import annotations

import hashlib
from math import ceil
from time import time

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from contract.errors import ForbiddenError

# From one address on one account; on one account from anywhere; from one address on any account (an office
# may share one).
PAIR, ACCOUNT, ADDRESS = (
    RateLimitItemPerMinute(10, 15, "pair"),
    RateLimitItemPerHour(100, 1, "account"),
    RateLimitItemPerMinute(60, 15, "address"),
)


class TooManyAttemptsError(ForbiddenError):
    """Somebody tried to sign in too often."""

    code = "account.too_many_attempts"
    http_status = 429


class Attempts:
    """Counts attempts to sign in."""

    def __init__(self) -> None:
        self._limiter = FixedWindowRateLimiter(MemoryStorage())

    def admit(self, name: str, address: str) -> None:
        """Count an attempt.

        Raises:
            TooManyAttemptsError: It is one too many; the advice says when to try again.
        """
        for item, key in _counted(name, address):
            if not self._limiter.hit(item, key):
                again = self._limiter.get_window_stats(item, key).reset_time
                minutes = max(1, ceil((again - time()) / 60))
                raise TooManyAttemptsError(
                    "There were too many attempts to sign in.", advice=f"Try again in {minutes} minutes."
                )

    def forget(self, name: str, address: str) -> None:
        """Clear the count of an account at an address, after it signed in."""
        self._limiter.clear(*_counted(name, address)[0])


def _counted(name: str, address: str) -> tuple[tuple[RateLimitItem, str], ...]:
    account = hashlib.sha256(name.encode()).hexdigest()
    return (PAIR, f"{account}/{address}"), (ADDRESS, address), (ACCOUNT, account)
