"""What a Set-Cookie header does, without the cookie's value. Pure, and never raises.

Sources: RFC 6265 5.2; the manuals of the balancers and networks that the names are of.
"""

import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_DELETES = re.compile(
    r';\s*(?:max-age\s*=\s*"?(?:0+|-\d+)"?\s*(?:;|$)|'
    r"expires\s*=[^;]*\b0?1[- ]jan[- ](?:19)?70)",
    re.IGNORECASE,
)
_NOT_THE_SERVICE = re.compile(
    r"AWSALB(?:TG)?(?:CORS)?|AWSELB(?:CORS)?|__cf\w+|_cfuvid|cf_\w+|GCLB|ARRAffinity(?:SameSite)?|"
    r"ApplicationGatewayAffinity(?:CORS)?|ASLBSA(?:CORS)?|ak_bmsc|bm_\w+|_abck|visid_incap_\w+|"
    r"incap_ses_\w+|nlbi_\w+|BIGipServer.*|TS[0-9a-f]{6,}|SERVERID|INGRESSCOOKIE|datadome|"
    r"heroku-session-affinity|DO-LB",
)
"""Cookies of balancers, networks and firewalls: of one hop, and of no session."""
_HIDDEN, _DELETED = "***", "; Max-Age=0"


def masked_cookie(value: str) -> str:
    """Return the header's value with the cookie's name alone, and whether it is deleted."""
    name = value.partition("=")[0].strip()
    if "=" not in value or not _NAME.fullmatch(name):
        return _HIDDEN
    return f"{name}={_HIDDEN}{_DELETED if _DELETES.search(value) else ''}"


def is_kept_by_service(value: str) -> bool:
    """Return whether a Set-Cookie value, masked or not, opens or keeps something of the service."""
    name = value.partition("=")[0].strip()
    return not (_DELETES.search(value) or _NOT_THE_SERVICE.fullmatch(name))
