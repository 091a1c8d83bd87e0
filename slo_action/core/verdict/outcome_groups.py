"""What kinds of failure blame."""

from slo_action.core.model import Outcome

CONFIG_OUTCOMES = frozenset({Outcome.HTTP_4XX, Outcome.REDIRECT, Outcome.BODY_TOO_LARGE})
"""The check asks wrongly, unless the same check was well before."""

PATH_OUTCOMES = frozenset(
    {
        Outcome.TLS_EXPIRING,
        Outcome.TLS_EXPIRED,
        Outcome.TLS_NAME,
        Outcome.TLS_OTHER,
        Outcome.DNS_NXDOMAIN,
        Outcome.DNS_TIMEOUT,
    },
)
"""The deploy made neither the certificate nor the record."""

SLOW_OUTCOMES = frozenset({Outcome.SLOW, Outcome.READ_TIMEOUT})
"""Answered too late, or not within the timeout that lies above the limit."""
