"""What holds for every test."""

from hypothesis import HealthCheck, settings

# Machines that are shared may stand still for a second or two, and the first text drawn builds the tables of Unicode.
settings.register_profile("shared-machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("shared-machine")
