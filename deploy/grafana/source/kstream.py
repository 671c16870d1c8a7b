"""The home dashboard: what kstream does, how late it is, and what holds it up."""

from grafana import (
    GREEN, GREY, ORANGE, RED, YELLOW, BLUE,
    Annotation, Dashboard, Query, Row, Variable,
    bars, heatmap, lines, stat, states, table, thresholds, value_map,
)  # fmt: skip


# While a partition moves, two processes may have reported it: `max by (job, ..., partition)` counts
# it once. Jobs are kept apart, because each has partitions of its own.
def selector(metric, matchers=""):
    return f"{metric}{{$scope{', ' if matchers else ''}{matchers}}}"


def summed(expr, by=""):
    return f"sum by ({by}) ({expr})" if by else f"sum({expr})"


def rate(metric, matchers=""):
    return f"rate({selector(metric, matchers)}[$__rate_interval])"


def quantile(q, metric, matchers="", by=""):
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) ({rate(metric + '_bucket', matchers)}))"


def sum_rate(metric, matchers="", by=""):
    return summed(rate(metric, matchers), by)


def sum_increase(metric, matchers="", by=""):
    """Over the time shown."""
    return summed(f"increase({selector(metric, matchers)}[$__range])", by)


LAG_LEVELS = thresholds(GREEN, (10, YELLOW), (60, RED))
ANY_IS_WORTH_A_LOOK = thresholds(GREEN, (1, YELLOW))
ANY_IS_BAD = thresholds(GREEN, (1, RED))

ALL_WELL = Row("Is all well?", [
    stat(
        "Alerts firing", "none",
        [Query('count(ALERTS{alertstate="firing", alertname!="Watchdog"}) or vector(0)')],
        shows="Alerts that fire now, of kstream, Kafka and the monitoring. The watchdog, which "
        "always fires, is left out.",
        normal="0.",
        otherwise="The Monitoring dashboard lists them; each names its entry in docs/RUNBOOK.md.",
        levels=ANY_IS_BAD, graph=False, width=2,
    ),
    stat(
        "Processes up", "none", [Query("sum by (job) (up{$scope})", "{{job}}")],
        shows="Processes of kstream that Prometheus reaches.",
        normal="As many as were started: three of aggregate and one of produce in the demo.",
        otherwise="Look at the container's log. The others take over the partitions within "
        "seconds; nothing is lost or counted twice.",
        levels=thresholds(RED, (1, GREEN)), graph=False, text="value_and_name", width=4,
    ),
    stat(
        "Partitions worked on", "none",
        [Query("count by (stage) (count by (job, stage, partition) (kstream_restoring{$scope}))",
               "{{stage}}")],
        shows="Partitions that some process owns: of the source topic (map) and of the "
        "repartition topic (totals).",
        normal="The number of partitions of these topics, 6 each by default, always.",
        otherwise="A partition without an owner stands still. For a second or two after a "
        "rebalance that is normal; later see 'Membership and restore', and the logs.",
        levels=thresholds(RED, (1, GREEN)), graph=False, text="value_and_name", width=4,
    ),
    stat(
        "Records/s", "cps",
        [Query(sum_rate("kstream_records_read_total", 'stage="map"'))],
        shows="Records read from the source topic, all processes together.",
        normal="The rate of the producers, and more while a backlog is worked off.",
        otherwise="Zero while records are made: see 'Lag' beside it; zero without lag: nothing "
        "is being produced.",
    ),
    stat(
        "Behind, records", "short",
        [Query('sum(max by (job, partition) (kstream_lag_records{$scope, stage="map"}))')],
        shows="Source records that are in the log and in no committed step yet.",
        normal="About the rate times the commit interval: what is in the open step.",
        otherwise="Growing: the job is slower than the producers. 'Where is the time?' shows "
        "what it waits for; more processes help up to one per partition.",
    ),
    stat(
        "Behind, seconds", "s", [Query("max(kstream_lag_seconds{$scope})")],
        shows="Age of the newest record read, in the partition that is furthest behind; 0 when "
        "the end has been reached.",
        normal="Below a few seconds.",
        otherwise="One partition only: see 'Lag by partition'. All: as for the records.",
        levels=LAG_LEVELS,
    ),
    stat(
        "Latency, p99", "s",
        [Query(quantile(0.99, "kstream_append_to_commit_seconds", 'stage="totals"'))],
        shows="From the moment a record is in the source topic until the total that has it is "
        "committed, for the oldest record of each step: the worst case, not the mean.",
        normal="One to three seconds under load; less than one when little comes in.",
        otherwise="See 'Where is the time?'. While a backlog is worked off this is its age.",
        levels=LAG_LEVELS,
    ),
    stat(
        "Dead letters", "short", [Query(sum_increase("kstream_bad_records_total"))],
        shows="Records that broke the contract of docs/RECORDS.md in the time shown.",
        normal="0.",
        otherwise="The reasons are under 'Transactions and bad records'; the records with their "
        "coordinates are in the topic <application>-dead-letters, unless they are skipped.",
        levels=ANY_IS_WORTH_A_LOOK, decimals=0, width=2,
    ),
    lines(
        "Rate in and out", "cps",
        [
            Query(sum_rate("kstream_produce_records_total", 'result="acknowledged"'),
                  "produced"),
            Query(sum_rate("kstream_records_read_total", 'stage="map"'), "read"),
            Query(sum_rate("kstream_records_aggregated_total", 'stage="map"'),
                  "aggregated"),
            Query(sum_rate("kstream_filtered_records_total"), "filtered"),
            Query(sum_rate("kstream_records_written_total", 'role="results"'),
                  "results (right axis)"),
        ],
        shows="Records that `kstream produce` has written, that the map loops have read and "
        "folded, and results that were committed. Read counts also what is read again after an "
        "aborted step; results are few because a step writes one per key.",
        normal="The first three lie on each other.",
        otherwise="Read below produced: the lag grows. Aggregated below read: filtered by WHERE, "
        "bad, or read again after an aborted step.",
        right={"/results/": "cps"},
    ),
    lines(
        "End-to-end latency", "s",
        [Query(quantile(q, "kstream_append_to_commit_seconds", 'stage="totals"'), name)
         for q, name in ((0.5, "p50"), (0.9, "p90"), (0.99, "p99"))],
        shows="From the log timestamp of a step's oldest source record to the commit of the "
        "totals that have it.",
        normal="Two commits lie in between, one of each stage: about one to three seconds.",
        otherwise="The map stage has its own distribution under 'Where is the time?'; the "
        "difference belongs to the totals stage. A gap means that nothing was committed.",
    ),
    lines(
        "Lag", "short",
        [
            Query("sum by (stage) (max by (job, stage, partition) (kstream_lag_records{$scope}))",
                  "{{stage}}, records"),
            Query("max by (stage) (kstream_lag_seconds{$scope})",
                  "{{stage}}, seconds (right axis)"),
        ],
        shows="Records between the committed positions and the ends of the logs, and the age of "
        "the newest record read in the partition that is furthest behind.",
        normal="A saw tooth at the rhythm of the commits that does not rise.",
        otherwise="Rising in map: reading or decoding is the bound. Rising in totals only: "
        "committing there is. Flat and high in one partition: see 'Lag by partition'.",
        right={"/seconds/": "s"},
    ),
])  # fmt: skip

