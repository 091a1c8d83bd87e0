"""How fast this machine is, is nothing that a property says."""

import os

from hypothesis import HealthCheck, settings

_ANY_MACHINE = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

settings.register_profile("quick", _ANY_MACHINE, max_examples=30)
settings.register_profile("thorough", _ANY_MACHINE, max_examples=100)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))
