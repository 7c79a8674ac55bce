"""Reports that a privacy officer can sign: the audit, the record of processing, quality against re-identification.

Each is one self-contained HTML page, for the screen and for A4 paper, in French, Arabic or English; nothing is fetched
from elsewhere and nothing needs JavaScript.
"""