PHASES = (
    "poll: waiting for Kafka; fold: decoding and adding; seal: building the transaction; "
    "restore: reading the changelog; other: the rest."
)


def phase_panel(stage, normal, otherwise):
    return lines(
        f"Time of the {stage} loops", "percentunit",
        [Query(f"avg by (phase) (rate(kstream_loop_seconds_total{{$scope, stage=\"{stage}\"}}"
               "[$__rate_interval]))", "{{phase}}")],
        shows=f"What a {stage} loop spends its time on, mean of all loops. {PHASES}",
        normal=normal, otherwise=otherwise, stack="normal", high=1,
    )  # fmt: skip


WHERE_IS_THE_TIME = Row("Where is the time?", [
    phase_panel(
        "map",
        "Mostly poll: the loops have time to spare.",
        "Mostly fold: the processor is the bound, add processes or workers (up to one per "
        "partition). Mostly poll with lag: Kafka, the network or the commits are the bound.",
    ),
    phase_panel(
        "totals",
        "Nearly all poll: deltas are few.",
        "Mostly restore: a partition has just been taken over. Much fold or seal: there are very "
        "many keys.",
    ),
    lines(
        "Commit time", "s",
        [Query(quantile(q, "kstream_commit_duration_seconds", 'stage=~"$stage"', "stage"),
               f"{{{{stage}}}} {name}")
         for q, name in ((0.5, "p50"), (0.99, "p99"))],
        shows="From handing a step to its transaction until its outcome is known.",
        normal="10 to 200 ms. While one step commits the next is filled, so this costs "
        "throughput only when it exceeds the commit interval.",
        otherwise="See 'Round trip to the brokers' and, on the Kafka dashboard, the request time "
        "by phase: slow disks or a slow follower show there.",
    ),
    heatmap(
        "End-to-end latency, all steps", "s",
        'sum by (le) (increase(kstream_append_to_commit_seconds_bucket{$scope, stage="totals"}'
        "[$__rate_interval]))",
        shows="How many steps had which latency: the same figures as the percentiles above, "
        "with what they hide.",
        normal="One dark band.",
        otherwise="Two bands: some partitions or processes are slower than others. A band that "
        "climbs: a backlog.",
    ),
    lines(
        "Latency after each stage", "s",
        [Query(quantile(0.99, "kstream_append_to_commit_seconds", 'stage=~"$stage"', "stage"),
               "{{stage}}, p99")],
        shows="From the log timestamp of a step's oldest source record to the commit of the map "
        "step that has it, and of the totals step.",
        normal="The totals are up to a second after the map stage.",
        otherwise="Map high: the record waited in the source topic or in an open step. A large "
        "distance: the totals stage is behind.",
    ),
    lines(
        "CPU", "percentunit",
        [Query(rate("process_cpu_seconds_total"), "{{job}} {{instance}}")],
        shows="Processor time per process; 100 % is one core.",
        normal="Below the number of loops, two per worker.",
        otherwise="At the limit of its container, or the machine's cores used up: the processor "
        "is the bound.",
    ),
])  # fmt: skip

