"""The cluster that kstream reads from and writes to: is it healthy, and what are its requests
waiting for."""

from grafana import (
    GREEN, ORANGE, RED, YELLOW,
    Annotation, Dashboard, Query, Row, Variable,
    lines, stat, table, thresholds, value_map,
)  # fmt: skip

ANY_IS_BAD = thresholds(GREEN, (1, RED))
ANY_IS_WORTH_A_LOOK = thresholds(GREEN, (1, YELLOW))

# The figures of one topic have the label, those of the broker as a whole have not: a sum over both
# would count twice.
BY_TOPIC = '{$scope, topic=~"$topic"}'
# Controllers answer requests and keep a log as well; where they would only be lines at 0 they are
# left out.
BROKERS = '$scope, job!~".*controller.*"'


def topic_rate(metric, by):
    return (f"sum by ({by}) (rate(kafka_server_brokertopicmetrics_{metric}_total{BY_TOPIC}"
            "[$__rate_interval]))")  # fmt: skip


def topic_increase(metric, by):
    return f"sum by ({by}) (increase(kafka_server_brokertopicmetrics_{metric}_total{BY_TOPIC}[5m]))"


# Observed by every controller alike: the maximum, not the sum.
def cluster(metric):
    return f"max(kafka_controller_kafkacontroller_{metric}{{$scope}})"


HEALTH = Row("Is the cluster well?", [
    stat(
        "Active brokers", "none", [Query(cluster("activebrokercount"))],
        shows="Brokers that are registered and serve.",
        normal="3.",
        otherwise="With 2 everything goes on, without a spare. With 1, acks=all writes fail: "
        "bring the others back.",
        levels=thresholds(RED, (2, YELLOW), (3, GREEN)), graph=False,
    ),
    stat(
        "Active controllers", "none",
        [Query("sum(kafka_controller_kafkacontroller_activecontrollercount{$scope})")],
        shows="Controllers that lead the quorum.",
        normal="1.",
        otherwise="0: no quorum, nothing can be changed in the cluster; see 'KRaft quorum'. "
        "More for longer than an election: the same.",
        levels=thresholds(RED, (1, GREEN), (2, RED)), graph=False,
    ),
    stat(
        "Offline partitions", "none", [Query(cluster("offlinepartitionscount"))],
        shows="Partitions without a leader.",
        normal="0.",
        otherwise="They can be neither read nor written. Bring back a broker that has a replica "
        "in sync.",
        levels=ANY_IS_BAD, graph=False,
    ),
    stat(
        "Below min ISR", "none",
        [Query("sum(kafka_server_replicamanager_underminisrpartitioncount{$scope})")],
        shows="Partitions with fewer replicas in sync than min.insync.replicas.",
        normal="0.",
        otherwise="acks=all writes to them fail, so transactions of kstream abort until a "
        "replica has caught up.",
        levels=ANY_IS_BAD, graph=False,
    ),
    stat(
        "Under-replicated", "none",
        [Query("sum(kafka_server_replicamanager_underreplicatedpartitions{$scope})")],
        shows="Partitions with a replica out of sync.",
        normal="0.",
        otherwise="A broker is down or cannot follow; see which one in 'Brokers'. While it "
        "catches up after a start this falls.",
        levels=ANY_IS_WORTH_A_LOOK, graph=False,
    ),
    stat(
        "Fenced brokers", "none", [Query(cluster("fencedbrokercount"))],
        shows="Brokers that are registered and may not serve: starting, stopping or gone.",
        normal="0.",
        otherwise="For longer than a start: the broker has no heartbeat; look at its log.",
        levels=ANY_IS_WORTH_A_LOOK, graph=False,
    ),
    stat(
        "Unclean elections", "short",
        [Query("sum(increase(kafka_controller_controllerstats_uncleanleaderelections_total"
               "{$scope}[$__range]))")],
        shows="Leaders elected in the time shown that were not in sync.",
        normal="0, and never above it while unclean.leader.election.enable is false.",
        otherwise="Acknowledged records may be lost. kstream stops when a log has been truncated "
        "below what it has read.",
        levels=ANY_IS_BAD, graph=False, decimals=0,
    ),
    stat(
        "Misplaced leaders", "none", [Query(cluster("preferredreplicaimbalancecount"))],
        shows="Partitions that are not led by their preferred replica.",
        normal="0 some minutes after the last broker came back.",
        otherwise="One broker does the work of others: `kafka-leader-election --election-type "
        "preferred --all-topic-partitions`.",
        levels=ANY_IS_WORTH_A_LOOK, graph=False,
    ),
    lines(
        "Replicas in and out of sync", "cps",
        [
            Query("sum by (instance) (rate(kafka_server_replicamanager_isrshrinks_total{$scope}"
                  "[$__rate_interval]))", "{{instance}} shrinks"),
            Query("sum by (instance) (rate(kafka_server_replicamanager_isrexpands_total{$scope}"
                  "[$__rate_interval]))", "{{instance}} expands"),
        ],
        shows="Replicas that leave the set in sync and come back, by leader.",
        normal="0; a peak of each when a broker stops and starts.",
        otherwise="Both again and again: a follower is too slow for replica.lag.time.max.ms, by "
        "its disk, its collector or the network.",
    ),
    lines(
        "Partitions in trouble", "none",
        [
            Query("sum by (instance) "
                  "(kafka_server_replicamanager_underreplicatedpartitions{$scope})",
                  "{{instance}} under-replicated"),
            Query("sum by (instance) (kafka_server_replicamanager_atminisrpartitioncount{$scope})",
                  "{{instance}} at min ISR"),
            Query("sum by (instance) (kafka_server_replicamanager_offlinereplicacount{$scope})",
                  "{{instance}} offline replicas"),
        ],
        shows="By broker: partitions that it leads and that lack a replica, that have just as "
        "many as they need, and replicas of its own that are offline.",
        normal="0.",
        otherwise="At min ISR: one more loss stops writes. Offline replicas: a disk of this "
        "broker has failed.",
    ),
    table(
        "Brokers", "none",
        {
            "state": "max by (instance) (kafka_server_kafkaserver_brokerstate{$scope})",
            "leads": "max by (instance) (kafka_server_replicamanager_leadercount{$scope})",
            "has": "max by (instance) (kafka_server_replicamanager_partitioncount{$scope})",
            "lacks a replica": "max by (instance) "
            "(kafka_server_replicamanager_underreplicatedpartitions{$scope})",
        },
        shows="State of each broker, how many partitions it leads and has, and how many of those "
        "that it leads lack a replica.",
        normal="running, with about equal numbers.",
        otherwise="A line that is missing: the broker is down or cannot be scraped. recovery: it "
        "was not shut down cleanly and checks its logs.",
        key=("instance",), width=8,
        mappings={"state": [value_map(
            v0=("not running", RED), v1=("starting", ORANGE), v2=("recovery", ORANGE),
            v3=("running", GREEN), v6=("stopping", ORANGE), v7=("stopping", ORANGE))]},
        levels={"lacks a replica": ANY_IS_WORTH_A_LOOK},
    ),
])  # fmt: skip

