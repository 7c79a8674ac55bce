"""Settings of all tests: Hypothesis gives the same cases on every run and never judges by the clock."""

from hypothesis import HealthCheck, settings

settings.register_profile(
    "wasl", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("wasl")