TOTALS = Row("Totals", [
    bars(
        "$aggregate", "short",
        [
            Query(
                'max by (job, key) (kstream_result_value{$scope, aggregate="$aggregate"})',
                "{{key}}",
            )
        ],
        shows="The committed totals of up to 20 keys of each worker. As a number of the metrics "
        "system, so rounded to about 15 digits: the exact value is in the results topic.",
        normal="Grows while records come in, by steps at each commit.",
        otherwise="A key that is missing: see how many there are under 'Processes'. No keys at "
        "all: nothing has been committed yet, or the state is being restored.",
        width=24, height=7, repeat="aggregate",
    ),
    lines(
        "Growth of the totals", "short",
        [Query('max by (job, key, aggregate) (deriv(kstream_result_value{$scope, '
               'aggregate=~"$aggregate"}[$__rate_interval]))', "{{aggregate}} {{key}}")],
        shows="How much is added to the totals each second. The scale is logarithmic, amounts "
        "and counts lie far apart.",
        normal="Steady at a steady rate.",
        otherwise="Zero for all keys: no commits. Zero for one: it has no new records.",
        width=24, height=7, low=None, log=True,
    ),
])  # fmt: skip

PARTITIONS = Row("Partitions", [
    lines(
        "Lag by partition, records", "short",
        [Query('max by (job, stage, partition) (kstream_lag_records{$scope, stage=~"$stage"})',
               "{{stage}} {{partition}}")],
        shows="Records between committed position and end of the log.",
        normal="All partitions alike.",
        otherwise="One apart: its keys or producers are uneven, or its owner is slow; the table "
        "names the owner.",
    ),
    lines(
        "Lag by partition, seconds", "s",
        [Query('max by (job, stage, partition) (kstream_lag_seconds{$scope, stage=~"$stage"})',
               "{{stage}} {{partition}}")],
        shows="Age of the newest record read while there are newer ones, 0 when caught up.",
        normal="Below a few seconds.",
        otherwise="As for the records.",
        levels=LAG_LEVELS,
    ),
    lines(
        "Records after open transactions", "short",
        [Query('max by (job, stage, partition) '
               '(kstream_open_transaction_records{$scope, stage=~"$stage"})',
               "{{stage}} {{partition}}")],
        shows="Records that are in the log and may not be read yet, because a transaction that "
        "began before them is open: high watermark less last stable offset.",
        normal="Comes and goes with each commit in totals, 0 in map unless the producers use "
        "transactions.",
        otherwise="One that stays for longer than transaction.timeout.ms is a hanging "
        "transaction: `kafka-transactions find-hanging`, then `abort`.",
    ),
    table(
        "Who has which partition", "none",
        {
            "lag": 'sum by (stage, partition, instance, worker) '
            '(kstream_lag_records{$scope, stage=~"$stage"})',
            "committed": 'sum by (stage, partition, instance, worker) '
            '(kstream_committed_offset{$scope, stage=~"$stage"})',
            "end": 'sum by (stage, partition, instance, worker) '
            '(kstream_log_end_offset{$scope, stage=~"$stage"})',
            "state": 'sum by (stage, partition, instance, worker) '
            '(kstream_restoring{$scope, stage=~"$stage"})',
        },
        shows="Owner, committed position and end of each partition, now. Positions are offsets: "
        "transaction markers take some of them.",
        normal="Each partition once, spread evenly.",
        otherwise="Twice for a moment: it is moving, and one of the two tells of the past. "
        "Missing: nobody has it.",
        key=("stage", "partition", "instance", "worker"), width=16, height=9,
        mappings={"state": [value_map(v0=("active", GREEN), v1=("restoring", ORANGE))]},
        units={"lag": "short"},
    ),
    bars(
        "Partitions by process", "none",
        [Query('sum by (instance, stage) (kstream_assigned_partitions{$scope, stage=~"$stage"})',
               "{{instance}} {{stage}}")],
        shows="Partitions that each process has.",
        normal="Equal, plus or minus one.",
        otherwise="None: there are more loops than partitions, and this one waits as a spare.",
        height=9,
    ),
])  # fmt: skip

