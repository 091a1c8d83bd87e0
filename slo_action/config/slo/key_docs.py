"""What each key of slo.yml means: for editors' schema and for docs/config.md."""

from collections.abc import Mapping

from slo_action.config.slo import forms

MEANINGS: Mapping[type[forms.Form], Mapping[str, str]] = {
    forms.MatrixForm: {
        "services": "The services, a list.",
        "defaults": "What holds for every service of this file, and of those it includes, that does not say otherwise.",
        "policy": "The numbers that judge a deploy, for all services.",
        "include": "Other files, relative to this one; `*` matches any name.",
        "teams": "Who answers for services, by name.",
        "notify": "Notification targets of all services that name none.",
        "maintenance": "Times in which failures are expected, for all services or those it names.",
    },
    forms.ServiceForm: {
        "service": "Its name, by which the input `service` selects it.",
        "url": "Its base address.",
        "health_endpoint": "Health endpoint; `/healthz` where nothing is said.",
        "build_endpoint": "Endpoint that tells the running version, such as `/__build`.",
        "search_endpoint": "Search endpoint, asked in the observation window.",
        "stats_endpoint": "Stats endpoint, asked in the observation window.",
        "schedule": "Cron schedule of a job, in UTC.",
        "slo_targets": "What the service promises.",
        "monitoring": "How the routine monitor probes; `verify` takes the grace period.",
        "policy": "The numbers that judge its deploys.",
        "platform": "Where it runs: `auto`, `fly`, `command` or `none`.",
        "app": "The platform's name of it; its own name where nothing is said.",
        "fly_config": "Its fly.toml, below the workspace, for `mode: check`.",
        "team": "The team that answers for it.",
        "notify": "Its notification targets.",
        "maintenance": "Times in which its failures are expected.",
        "endpoints": "Endpoints of your own, asked in the observation window.",
        "assertions": "What the answers of its own endpoints must be.",
        "journeys": "Ways of a user through the service, step by step.",
    },
    forms.TargetsForm: {
        "availability": "Share of time in which the health endpoint answers well.",
        "error_rate": "Most of its answers that may fail.",
        "job_success_rate": "Share of a job's runs that end well.",
        "response_time_p95": "What 95 % of the health endpoint's answers may take.",
        "api_response_time_p95": "The same for your own endpoints that say nothing.",
        "stats_response_time_p95": "The same for the stats endpoint.",
        "search_response_time_p90": "What 90 % of the search endpoint's answers may take.",
    },
    forms.MonitoringForm: {
        "interval": "Time between two probes of an endpoint.",
        "timeout": "What a probe may take.",
        "grace_period": "Failures this soon after a start do not count.",
        "health_interval": "`interval` of the health endpoint.",
        "health_timeout": "`timeout` of the health endpoint.",
        "search_interval": "`interval` of the search endpoint.",
        "search_timeout": "`timeout` of the search endpoint.",
        "stats_interval": "`interval` of the stats endpoint.",
        "stats_timeout": "`timeout` of the stats endpoint.",
    },
    forms.PolicyForm: {
        **forms.policy_docs(),
        forms.RATES: "Error rates that are promised, warned of and rolled back.",
    },
    forms.RatesForm: forms.policy_docs(forms.RATES),
    forms.EndpointForm: {
        "name": "What people call it.",
        "path": "Its path.",
        "interval": "Time between two probes of the routine monitor.",
        "timeout": "What a probe of the routine monitor may take.",
        "response_time_p95": "What 95 % of its answers may take.",
        "assertions": "What its answers must be.",
    },
    forms.OwnAssertionsForm: {
        "health": "Demands on the health endpoint's answer.",
        "build": "Demands on the build endpoint's answer.",
        "search": "Demands on the search endpoint's answer.",
        "stats": "Demands on the stats endpoint's answer.",
    },
    forms.AssertionForm: {
        "status": "A status such as 200 or 2xx, or a list of them.",
        "json": "A JSON path, such as `$.status`; with one condition.",
        "header": "A header's name; with one condition.",
        "body_matches": "A regular expression that the body holds.",
        "body_lacks": "A regular expression that the body does not hold.",
        "certificate_days": "The certificate is valid for at least that many days more; less fails the run, and rolls nothing back.",
        "equals": "The value itself.",
        "not_equals": "Any value but this.",
        "matches": "A regular expression that the value, as text, holds.",
        "exists": "Whether there is such a value at all.",
        "above": "A number below the value.",
        "below": "A number above the value.",
    },
    forms.JourneyForm: {
        "name": "What people call it.",
        "interval": "Time between two runs of the routine monitor.",
        "timeout": "What the whole of it may take, thinking included.",
        "response_time_p95": "What the answers of 95 % of its runs may take together.",
        "steps": "Its requests, in their order.",
    },
    forms.StepForm: {
        "name": "What people call it.",
        "path": "A path below the service's address.",
        "url": "A whole address instead.",
        "method": "`GET` where nothing is said.",
        "headers": "Headers to send.",
        "json": "A JSON body.",
        "form": "A form's fields as the body.",
        "body": "Text as the body.",
        "timeout": "What the answer may take; 6 s where nothing is said.",
        "think_time": "Time to wait before the request.",
        "assertions": "What the answer must be; any 2xx where nothing is said.",
        "capture": "Values of the answer that later steps use as `${name}`.",
    },
    forms.CaptureForm: {
        "json": "The JSON path of the value.",
        "header": "The header that holds the value.",
    },
    forms.MaintenanceForm: {
        "name": "What people call it.",
        "start": "When it starts.",
        "end": "When it ends.",
        "schedule": "Cron schedule of its starts, in UTC.",
        "duration": "How long each takes.",
        "services": "At the top of the file: the services it is about; all where nothing is said.",
    },
    forms.TeamForm: {"notify": "The team's notification targets."},
}


def meaning(form: type[forms.Form], key: str) -> str:
    """Return what a key means. `defaults` have the meanings of a service's own keys."""
    known = MEANINGS[forms.ServiceForm if form is forms.DefaultsForm else form]
    return known[key]


def keys(form: type[forms.Form]) -> tuple[str, ...]:
    """Return a form's keys as people write them."""
    return tuple(info.alias or name for name, info in form.model_fields.items())