TRAFFIC = Row("Traffic", [
    stat(
        "Messages in, 5 min", "short", [Query(topic_increase("messagesin", "topic"), "{{topic}}")],
        shows="Records written to each topic in the last five minutes.",
        normal="The rate of the producers times 300 s. Results are few: one per key and commit. "
        "Markers of transactions count as well.",
        otherwise="0: nobody writes.",
        width=6, height=8, text="value_and_name", graph=False,
    ),
    lines(
        "Messages per second", "cps", [Query(topic_rate("messagesin", "topic"), "{{topic}}")],
        shows="Records written to each topic.",
        normal="Steady, as the producers are.",
        otherwise="Steps down: see 'Errors by code' and the brokers' state.",
        width=9,
    ),
    lines(
        "Bytes in per broker", "Bps", [Query(topic_rate("bytesin", "instance"), "{{instance}}")],
        shows="What producers write to the leaders on each broker, compressed as it comes.",
        normal="About equal on all brokers.",
        otherwise="One alone: see 'Misplaced leaders', or keys are uneven.",
        width=9,
    ),
    stat(
        "Bytes in, 5 min", "decbytes", [Query(topic_increase("bytesin", "topic"), "{{topic}}")],
        shows="What has been written to each topic in the last five minutes, before replication.",
        normal="The rate times 300 s.",
        otherwise="Times the replication factor this is what the disks take.",
        width=6, height=8, text="value_and_name", graph=False,
    ),
    lines(
        "Bytes out per topic", "Bps", [Query(topic_rate("bytesout", "topic"), "{{topic}}")],
        shows="What consumers read, without replication.",
        normal="For the source topic what comes in, once per application that reads it.",
        otherwise="More than that: somebody reads from the beginning.",
        width=9,
    ),
    lines(
        "Replication", "Bps",
        [
            Query("sum by (instance) (rate("
                  f"kafka_server_brokertopicmetrics_replicationbytesin_total{{{BROKERS}}}"
                  "[$__rate_interval]))", "{{instance}} in"),
            Query("sum by (instance) (rate("
                  f"kafka_server_brokertopicmetrics_replicationbytesout_total{{{BROKERS}}}"
                  "[$__rate_interval]))", "{{instance}} out"),
        ],
        shows="What followers fetch.",
        normal="Replication factor less one times the bytes in.",
        otherwise="More after a start: the broker catches up.",
        width=9,
    ),
    lines(
        "Producer requests", "reqps",
        [Query(topic_rate("totalproducerequests", "topic"), "{{topic}}")],
        shows="Produce requests that touch a topic.",
        normal="Far fewer than messages: a request has batches of many.",
        otherwise="As many as messages: producers do not batch; raise linger.ms.",
        width=12,
    ),
    lines(
        "Fetch requests per broker", "reqps",
        [Query("sum by (instance) (rate(kafka_network_requestmetrics_requests_total"
               f'{{{BROKERS}, request="Fetch"}}[$__rate_interval]))', "{{instance}}")],
        shows="Fetch requests of consumers and followers.",
        normal="At least two per second and consumer or follower, more with the rate.",
        otherwise="Hundreds at a low rate: fetch.min.bytes is small, each record is fetched "
        "alone.",
        width=12,
    ),
])  # fmt: skip