PRODUCE = Row("Produce", [
    lines(
        "Made and acknowledged", "cps",
        [
            Query(sum_rate("kstream_produce_made_records_total"), "made"),
            Query(sum_rate("kstream_produce_records_total", by="result"), "{{result}}"),
        ],
        shows="Records handed to the client, and how they ended.",
        normal="Acknowledged lies on made; failed and unknown are 0.",
        otherwise="Acknowledged below made: the queue fills. See the delivery latency.",
    ),
    lines(
        "Delivery latency", "s",
        [Query(quantile(q, "kstream_produce_delivery_seconds"), name)
         for q, name in ((0.5, "p50"), (0.99, "p99"))],
        shows="From handing over a record to its answer by all in-sync replicas.",
        normal="5 to 50 ms below the limit of the brokers.",
        otherwise="Seconds: the queue is full, more is made than the brokers take.",
    ),
    lines(
        "Queue", "short",
        [
            Query("sum(kstream_produce_queued_records{$scope})", "records"),
            Query("sum(kstream_produce_queued_bytes{$scope})", "bytes (right axis)"),
        ],
        shows="Queued in the client or on the way.",
        normal="Small and steady with --rate.",
        otherwise="At its limit: produce waits for the brokers and drops nothing.",
        right={"/bytes/": "bytes"},
    ),
    stat(
        "Not delivered", "short",
        [Query(sum_increase("kstream_produce_records_total", 'result!="acknowledged"', by="result"),
               "{{result}}")],
        shows="Records of the time shown that failed for good, and those that were sent and never "
        "answered.",
        normal="0 and 0.",
        otherwise="Failed: the log says why. Unknown: they may be in the topic or not; the totals "
        "count what is in the topic.",
        levels=ANY_IS_BAD, width=8, decimals=0, text="value_and_name",
    ),
    stat(
        "Waiting", "none", [Query("max(kstream_produce_waiting{$scope})")],
        shows="Whether produce stands still: no broker answers, or the queue is full.",
        normal="no.",
        otherwise="Without --rate a full queue is its way to go as fast as the brokers do. Else "
        "look at the Kafka dashboard.",
        mappings=[value_map(v0=("no", GREEN), v1=("yes", ORANGE))], width=8, graph=False,
    ),
    stat(
        "Bytes acknowledged", "Bps", [Query(sum_rate("kstream_produce_bytes_total"))],
        shows="Keys and values, before compression.",
        normal="About 300 bytes times the rate.",
        otherwise="See the rate.",
        width=8,
    ),
])  # fmt: skip

