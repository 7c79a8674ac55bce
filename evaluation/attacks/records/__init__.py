"""Published attacks on record-level encodings, with the controls that show whether an attack still works."""

from evaluation.attacks.records.persons import Persons, synthetic_persons
from evaluation.attacks.records.result import AttackResult, share_named
from evaluation.attacks.records.scenario import Encoder, Scenario, scenario

__all__ = ["AttackResult", "Encoder", "Persons", "Scenario", "scenario", "share_named", "synthetic_persons"]
