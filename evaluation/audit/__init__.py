"""The audit of a submission before it leaves: every attack on its very files, by its own institution.

`auditor.SubmissionAuditor` is what the command line hands to a connector; its report goes through the connector's gate.
"""