OUTCOMES = Row("Transactions and bad records", [
    lines(
        "Transactions", "cps",
        [Query(sum_rate("kstream_transactions_total", 'stage=~"$stage"', by="stage, result"),
               "{{stage}} {{result}}")],
        shows="Transactions of the loops, by how they ended.",
        normal="Committed only, a few per second and loop at the most.",
        otherwise="Aborted: the step is done again, nothing is lost; many of them cost "
        "throughput. Uncertain: no answer came, the producer was rebuilt. Fenced: another "
        "process runs with the same instance id.",
    ),
    lines(
        "Bad records by reason", "cps",
        [Query(sum_rate("kstream_bad_records_total", by="reason"), "{{reason}}")],
        shows="Records that broke the contract of docs/RECORDS.md, by the first reason.",
        normal="0.",
        otherwise="Find the producer by the headers of the dead letters: topic, partition, "
        "offset. The totals go on without these records.",
    ),
    lines(
        "Every record accounted for", "cps",
        [
            Query(sum_rate("kstream_records_aggregated_total", 'stage="map"'),
                  "aggregated"),
            Query(sum_rate("kstream_filtered_records_total"), "filtered"),
            Query(sum_rate("kstream_late_records_total"), "late"),
            Query(sum_rate("kstream_duplicate_records_total"), "duplicates"),
            Query(sum_rate("kstream_bad_records_total"), "bad"),
            Query(sum_rate("kstream_tombstones_total", 'stage="map"'), "null values"),
        ],
        shows="What became of the records read.",
        normal="Aggregated, and filtered where the statement has a WHERE; the rest is 0, or next "
        "to it: late in jobs with windows, duplicates where unique_by looks for them.",
        otherwise="All filtered: is a field of WHERE misspelled? The log of the process warns of "
        "it. Bad: see beside. Null values have no amount to add and are passed over.",
        stack="normal",
    ),
    stat(
        "Not committed", "short",
        [Query(sum_increase("kstream_transactions_total", 'result!="committed"', by="result"),
               "{{result}}")],
        shows="Transactions of the time shown that did not commit.",
        normal="0; a few aborted ones with each rebalance or broker that goes.",
        otherwise="Each is done again from the committed position. Fenced that grows: two "
        "processes share an --instance-id.",
        levels=ANY_IS_WORTH_A_LOOK, width=8, decimals=0, text="value_and_name",
    ),
    stat(
        "Producers rebuilt", "short",
        [Query(sum_increase("kstream_producer_rebuilds_total"))],
        shows="Producers given up in the time shown because the outcome of a transaction was "
        "unknown.",
        normal="0.",
        otherwise="Brokers were unreachable or very slow. More than five a minute end the "
        "process.",
        levels=ANY_IS_WORTH_A_LOOK, width=4, decimals=0,
    ),
    stat(
        "Duplicate steps dropped", "short",
        [Query(sum_increase("kstream_duplicate_steps_total"))],
        shows="Steps that the totals already held.",
        normal="0.",
        otherwise="The chain of steps has caught them, the totals are right. Tell us how it came "
        "about.",
        levels=ANY_IS_WORTH_A_LOOK, width=4, decimals=0,
    ),
    stat(
        "Skipped", "short", [Query(sum_increase("kstream_skipped_records_total"))],
        shows="Bad records passed over under --on-bad-record skip, without a dead letter.",
        normal="0 unless the job is told to skip.",
        otherwise="They are in no total and in no dead letter.",
        levels=ANY_IS_WORTH_A_LOOK, width=4, decimals=0,
    ),
    stat(
        "Null values", "short", [Query(sum_increase("kstream_tombstones_total"))],
        shows="Records without a value in the time shown.",
        normal="0 for a topic of events.",
        otherwise="Somebody writes tombstones: the source topic is thought to be compacted.",
        levels=thresholds(GREY), width=4, decimals=0,
    ),
], collapsed=True)  # fmt: skip

