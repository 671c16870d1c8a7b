"""Who watches the watchers: are all targets scraped, do the rules evaluate, what fires."""

from grafana import (
    GREEN, RED, YELLOW,
    Annotation, Dashboard, Query, Row, Variable,
    lines, stat, states, table, thresholds, value_map,
)  # fmt: skip

ANY_IS_BAD = thresholds(GREEN, (1, RED))
FIRING = 'ALERTS{alertstate="firing", alertname!="Watchdog"}'

WELL = Row("Is the monitoring well?", [
    stat(
        "Targets down", "none", [Query("count(up{$scope} == 0) or vector(0)")],
        shows="Processes that Prometheus knows and cannot reach.",
        normal="0.",
        otherwise="'Targets' names them. Replicas that were scaled away leave the list by "
        "themselves.",
        levels=ANY_IS_BAD, width=4, graph=False,
    ),
    stat(
        "Alerts firing", "none", [Query(f"count({FIRING}) or vector(0)")],
        shows="Alerts that fire now, without the watchdog.",
        normal="0.",
        otherwise="See the list below, and docs/RUNBOOK.md for each.",
        levels=ANY_IS_BAD, width=4, graph=False,
    ),
    stat(
        "Watchdog", "none",
        [Query('count(ALERTS{alertstate="firing", alertname="Watchdog"}) or vector(0)')],
        shows="An alert that fires always, to prove that rules are evaluated.",
        normal="fires.",
        otherwise="Rules are not evaluated: no other alert fires either. See the log of "
        "Prometheus.",
        mappings=[value_map(v1=("fires", GREEN), v0=("silent", RED))], width=4, graph=False,
    ),
    stat(
        "Rule failures", "short",
        [Query("sum(increase(prometheus_rule_evaluation_failures_total{$scope}[$__range]))")],
        shows="Evaluations of alert and recording rules that failed in the time shown.",
        normal="0.",
        otherwise="Status, Rules in Prometheus shows the error of each rule.",
        levels=ANY_IS_BAD, width=4, graph=False, decimals=0,
    ),
    stat(
        "Samples per second", "cps",
        [Query("sum(rate(prometheus_tsdb_head_samples_appended_total{$scope}"
               "[$__rate_interval]))")],
        shows="Samples that Prometheus stores.",
        normal="A few hundred in the demo: some 300 series a broker.",
        otherwise="See which target gives many under 'Samples per scrape'.",
        width=4,
    ),
    stat(
        "Series", "short", [Query("sum(prometheus_tsdb_head_series{$scope})")],
        shows="Series in memory.",
        normal="Some thousands.",
        otherwise="Grows without end: a label with unbounded values.",
        width=4,
    ),
    states(
        "Targets", "none", [Query("max by (job, instance) (up{$scope})", "{{job}} {{instance}}")],
        shows="Whether each target answers.",
        normal="up.",
        otherwise="down: the process is gone, busy for longer than the scrape timeout, or its "
        "address has changed.",
        mappings=[value_map(v1=("up", GREEN), v0=("down", RED))], width=12, height=10,
    ),
    table(
        "Alerts", "none",
        {"since": "min by (alertstate, alertname, severity, job, instance, stage) "
         "(ALERTS * ignoring (alertstate) group_left () ALERTS_FOR_STATE) * 1000"},
        shows="Alerts that fire, or are pending until they have held for long enough.",
        normal="The watchdog, nothing else.",
        otherwise="Look the name up in docs/RUNBOOK.md.",
        key=("alertstate", "alertname", "severity", "job", "instance", "stage"), height=10,
        units={"since": "dateTimeFromNow"},
    ),
])  # fmt: skip