PHASES = {
    "requestqueuetimems": "waiting for a thread",
    "localtimems": "local (log)",
    "remotetimems": "remote (replicas, or no data yet)",
    "responsequeuetimems": "response waiting",
    "responsesendtimems": "sending",
}


def request_phases(request, shows, normal, otherwise):
    return lines(
        f"{request} time by phase, p99", "ms",
        [Query(f'max(kafka_network_requestmetrics_{phase}{{$scope, request="{request}", '
               'quantile="0.99"})', name)
         for phase, name in PHASES.items()],
        shows=shows, normal=normal, otherwise=otherwise, width=12,
    )  # fmt: skip


REQUESTS = Row("Requests", [
    lines(
        "Request time, p99", "ms",
        [Query('max by (request) (kafka_network_requestmetrics_totaltimems{$scope, '
               'quantile="0.99"})', "{{request}}")],
        shows="Whole time of a request on the slowest broker. It is Kafka's own percentile, over "
        "the last minutes, weighted towards now.",
        normal="Produce: below 50 ms. Fetches wait for records: those of kstream up to 100 ms, of "
        "followers and most other consumers up to 500.",
        otherwise="See the phases.",
        width=12,
    ),
    lines(
        "Produce time", "ms",
        [Query('max by (quantile) (kafka_network_requestmetrics_totaltimems{$scope, '
               'request="Produce"})', "quantile {{quantile}}")],
        shows="Percentiles of the whole time of produce requests, on the slowest broker.",
        normal="Median of a few milliseconds.",
        otherwise="Only the last ones high: collector or disk pauses. All: the cluster is at its "
        "limit.",
        width=12,
    ),
    request_phases(
        "Produce",
        "Where a produce request spends its time, on the slowest broker for each phase.",
        "Remote is the largest: acks=all waits for the followers.",
        "Waiting for a thread: too few request handlers or too much work. Local: the disk. "
        "Remote: a slow follower. Sending: the network or the client.",
    ),
    request_phases(
        "FetchConsumer",
        "The same for fetches of consumers.",
        "Remote is the largest: it is the wait for records, up to fetch.wait.max.ms.",
        "Local: records come from the disk and not from memory, as after a long lag. The others "
        "as for produce.",
    ),
    lines(
        "Errors by code", "cps",
        [Query('sum by (request, error) (rate(kafka_network_requestmetrics_errors_total{$scope, '
               'error!="NONE"}[$__rate_interval])) > 0', "{{request}} {{error}}")],
        shows="Answers with an error, by request and code; only codes that occur.",
        normal="CONCURRENT_TRANSACTIONS, up to some hundred per second: a transaction begins while "
        "the one before is being completed, and the client asks again. NOT_LEADER_OR_FOLLOWER and "
        "REBALANCE_IN_PROGRESS pass by when brokers or processes come and go.",
        otherwise="NOT_ENOUGH_REPLICAS: see 'Below min ISR'. INVALID_PRODUCER_EPOCH: kstream has "
        "fenced an older self, which is right. AUTHORIZATION codes: ACLs.",
    ),
    lines(
        "Request handlers idle", "percentunit",
        [Query("min by (instance) "
               "(kafka_server_kafkarequesthandlerpool_brokerrequesthandleravgidle_ratio{$scope})",
               "{{instance}}")],
        shows="Share of the time in which the request handler threads have nothing to do.",
        normal="Above 70 %.",
        otherwise="Below 30 %: the broker is at its limit; more num.io.threads where cores are "
        "free, more brokers else.",
        levels=thresholds(RED, (0.3, GREEN)), high=1,
    ),
    lines(
        "Network threads idle", "percentunit",
        [Query("min by (instance) "
               f"(kafka_network_socketserver_networkprocessoravgidle_ratio{{{BROKERS}}})",
               "{{instance}}")],
        shows="Share of the time in which the network threads have nothing to do.",
        normal="Above 70 %.",
        otherwise="Below 30 %: more num.network.threads; with TLS more cores.",
        levels=thresholds(RED, (0.3, GREEN)), high=1,
    ),
    lines(
        "Requests by kind", "reqps",
        [Query("topk(10, sum by (request) (rate(kafka_network_requestmetrics_requests_total{$scope}"
               "[$__rate_interval])))", "{{request}}")],
        shows="The ten most frequent requests.",
        normal="Fetch, Produce, and per commit AddPartitionsToTxn, TxnOffsetCommit, EndTxn.",
        otherwise="JoinGroup, SyncGroup at a steady rate: a group that rebalances without end. "
        "Metadata: clients that cannot reach a broker.",
    ),
    lines(
        "Request queue", "short",
        [Query(f"max by (instance) (kafka_network_requestchannel_requestqueuesize{{{BROKERS}}})",
               "{{instance}}")],
        shows="Requests that wait for a handler thread.",
        normal="0 to a few.",
        otherwise="Towards queued.max.requests (500): the handlers do not keep up.",
    ),
    lines(
        "Connections", "short",
        [Query("sum by (instance, listener) "
               "(kafka_server_socket_server_metrics_connection_count{$scope})",
               "{{instance}} {{listener}}")],
        shows="Open connections, by listener.",
        normal="Steady: a handful per client and broker.",
        otherwise="Grows: a client does not reuse its connections.",
    ),
])  # fmt: skip