WINDOWS = Row("Windows", [
    stat(
        "Open windows", "short",
        [Query("sum by (job) (kstream_open_windows{$scope})", "{{job}}")],
        shows="Windows that are open, each group's by itself; of hopping windows their panes. Only "
        "jobs with windows have any.",
        normal="The groups, times the windows that grace keeps open.",
        otherwise="Grows: windows do not close, see 'Windows wait for the slowest partition'.",
        width=6, graph=True,
    ),
    stat(
        "Closed windows", "short", [Query(sum_increase("kstream_closed_keys_total", by="job"),
                                          "{{job}}")],
        shows="Windows of groups that were closed in the time shown, each with its final result.",
        normal="All groups at the end of each window.",
        otherwise="0 for longer than a window: event time stands still.",
        width=6, decimals=0,
    ),
    stat(
        "Late share", "percentunit",
        [Query("sum by (job) (rate(kstream_late_records_total{$scope}[$__rate_interval])) "
               "/ on (job) "
               'sum by (job) (rate(kstream_records_read_total{$scope, stage="map"}'
               "[$__rate_interval]))", "{{job}}")],
        shows="Share of the records read that come after their windows have ended, grace and all.",
        normal="0, or what the grace was chosen for.",
        otherwise="Above 1 %: 'kstream lateness' says which grace would take them; 'How late' "
        "shows by how much they miss.",
        levels=thresholds(GREEN, (0.01, YELLOW)), width=6, graph=True,
    ),
    stat(
        "From the future", "short",
        [Query(sum_increase("kstream_bad_records_total", 'reason="time_future"', by="job"),
               "{{job}}")],
        shows="Records of the time shown whose time is more than max_ahead beyond their timestamp "
        "in Kafka. They are bad records and move no watermark.",
        normal="0.",
        otherwise="A producer's clock is wrong.",
        levels=ANY_IS_WORTH_A_LOOK, width=6, decimals=0,
    ),
    lines(
        "Event time behind the newest, by source partition", "s",
        [Query('max by (job) (kstream_watermark_timestamp_seconds{$scope, stage="map"}) '
               "- on (job) group_right () "
               "max by (job, partition) "
               '(kstream_watermark_timestamp_seconds{$scope, stage="map"})',
               "{{job}} {{partition}}")],
        shows="How far the watermark of each source partition is behind that of the furthest one.",
        normal="All alike, within the disorder of the records.",
        otherwise="One apart: windows wait for it. All but one: that one's clock runs ahead.",
        width=12,
    ),
    lines(
        "Windows wait for the slowest partition", "s",
        [Query("max by (job) (kstream_watermark_lag_seconds{$scope})", "{{job}}")],
        shows="From the least watermark of all source partitions to the newest one: so much longer "
        "than by the newest records windows stay open.",
        normal="Within the disorder of the records; where idle partitions are moved on, up to a "
        "window.",
        otherwise="'Who holds windows back' names the partition. None at all with open windows: a "
        "source partition has no record with a time.",
        width=12,
    ),
    lines(
        "Watermarks behind the clock", "s",
        [Query("time() - min by (job, stage) (kstream_watermark_timestamp_seconds{$scope})",
               "{{job}} {{stage}}")],
        shows="Age of the least watermark, of the source partitions (map) and of windows (totals: "
        "those that ended by then, grace and all, are closed).",
        normal="The delay of the records; totals a commit later.",
        otherwise="Grows as time goes: it stands still. Totals apart from map: the totals stage is "
        "behind.",
        low=None,
    ),
    heatmap(
        "How late", "s",
        "sum by (le) (increase(kstream_late_by_seconds_bucket{$scope}[$__rate_interval]))",
        shows="By how much more grace late records would have been in time.",
        normal="Empty.",
        otherwise="Low bands: a little more grace takes them. High ones: a producer's clock is "
        "behind, or old records are written again.",
    ),
    lines(
        "Idle source partitions", "short",
        [
            Query('sum by (job) (kstream_partition_idle{$scope, stage="map"})', "{{job}} idle"),
            Query(sum_rate("kstream_idle_advances_total", by="job"),
                  "{{job}} advances/s (right axis)"),
        ],
        shows="Partitions in which nothing comes, so that no window waits for them, and how often "
        "they are moved on in event time.",
        normal="0, unless the statement has `idle` and some partitions are empty at times.",
        otherwise="All: nothing is produced, and time stands still unless the job is told "
        "`quiet => 'wall'`.",
        right={"/advances/": "cps"},
    ),
    table(
        "Who holds windows back", "none",
        {"source partition": "max by (job, instance, partition) "
         "(kstream_watermark_held_by_partition{$scope})"},
        shows="For each state partition the source partition with the least watermark, or the "
        "first without one.",
        normal="They take turns.",
        otherwise="Always the same one: see its records, its producer, and its owner under "
        "'Partitions'.",
        key=("job", "instance", "partition"), width=24,
    ),
], collapsed=True)  # fmt: skip