SCRAPES = Row("Scrapes", [
    lines(
        "Prometheus scrape duration", "s",
        [Query("max by (job, instance) (scrape_duration_seconds{$scope})",
               "{{job}} {{instance}}")],
        shows="How long Prometheus waits for a target's metrics.",
        normal="Milliseconds for kstream, 0.1 to 0.5 s for Kafka on a small machine.",
        otherwise="Near the scrape timeout: the target or its machine is overloaded.",
        width=12,
    ),
    lines(
        "JMX scrape duration", "s",
        [Query("max by (job, instance) (jmx_scrape_duration_seconds{$scope})",
               "{{job}} {{instance}}")],
        shows="How long the JMX exporter takes to read a Kafka node's beans; the figure of the "
        "scrape before.",
        normal="0.1 to 0.5 s on a small machine.",
        otherwise="Seconds: there are very many partitions, or the filter in "
        "deploy/kafka/jmx.yml has been opened.",
        width=12,
    ),
    lines(
        "Samples per scrape", "short",
        [Query("max by (job, instance) (scrape_samples_scraped{$scope})", "{{job}} {{instance}}")],
        shows="Series that a target exposes.",
        normal="Grows with partitions and topics only.",
        otherwise="A jump: see what was added with topk(10, count by (__name__) "
        '({instance="..."})).',
    ),
    lines(
        "JMX scrape errors", "none",
        [Query("max by (job, instance) (jmx_scrape_error{$scope})", "{{job}} {{instance}}")],
        shows="1 where the JMX exporter could not read the beans.",
        normal="0.",
        otherwise="The figures of this node are missing; its log has the reason.",
    ),
    lines(
        "Time between scrapes", "s",
        [Query('max by (interval, quantile) (prometheus_target_interval_length_seconds{$scope, '
               'quantile="0.99"})', "interval {{interval}}, p99")],
        shows="The time that really passes between two scrapes, for each interval that is set.",
        normal="The interval itself, 5 and 10 s.",
        otherwise="Longer: Prometheus is short of processor time, and rates get coarse.",
    ),
])  # fmt: skip

PROMETHEUS = Row("Prometheus and Alertmanager", [
    lines(
        "Rule evaluation time", "s",
        [Query("max by (rule_group) (prometheus_rule_group_last_duration_seconds{$scope})",
               "{{rule_group}}")],
        shows="Time that the last evaluation of each group of rules took.",
        normal="Milliseconds.",
        otherwise="Near the interval: evaluations are skipped, alerts come late.",
    ),
    lines(
        "Rule evaluations", "cps",
        [
            Query("sum(rate(prometheus_rule_evaluations_total{$scope}[$__rate_interval]))",
                  "evaluated"),
            Query("sum(rate(prometheus_rule_evaluation_failures_total{$scope}"
                  "[$__rate_interval]))", "failed"),
            Query("sum(rate(prometheus_rule_group_iterations_missed_total{$scope}"
                  "[$__rate_interval]))", "rounds missed"),
        ],
        shows="Evaluations of rules.",
        normal="Failed and missed are 0.",
        otherwise="See 'Rule failures'.",
    ),
    lines(
        "Notifications", "cps",
        [
            Query("sum(rate(prometheus_notifications_sent_total{$scope}[$__rate_interval]))",
                  "to Alertmanager"),
            Query("sum(rate(prometheus_notifications_dropped_total{$scope}[$__rate_interval]))",
                  "dropped"),
            Query("sum(rate(alertmanager_notifications_failed_total{$scope}[$__rate_interval]))",
                  "failed in Alertmanager"),
        ],
        shows="Alerts that Prometheus hands to Alertmanager, and what gets lost on the way.",
        normal="A steady trickle, the watchdog's; dropped and failed are 0.",
        otherwise="Dropped: Alertmanager is not reached. Failed: its receiver is not.",
    ),
    lines(
        "Memory", "bytes",
        [Query('process_resident_memory_bytes{$scope, job=~"prometheus|alertmanager|grafana"}',
               "{{job}}")],
        shows="Resident memory of the monitoring.",
        normal="100 to 200 MB for Prometheus in the demo.",
        otherwise="Near the container's limit: fewer series or a shorter retention.",
    ),
    lines(
        "Size of the store", "bytes",
        [Query("sum(prometheus_tsdb_storage_blocks_bytes{$scope})", "blocks")],
        shows="Bytes of the stored blocks. The newest two to three hours are not in it.",
        normal="Up to the retention in deploy/compose.yml.",
        otherwise="The oldest blocks go when the bound is reached; nothing to do.",
    ),
    lines(
        "Queries", "s",
        [Query('max by (slice) (prometheus_engine_query_duration_seconds{$scope, '
               'quantile="0.99"})', "{{slice}}, p99")],
        shows="Time that queries take, those of these dashboards among them.",
        normal="Milliseconds.",
        otherwise="Seconds: look at shorter spans of time, or close some browsers.",
    ),
])  # fmt: skip

DASHBOARD = Dashboard(
    uid="monitoring",
    title="Monitoring",
    description="Targets, scrapes, rules and alerts.",
    scrape_interval="10s",
    variables=[
        Variable("job", "Job", "label_values(up, job)"),
        Variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)'),
    ],
    annotations=[
        Annotation("Alerts", FIRING, "{{alertname}} {{instance}}", RED),
    ],
    rows=[WELL, SCRAPES, PROMETHEUS],
)  # fmt: skip
