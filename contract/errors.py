"""One base for every error that Wasl raises on purpose.

An error says what is wrong, where (file, row, column; **never a value**), and what to do next. The
class carries a stable `code`, the command line's `exit_code` and the service's `http_status`, so
that the edges of the program translate it in one place.
"""

from __future__ import annotations

from typing import Any, ClassVar


class WaslError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What is wrong, in one sentence, without any value taken from a register.
        advice: What to do next. Falls back to the class's own advice.
        where: Place of the fault, such as ``{"file": "a.csv", "row": 12, "column": "birth_date"}``.
    """

    code: ClassVar[str] = "wasl.error"
    exit_code: ClassVar[int] = 1
    http_status: ClassVar[int] = 500
    default_advice: ClassVar[str] = "Run `wasl doctor` and read the documentation of this error's code."

    def __init__(self, message: str, *, advice: str | None = None, where: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.advice = advice or self.default_advice
        self.where: dict[str, Any] = dict(where or {})

    def diagnostics(self) -> str:
        """Return the whole story in plain words: what, where, and what to do next."""
        place = ", ".join(f"{key} {value}" for key, value in self.where.items())
        return "\n".join(part for part in (self.message, place and f"Where: {place}", f"Next: {self.advice}") if part)

    def problem(self) -> dict[str, Any]:
        """Return the problem details object of RFC 9457."""
        return {
            "type": f"urn:wasl:error:{self.code}",
            "title": self.message,
            "status": self.http_status,
            "detail": self.advice,
            **({"where": self.where} if self.where else {}),
        }


class InputError(WaslError):
    """A file or value given to Wasl is not as it must be."""

    code = "input.invalid"
    exit_code = 10
    http_status = 422
    default_advice = "Correct the input at the place named, then run the command again."


class ConfigurationError(WaslError):
    """A setting, mapping or option is missing or contradicts another."""

    code = "configuration.invalid"
    exit_code = 11
    http_status = 500
    default_advice = "Correct the configuration file named, then run the command again."


class AgreementError(WaslError):
    """There is no live agreement that allows this, or it differs from the one in force."""

    code = "agreement.refused"
    exit_code = 20
    http_status = 409
    default_advice = "Ask the parties for the agreement in force: `wasl agreement show`."


class SignatureError(WaslError):
    """A signature is missing, does not verify, or is by somebody else."""

    code = "signature.invalid"
    exit_code = 21
    http_status = 401
    default_advice = "Check that the key's fingerprint is the one in the agreement."


class KeyCustodyError(WaslError):
    """A key is missing, too short, locked, or of another epoch."""

    code = "key.unusable"
    exit_code = 22
    http_status = 500
    default_advice = "Complete the key ceremony: `wasl connector status` says who is missing."


class SubmissionError(WaslError):
    """A submission is damaged, altered, replayed, or its halves do not belong together."""

    code = "submission.refused"
    exit_code = 23
    http_status = 422
    default_advice = "Encode the vintage again and push it: `wasl connector encode`, `wasl connector push`."


class ConflictError(WaslError):
    """The thing exists already with another content, or is in a state that does not allow this."""

    code = "state.conflict"
    exit_code = 24
    http_status = 409
    default_advice = "Look at the present state first: `wasl connector status`."


class NotFoundError(WaslError):
    """There is no such thing, or it is not yours to see."""

    code = "not_found"
    exit_code = 25
    http_status = 404
    default_advice = "Check the identifier."


class ForbiddenError(WaslError):
    """The caller is known but may not do this."""

    code = "forbidden"
    exit_code = 26
    http_status = 403
    default_advice = "Ask an account with the role named, or the institution itself."


class StorageError(WaslError):
    """The disk or the database does not take or give what it must."""

    code = "storage.failed"
    exit_code = 30
    http_status = 503
    default_advice = "Free disk space or start the database, then repeat: nothing that was acknowledged is lost."


class UnreachableError(WaslError):
    """The other side does not answer."""

    code = "peer.unreachable"
    exit_code = 31
    http_status = 502
    default_advice = "Check the address and that the service runs, then repeat: the transfer resumes."


class IntegrityError(WaslError):
    """Stored data no longer agree with their digest, or the audit log does not verify."""

    code = "integrity.broken"
    exit_code = 32
    http_status = 500
    default_advice = "Stop using this store, keep it as it is, and tell the privacy officer."
