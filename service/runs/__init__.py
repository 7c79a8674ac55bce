"""Durable runs: stages of chunks that survive a killed process. The contract is in `service.runs.port`."""
