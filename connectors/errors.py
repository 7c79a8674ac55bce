"""Errors of the connector: each names file, row and column, and never a value."""

from __future__ import annotations

from contract.errors import AgreementError, ConfigurationError, ConflictError, InputError, UnreachableError


class ConnectorConfigurationError(ConfigurationError):
    """`connector.toml` has an unknown key, lacks one, or contradicts the agreement."""

    code = "connector.configuration"
    default_advice = "Correct connector.toml at the key named; `wasl connector init` writes a commented example."


class SourceError(InputError):
    """A register file or table cannot be read as it was declared."""

    code = "source.unreadable"
    default_advice = "Check the source's file name and format in connector.toml."


class ColumnError(SourceError):
    """A mapped column is not in the file, or a header stands twice."""

    code = "source.column"
    default_advice = "Correct the column's name in the [map] of connector.toml."


class EncodingError(SourceError):
    """The file's bytes are not in the declared character encoding."""

    code = "source.encoding"
    default_advice = "Set `encoding` in the [source] of connector.toml, for instance windows-1252 or windows-1256."


class LineTooLongError(SourceError):
    """A line is longer than any record can be: the file is damaged or not what it is said to be."""

    code = "source.line_too_long"
    default_advice = "Check that the file has line ends and is the right file; nothing of it was used."


class RowShapeError(SourceError):
    """A row has more or fewer cells than the header, or a quote is never closed."""

    code = "source.row_shape"
    default_advice = "Check the delimiter and the quotes of the row named."


class DateError(InputError):
    """A date cannot be parsed with the declared format."""

    code = "source.date"
    default_advice = (
        'Correct the dates or their `format` in connector.toml, or set bad_dates = "empty" there to treat them '
        "as missing (`wasl connector check` counts them)."
    )


class RecordIdError(InputError):
    """A record id is missing or stands twice, or an event names a record that does not exist."""

    code = "source.record_id"
    default_advice = "Record ids must be unique in the register, and every event must belong to a record."


class ApprovalError(ConflictError):
    """A submission leaves only after an operator approved it."""

    code = "submission.not_approved"
    exit_code = 40
    default_advice = "Look at it with `wasl connector preview`, then run `wasl connector approve`."


class WaitingError(AgreementError):
    """Something that other institutions must do first has not been done yet; repeating later resumes."""

    code = "connector.waiting"
    exit_code = 41
    default_advice = "Nothing is wrong here: run the same command again when the others have done their part."


class UnitRefusedError(ConflictError):
    """A unit answered with an error of its own."""

    code = "unit.refused"
    exit_code = 42
    default_advice = "Read the unit's answer; repeat the command when the cause is gone: the transfer resumes."


class UnitUnreachableError(UnreachableError):
    """A unit does not answer after several attempts."""

    code = "unit.unreachable"