MEMBERSHIP = Row("Membership and restore", [
    states(
        "Members", "none",
        [Query("max by (instance, stage) (kstream_joined{$scope})", "{{instance}} {{stage}}")],
        shows="Whether the loops of a process are members of their group with an assignment.",
        normal="member.",
        otherwise="out for more than a few seconds: the group coordinator does not answer, or "
        "the group is rebalancing again and again.",
        mappings=[value_map(v1=("member", GREEN), v0=("out", RED))], width=12, height=8,
    ),
    lines(
        "Rebalances", "short",
        [
            Query("sum by (stage) (increase(kstream_rebalances_total{$scope}[$__rate_interval]))",
                  "{{stage}}"),
            Query("sum(increase(kstream_partitions_lost_total{$scope}[$__rate_interval]))",
                  "partitions lost"),
        ],
        shows="Changes of the assignment, and partitions that others had before the member could "
        "give them up.",
        normal="Only when processes come or go.",
        otherwise="Again and again: a process is stopped for longer than the session timeout, or "
        "restarts in a loop. Lost partitions are safe, their open steps are dropped.",
        width=6,
    ),
    lines(
        "Time since the last report of a loop", "s",
        [Query("max by (instance, stage) (kstream_snapshot_age_seconds{$scope})",
               "{{instance}} {{stage}}")],
        shows="Age of what the metrics of a loop were made from.",
        normal="Below one or two seconds.",
        otherwise="Grows: the loop hangs. From 30 s on /healthz fails, and the process is to be "
        "restarted.",
        levels=thresholds(GREEN, (30, RED)), width=6,
    ),
    lines(
        "Partitions being restored", "none",
        [Query("sum by (instance) (kstream_restoring{$scope})", "{{instance}}")],
        shows="Partitions whose totals are being read from the changelog.",
        normal="0; above it for seconds after a rebalance.",
        otherwise="For long: the changelog is large or an orphan's transaction is open on it.",
    ),
    lines(
        "Restored records", "cps",
        [Query(sum_rate("kstream_restored_records_total", by="instance"), "{{instance}}")],
        shows="Changelog records read to restore.",
        normal="Short peaks of 100,000 and more per second.",
        otherwise="Slow for long: look at the fetch time on the Kafka dashboard.",
    ),
    lines(
        "Time spent restoring", "percentunit",
        [Query(sum_rate("kstream_restore_seconds_total", by="instance"), "{{instance}}")],
        shows="Share of the time in which a process restores.",
        normal="0.",
        otherwise="As for the partitions being restored.",
    ),
], collapsed=True)  # fmt: skip

WRITTEN = Row("What it writes", [
    lines(
        "Bytes written per source record", "decbytes",
        [Query("sum by (role) (rate(kstream_written_bytes_total{$scope}[$__rate_interval])) "
               "/ on () group_left () "
               'sum(rate(kstream_records_read_total{$scope, stage="map"}[$__rate_interval]))',
               "{{role}}")],
        shows="The price of exactly-once: bytes of keys and values, before compression, for each "
        "record read.",
        normal="A fraction of a byte under load, because a step writes one delta per key.",
        otherwise="High at a low rate, where each step holds few records. High under load: very "
        "many keys; a longer --commit-interval folds more together.",
        low=0,
    ),
    lines(
        "Records written per source record", "short",
        [Query("sum by (role) (rate(kstream_records_written_total{$scope}[$__rate_interval])) "
               "/ on () group_left () "
               'sum(rate(kstream_records_read_total{$scope, stage="map"}[$__rate_interval]))',
               "{{role}}")],
        shows="The same in records.",
        normal="Far below 1.",
        otherwise="About 1: every record has a key of its own, and nothing can be combined.",
    ),
    lines(
        "Records written", "cps",
        [Query(sum_rate("kstream_records_written_total", by="role"), "{{role}}")],
        shows="Records of committed transactions, by the topic that they went to.",
        normal="Repartition: partitions times commits. Changelog and results: keys times commits.",
        otherwise="Dead letters: see the reasons.",
    ),
    lines(
        "Bytes written", "Bps",
        [Query(sum_rate("kstream_written_bytes_total", by="role"), "{{role}}")],
        shows="Keys and values of these records, before compression.",
        normal="Small beside what is read.",
        otherwise="As above.",
        width=12,
    ),
    lines(
        "Bytes read", "Bps",
        [Query(sum_rate("kstream_read_bytes_total", by="stage"), "{{stage}}")],
        shows="Bytes of the records read.",
        normal="Map: the source. Totals: next to nothing beside it.",
        otherwise="Totals near map: nothing can be combined.",
        width=12,
    ),
], collapsed=True)  # fmt: skip

