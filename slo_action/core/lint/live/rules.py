"""A running service held against what a verification needs of it. Pure, and never raises."""

from slo_action.core.lint.live import checks as target_spots
from slo_action.core.lint.live.visit import Visit
from slo_action.core.lint.rule import Rule
from slo_action.core.model import Level

LIVE_RULES: tuple[Rule[Visit], ...] = (
    Rule(
        name="target-not-reached",
        level=Level.NOTICE,
        title="Not looked at as it runs",
        why="what an endpoint does can be seen only where it answers",
        fix="see to it that the runner reaches the address, or take this for what it is",
        find=target_spots.not_looked_at,
    ),
    Rule(
        name="endpoint-fails",
        level=Level.WARNING,
        title="An endpoint answers with an error",
        why="it is probed in every verification, and fails there too",
        fix="name a path that answers 200 to a plain GET",
        find=target_spots.fails,
    ),
    Rule(
        name="endpoint-locked",
        level=Level.WARNING,
        title="An endpoint asks for credentials",
        why="a probe without them, such as the platform's own, sees a failure",
        fix="open the path, or put credentials into the url input of the verification",
        find=target_spots.locked,
    ),
    Rule(
        name="health-redirects",
        level=Level.WARNING,
        title="The health endpoint redirects",
        why="whoever redirects can do so while the service is down, so it is no healthy answer",
        fix="name the address that answers 200 itself",
        find=target_spots.redirects,
    ),
    Rule(
        name="health-cacheable",
        level=Level.WARNING,
        title="The health answer can come out of a cache",
        why="a cached answer is healthy long after the service is not",
        fix="send Cache-Control: no-store on this path",
        find=target_spots.cacheable,
    ),
    Rule(
        name="health-cache-unsaid",
        level=Level.NOTICE,
        title="The health answer says nothing of caching",
        why="a cache may then choose for itself how long it keeps the answer",
        fix="send Cache-Control: no-store on this path",
        find=target_spots.cache_unsaid,
    ),
    Rule(
        name="no-version",
        level=Level.WARNING,
        title="The service tells no version",
        why="a verification cannot tell the new release from the old one that still answers",
        fix=(
            "put the commit into the health body as version, or send X-Version, or name a "
            "build_endpoint that tells it"
        ),
        find=target_spots.no_version,
    ),
    Rule(
        name="degraded-answers-200",
        level=Level.WARNING,
        title="A sick service answers 200",
        why="load balancers, platforms and monitors read the status alone, and see a healthy one",
        fix="answer 503 when the service cannot do its work",
        find=target_spots.sick_200,
    ),
    Rule(
        name="liveness-checks-dependencies",
        level=Level.WARNING,
        title="The health endpoint checks dependencies",
        why=(
            "an outage of theirs looks like a bad release: it would roll back, or restart, every "
            "machine at once, and help nobody"
        ),
        fix=(
            "let health_endpoint tell of the process alone, such as /livez, and keep what it "
            "depends on at a readiness path, such as /readyz"
        ),
        find=target_spots.dependencies,
    ),
    Rule(
        name="health-slow",
        level=Level.NOTICE,
        title="The health answer is slower than slo.yml allows",
        why="seen once from here, it would fail where it is measured in earnest",
        fix="make the answer cheap, or allow what it takes",
        find=target_spots.slow,
    ),
    Rule(
        name="health-large",
        level=Level.NOTICE,
        title="The health answer is large",
        why="it is fetched every few seconds by each prober, and a long one is cut unread",
        fix="answer with a status and a version, and little else",
        find=target_spots.large,
    ),
    Rule(
        name="health-not-json",
        level=Level.NOTICE,
        title="The health answer is no JSON",
        why="a word or a page tells no version, and a page that takes all paths is always 200",
        fix='answer {"status": "ok", "version": "..."} as application/json',
        find=target_spots.not_json,
    ),
    Rule(
        name="health-sets-cookies",
        level=Level.WARNING,
        title="The health endpoint sets cookies",
        why="each probe then opens a session: thousands a day, each kept somewhere",
        fix="leave sessions out on this path",
        find=target_spots.cookies,
    ),
)