STORAGE = Row("Logs", [
    lines(
        "Size by topic", "bytes",
        [Query("sum by (topic) (max by (topic, partition) (kafka_log_log_size"
               f"{BY_TOPIC}))", "{{topic}}")],
        shows="Size of the logs of one replica of each partition, added up.",
        normal="Grows up to the topic's retention; compacted topics go up and down.",
        otherwise="A compacted topic that only grows: the log cleaner has stopped.",
    ),
    lines(
        "Size by broker", "bytes",
        [Query(f"sum by (instance) (kafka_log_log_size{{{BROKERS}}})", "{{instance}}")],
        shows="All logs on a broker's disk.",
        normal="About equal.",
        otherwise="Compare with the disk: a full one stops the broker.",
    ),
    lines(
        "Log flush time, p99", "ms",
        [Query("max by (instance) "
               '(kafka_log_logflushstats_logflushrateandtimems{$scope, quantile="0.99"})',
               "{{instance}}")],
        shows="How long a flush of a log segment to disk takes; Kafka flushes when a segment is "
        "full or a partition is closed.",
        normal="Tens of milliseconds.",
        otherwise="Seconds: the disk is slow or shared.",
    ),
    lines(
        "Follower lag", "short",
        [Query("max by (instance) (kafka_server_replicafetchermanager_maxlag{$scope})",
               "{{instance}}")],
        shows="Records that the furthest follower on a broker is behind its leader.",
        normal="Near 0.",
        otherwise="Grows: this broker cannot follow and falls out of sync.",
        width=12,
    ),
    lines(
        "Disk", "Bps",
        [
            Query("sum by (instance) (rate(kafka_server_kafkaserver_linux_disk_write_bytes{$scope}"
                  "[$__rate_interval]))", "{{instance}} written"),
            Query("sum by (instance) (rate(kafka_server_kafkaserver_linux_disk_read_bytes{$scope}"
                  "[$__rate_interval]))", "{{instance}} read"),
        ],
        shows="What the brokers write to disk and read from it, past the page cache.",
        normal="Writes as bytes in and replication; reads near 0.",
        otherwise="Reads: consumers are so far behind that their records have left the memory.",
        width=12,
    ),
], collapsed=True)  # fmt: skip