PROCESSES = Row("Processes", [
    lines(
        "Memory", "bytes",
        [Query("process_resident_memory_bytes{$scope}", "{{job}} {{instance}}")],
        shows="Resident memory per process.",
        normal="Steady once the queues are filled: the budget is in docs/ARCHITECTURE.md.",
        otherwise="Grows with the keys: see beside. Grows without them: a bug, please report it.",
    ),
    lines(
        "Keys", "short",
        [Query("sum by (instance, stage) (kstream_keys{$scope})", "{{instance}} {{stage}}")],
        shows="Totals that a process holds, and keys of the open steps of the map loops.",
        normal="The number of groups of the job, spread over the processes.",
        otherwise="Grows without end: a group-by field is unbounded.",
    ),
    lines(
        "Memory of the keys", "bytes",
        [Query("sum by (instance, stage) (kstream_state_bytes{$scope})",
               "{{instance}} {{stage}}")],
        shows="Memory that these keys take.",
        normal="About 40 bytes per key, the key itself, and 32 bytes per aggregate.",
        otherwise="As for the keys.",
    ),
    lines(
        "Open files", "short",
        [Query("process_open_fds{$scope} / process_max_fds{$scope}", "{{job}} {{instance}}")],
        shows="Open file descriptors, as a share of the limit.",
        normal="A few per cent, mostly connections to brokers.",
        otherwise="Near 100 %: raise the limit (ulimit -n), and see who connects to /metrics.",
    ),
    table(
        "Versions", "none",
        {"up since": "min by (job, instance, version, revision, librdkafka) "
         "(kstream_build_info{$scope} * on (job, instance) group_left () "
         "process_start_time_seconds{$scope} * 1000)"},
        shows="What runs, and since when.",
        normal="One version, except while an upgrade rolls through.",
        otherwise="Finish the upgrade; formats of different versions are compatible as "
        "docs/PROTOCOL.md says.",
        key=("job", "instance", "version", "revision", "librdkafka"), width=16,
        units={"up since": "dateTimeFromNow"},
    ),
], collapsed=True)  # fmt: skip

BROKERS = Row("Kafka as the clients see it", [
    lines(
        "Round trip to the brokers", "s",
        [
            Query("max by (broker) (kstream_broker_rtt_mean_seconds{$scope})", "{{broker}} mean"),
            Query("max by (broker) (kstream_broker_rtt_p99_seconds{$scope})", "{{broker}} p99"),
        ],
        shows="Round trip of requests as the clients measure it, the worst client of each "
        "broker. A fetch that waits for records counts with its wait.",
        normal="Up to about 100 ms where consumers wait for records, a few milliseconds else.",
        otherwise="One broker apart: look at it on the Kafka dashboard. All: the network.",
    ),
    lines(
        "Requests", "reqps",
        [Query(sum_rate("kstream_broker_requests_total", by="broker"), "{{broker}}")],
        shows="Requests that all clients send.",
        normal="Spread over the brokers.",
        otherwise="One alone: partitions have all their leaders there; run a preferred leader "
        "election.",
    ),
    lines(
        "Trouble", "cps",
        [
            Query(sum_rate("kstream_broker_errors_total", by="broker"), "{{broker}} errors"),
            Query(sum_rate("kstream_broker_timeouts_total", by="broker"),
                  "{{broker}} timeouts"),
            Query(sum_rate("kstream_broker_disconnects_total", by="broker"),
                  "{{broker}} disconnects"),
        ],
        shows="Requests that failed or had no answer in time, and connections lost.",
        normal="0; idle connections are closed by brokers after ten minutes.",
        otherwise="The log of kstream names the broker and the reason.",
    ),
    states(
        "Brokers reached", "none",
        [Query("max by (broker) (kstream_broker_up{$scope})", "{{broker}}")],
        shows="Whether any client has a usable connection to the broker.",
        normal="connected, for every broker that leads a partition in use.",
        otherwise="none: the broker is down, or its advertised address cannot be reached.",
        mappings=[value_map(v1=("connected", GREEN), v0=("none", RED))], width=24,
    ),
], collapsed=True)  # fmt: skip

DASHBOARD = Dashboard(
    uid="kstream",
    title="kstream",
    description="Home: is all well, how late are the totals, and what holds them up.",
    variables=[
        Variable("job", "Job", 'label_values(up{job=~"kstream-.+"}, job)', "kstream-.+"),
        Variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)'),
        Variable("stage", "Stage", "label_values(kstream_joined{$scope}, stage)"),
        Variable("aggregate", "Aggregate", "label_values(kstream_result_value{$scope}, aggregate)"),
    ],
    annotations=[
        Annotation(
            "Rebalances", "sum by (stage) (increase(kstream_rebalances_total{$scope}[1m])) > 0",
            "Rebalance of the {{stage}} loops", BLUE,
        ),
        Annotation(
            "Restarts", "(time() - process_start_time_seconds{$scope}) < 60",
            "{{job}} {{instance}} has started", ORANGE,
        ),
    ],
    rows=[ALL_WELL, WHERE_IS_THE_TIME, TOTALS, PARTITIONS, PRODUCE, OUTCOMES, WINDOWS, MEMBERSHIP,
          WRITTEN, PROCESSES, BROKERS],
)  # fmt: skip
