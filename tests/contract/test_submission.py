"""A manifest binds both halves of a submission and says under which agreement it was made."""

from datetime import UTC, datetime, timedelta

import pytest

from contract.errors import AgreementError, SignatureError, SubmissionError
from contract.signing import sign
from contract.submission import MANIFEST_CONTEXT, FileEntry, Manifest, SignedManifest
from tests.contract.builders import make_agreement

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def _manifest(agreement, **changes) -> Manifest:
    return Manifest(
        **{
            "submission_id": "ab" * 16,
            "agreement_id": agreement.id,
            "epoch": 1,
            "vintage": "2026-06",
            "institution": "cnss",
            "register_name": "social_security",
            "created_at": NOW,
            "expires_at": NOW + timedelta(days=7),
            "files": (
                FileEntry(name="pass-birth.parquet", half="linkage", sha256="0" * 64, size=1),
                FileEntry(name="statistics.sealed", half="statistics", sha256="1" * 64, size=1),
            ),
            **changes,
        }
    )


def _signed(manifest, keys, signer="cnss"):
    return SignedManifest(manifest=manifest, signature=sign(MANIFEST_CONTEXT, manifest, keys[signer].signing))


def test_a_manifest_of_this_agreement_is_accepted():
    agreement, keys = make_agreement()
    _signed(_manifest(agreement), keys).check(agreement, NOW)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"agreement_id": "0" * 64}, SubmissionError),
        ({"epoch": 2}, SubmissionError),
        ({"institution": "dgsn"}, SubmissionError),
        ({"register_name": "consular"}, AgreementError),
        ({"expires_at": NOW}, SubmissionError),
        ({"files": _manifest(make_agreement()[0]).files[:1] * 2}, SubmissionError),
        (
            {"files": (*_manifest(make_agreement()[0]).files[:1], *_manifest(make_agreement()[0]).files)},
            SubmissionError,
        ),
    ],
)
def test_a_manifest_that_does_not_belong_here_is_refused(changes, error):
    agreement, keys = make_agreement()
    with pytest.raises(error):
        _signed(_manifest(agreement, **changes), keys).check(agreement, NOW)


def test_only_the_holder_signs():
    agreement, keys = make_agreement()
    with pytest.raises(SignatureError):
        _signed(_manifest(agreement), keys, signer="dgsn").check(agreement, NOW)


def test_any_change_breaks_the_signature():
    agreement, keys = make_agreement()
    signed = _signed(_manifest(agreement), keys)
    altered = signed.manifest.model_copy(update={"vintage": "2026-07"})
    with pytest.raises(SignatureError):
        SignedManifest(manifest=altered, signature=signed.signature).check(agreement, NOW)