JVM = Row("Machines", [
    lines(
        "CPU usage", "percentunit",
        [Query("rate(process_cpu_seconds_total{$scope}[$__rate_interval])", "{{instance}}")],
        shows="Processor time per node; 100 % is one core.",
        normal="A controller takes a few per cent.",
        otherwise="At the container's limit: request handlers are no longer idle either.",
        width=12,
    ),
    lines(
        "JVM memory used", "bytes",
        [Query("sum by (instance, area) (jvm_memory_used_bytes{$scope})", "{{instance}} {{area}}")],
        shows="Heap and other memory of the JVMs. The page cache, which holds the records, is "
        "not in it.",
        normal="A saw tooth in the heap, the rest flat.",
        otherwise="The heap near its maximum all the time: see the collector beside.",
        width=12,
    ),
    lines(
        "Garbage collection", "percentunit",
        [Query("sum by (instance) (rate(jvm_gc_collection_seconds_sum{$scope}[$__rate_interval]))",
               "{{instance}}")],
        shows="Share of the time spent collecting.",
        normal="Below 5 %.",
        otherwise="Above 10 %: give the heap more; long pauses lose heartbeats and replicas.",
    ),
    lines(
        "Open files", "percentunit",
        [Query("process_open_fds{$scope} / process_max_fds{$scope}", "{{instance}}")],
        shows="Open file descriptors as a share of the limit: two or more per log segment, one "
        "per connection.",
        normal="A few per cent.",
        otherwise="Near 100 %: raise the limit, or have fewer and larger segments.",
        levels=thresholds(GREEN, (0.8, RED)),
    ),
    lines(
        "Threads", "short", [Query("jvm_threads_current{$scope}", "{{instance}}")],
        shows="Threads of each JVM.",
        normal="Steady.",
        otherwise="Grows: look at a thread dump.",
    ),
])  # fmt: skip

GROUPS = Row("Groups and transactions", [
    lines(
        "Groups", "none",
        [Query("sum by (protocol) "
               '(kafka_server_group_coordinator_metrics_group_count{$scope, protocol!=""})',
               "{{protocol}}")],
        shows="Consumer groups that the brokers coordinate, by protocol.",
        normal="kstream has two per application: classic, or consumer with --group-protocol.",
        otherwise="Grows: clients that make a new group with each start.",
    ),
    lines(
        "Partitions of the group coordinators", "none",
        [Query("sum by (state) "
               '(kafka_server_group_coordinator_metrics_num_partitions{$scope, state!=""})',
               "{{state}}")],
        shows="Partitions of __consumer_offsets by the state of their coordinator.",
        normal="All active.",
        otherwise="loading for seconds after a broker went. failed: groups of these partitions "
        "can neither join nor commit; see the log of the broker.",
    ),
    lines(
        "Late transactions", "none",
        [Query("sum by (instance) "
               "(kafka_server_replicamanager_partitionswithlatetransactionscount{$scope})",
               "{{instance}}")],
        shows="Partitions with a transaction that has been open for five minutes more than the "
        "brokers allow (transaction.max.timeout.ms, 15 minutes).",
        normal="0.",
        otherwise="A hanging transaction: readers of committed records stand still. "
        "`kafka-transactions find-hanging`, then `abort`.",
        levels=ANY_IS_BAD,
    ),
], collapsed=True)  # fmt: skip

DASHBOARD = Dashboard(
    uid="kafka",
    title="Kafka",
    description="Health, traffic and request times of the brokers.",
    scrape_interval="10s",
    variables=[
        Variable("job", "Job", 'label_values(up{job=~"kafka-.+"}, job)', "kafka-.+"),
        Variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)'),
        Variable(
            "topic", "Topic",
            "label_values(kafka_server_brokertopicmetrics_messagesin_total"
            '{$scope, topic!=""}, topic)',
            chosen=("financial_transactions", "aggregated_transactions"),
        ),
    ],
    annotations=[
        Annotation(
            "Restarts", "(time() - process_start_time_seconds{$scope}) < 60",
            "{{job}} {{instance}} has started", ORANGE,
        ),
    ],
    rows=[HEALTH, TRAFFIC, REQUESTS, JVM, STORAGE, GROUPS],
)  # fmt: skip
