"""Submissions: opened, uploaded in resumable chunks, checked, accepted, replaced, retracted."""
