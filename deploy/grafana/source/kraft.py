"""The quorum of controllers, which holds the cluster's metadata."""

from grafana import (
    GREEN, ORANGE, RED, YELLOW, BLUE,
    Annotation, Dashboard, Query, Row, Variable,
    lines, stat, states, table, thresholds, value_map,
)  # fmt: skip

ANY_IS_BAD = thresholds(GREEN, (1, RED))
RAFT = "kafka_server_raft_metrics_"

QUORUM = Row("Is the quorum well?", [
    stat(
        "Leader", "none", [Query(f"max({RAFT}current_leader{{$scope}})")],
        shows="Node id of the controller that leads the quorum.",
        normal="An id. It changes when the leader is stopped.",
        otherwise="-1: no node knows a leader. Two of three controllers must be up and reach "
        "each other.",
        levels=thresholds(RED, (0, GREEN)), width=4, graph=False,
    ),
    stat(
        "Nodes without a leader", "none",
        [Query(f"count({RAFT}current_leader{{$scope}} == -1) or vector(0)")],
        shows="Controllers and brokers that know of no leader.",
        normal="0.",
        otherwise="For longer than an election: this node cannot reach the quorum.",
        levels=ANY_IS_BAD, width=4, graph=False,
    ),
    stat(
        "Epoch", "none", [Query(f"max({RAFT}current_epoch{{$scope}})")],
        shows="Number of the current leader's term.",
        normal="Goes up by one or two with each election.",
        otherwise="Rises steadily: elections that come to nothing, or leaders that are lost "
        "again; see the election latency and the network between controllers.",
        width=4,
    ),
    stat(
        "Active controllers", "none",
        [Query("sum(kafka_controller_kafkacontroller_activecontrollercount{$scope})")],
        shows="Controllers that act as the leader.",
        normal="1.",
        otherwise="0: topics, leaders and broker registrations cannot change.",
        levels=thresholds(RED, (1, GREEN), (2, RED)), width=4, graph=False,
    ),
    stat(
        "Metadata errors", "none",
        [
            Query("max(kafka_controller_kafkacontroller_metadataerrorcount{$scope})",
                  "controllers"),
            Query("max(kafka_server_broker_metadata_metrics_metadata_load_error_count{$scope} + "
                  "kafka_server_broker_metadata_metrics_metadata_apply_error_count{$scope})",
                  "brokers"),
        ],
        shows="Records of the metadata log that a node could not load or apply.",
        normal="0.",
        otherwise="The node works with an old picture of the cluster: restart it, and keep its "
        "log for a bug report.",
        levels=ANY_IS_BAD, width=4, graph=False, text="value_and_name",
    ),
    stat(
        "Voters not reached", "none",
        [Query(f"max({RAFT}number_unknown_voter_connections{{$scope}})")],
        shows="Voters whose connection is unknown to a node, the worst node.",
        normal="0.",
        otherwise="A controller is down, or its address in the quorum's configuration is wrong.",
        levels=thresholds(GREEN, (1, YELLOW)), width=4, graph=False,
    ),
    states(
        "Roles", "none",
        [Query(f'max by (instance) (0 * {RAFT}current_state{{$scope, state="leader"}} + 4 or '
               f'0 * {RAFT}current_state{{$scope, state="follower"}} + 3 or '
               f'0 * {RAFT}current_state{{$scope, state="observer"}} + 2 or '
               f"0 * {RAFT}current_state{{$scope}} + 1)", "{{instance}}")],
        shows="Role of each node in the quorum: voters are controllers, brokers observe.",
        normal="One leader, the other controllers followers, all brokers observers.",
        otherwise="electing for longer than a second or two: no majority can be reached.",
        mappings=[value_map(v4=("leader", GREEN), v3=("follower", BLUE), v2=("observer", "text"),
                            v1=("electing", ORANGE))],
        width=12, height=8,
    ),
    table(
        "Nodes", "none",
        {
            "leader": f"max by (job, instance) ({RAFT}current_leader{{$scope}})",
            "epoch": f"max by (job, instance) ({RAFT}current_epoch{{$scope}})",
            "log end": f"max by (job, instance) ({RAFT}log_end_offset{{$scope}})",
            "high watermark": f"max by (job, instance) ({RAFT}high_watermark{{$scope}})",
        },
        shows="What each node knows: the leader, the term, the end of its metadata log and what "
        "of it is committed.",
        normal="The same leader and epoch everywhere, ends within a few records.",
        otherwise="A node that differs is cut off or far behind.",
        key=("job", "instance"),
    ),
])  # fmt: skip

LOG = Row("Metadata log", [
    lines(
        "Behind the leader", "short",
        [Query(f"scalar(max({RAFT}log_end_offset{{$scope}})) - {RAFT}log_end_offset{{$scope}}",
               "{{instance}}")],
        shows="Records that a node's metadata log lacks, against the longest one.",
        normal="A few: nodes are scraped at different moments.",
        otherwise="Grows on one node: it cannot follow, and a broker so far behind is fenced.",
    ),
    lines(
        "Not yet committed", "short",
        [Query(f"{RAFT}log_end_offset{{$scope}} - {RAFT}high_watermark{{$scope}}",
               "{{instance}}")],
        shows="Records at the end of the log that no majority has yet.",
        normal="Near 0.",
        otherwise="Grows on the leader: followers do not fetch.",
    ),
    lines(
        "Records appended", "cps",
        [Query(f"{RAFT}append_records_rate{{$scope}}", "{{instance}}")],
        shows="Records that a node appends to the metadata log.",
        normal="A few per second: the leader writes a no-op twice a second.",
        otherwise="0 on the leader: no leader. Hundreds: topics or partitions are being changed "
        "in bulk.",
    ),
    lines(
        "Commit latency", "ms",
        [
            Query(f"{RAFT}commit_latency_avg{{$scope}}", "{{instance}} mean"),
            Query(f"{RAFT}commit_latency_max{{$scope}}", "{{instance}} max"),
        ],
        shows="From appending a record to its commit by a majority. Only the leader has it.",
        normal="Tens of milliseconds.",
        otherwise="Hundreds: slow disks of the controllers, or the network between them.",
    ),
    lines(
        "Election latency", "ms",
        [
            Query(f"{RAFT}election_latency_avg{{$scope}}", "{{instance}} mean"),
            Query(f"{RAFT}election_latency_max{{$scope}}", "{{instance}} max"),
        ],
        shows="From becoming a candidate to knowing a leader. Without an election of late there "
        "is nothing to show.",
        normal="No line, or below a second.",
        otherwise="Seconds: controllers do not reach each other.",
    ),
    lines(
        "Quorum thread idle", "percentunit",
        [Query(f"{RAFT}poll_idle_ratio_avg{{$scope}}", "{{instance}}")],
        shows="Share of the time in which the thread that replicates the metadata waits.",
        normal="Near 100 %.",
        otherwise="Low: the node is short of processor time.",
        high=1,
    ),
])  # fmt: skip

CONTROLLER = Row("Controller", [
    lines(
        "Event queue time", "ms",
        [Query('max by (instance, quantile) (kafka_controller_controllereventmanager_'
               'eventqueuetimems{$scope, quantile=~"0.5.*|0.99"})',
               "{{instance}} {{quantile}}")],
        shows="How long an event waits for the controller's only thread.",
        normal="A few milliseconds.",
        otherwise="Hundreds: the controller is overloaded, and heartbeats of brokers come late.",
    ),
    lines(
        "Event processing time", "ms",
        [Query('max by (instance, quantile) (kafka_controller_controllereventmanager_'
               'eventqueueprocessingtimems{$scope, quantile=~"0.5.*|0.99"})',
               "{{instance}} {{quantile}}")],
        shows="How long the controller takes for an event.",
        normal="Below a millisecond in the median.",
        otherwise="Seconds: very large changes of metadata, or a slow disk.",
    ),
    lines(
        "Broker heartbeats that timed out", "short",
        [Query("max by (instance) "
               "(kafka_controller_kafkacontroller_timedoutbrokerheartbeatcount{$scope})",
               "{{instance}}")],
        shows="Sessions of brokers that the controller has ended, since its start.",
        normal="Flat.",
        otherwise="Each step is a broker that was fenced: it crashed, paused or was cut off.",
    ),
    lines(
        "Brokers", "none",
        [
            Query("max(kafka_controller_kafkacontroller_activebrokercount{$scope})", "active"),
            Query("max(kafka_controller_kafkacontroller_fencedbrokercount{$scope})", "fenced"),
        ],
        shows="Registered brokers.",
        normal="3 active, 0 fenced.",
        otherwise="See the Kafka dashboard.",
    ),
    lines(
        "Topics and partitions", "short",
        [
            Query("max(kafka_controller_kafkacontroller_globaltopiccount{$scope})", "topics"),
            Query("max(kafka_controller_kafkacontroller_globalpartitioncount{$scope})",
                  "partitions"),
        ],
        shows="What the metadata names, Kafka's own topics included.",
        normal="Steady.",
        otherwise="Grows: somebody makes topics.",
    ),
    lines(
        "Elections of partition leaders", "cps",
        [
            Query("sum(rate(kafka_controller_controllerstats_uncleanleaderelections_total{$scope}"
                  "[$__rate_interval]))", "unclean"),
            Query("sum(rate(kafka_controller_controllerstats_"
                  "electionfromeligibleleaderreplicas_total{$scope}[$__rate_interval]))",
                  "from eligible replicas"),
        ],
        shows="Leaders of partitions that were elected from outside the set in sync: unclean "
        "ones, and those from replicas that are known to have every committed record.",
        normal="0.",
        otherwise="Unclean: committed records may be lost. Eligible: all replicas in sync were "
        "gone at once, nothing is lost.",
    ),
])  # fmt: skip

DASHBOARD = Dashboard(
    uid="kraft",
    title="KRaft quorum",
    description="The controllers: who leads, how far the others are behind, how busy they are.",
    scrape_interval="10s",
    variables=[
        Variable("job", "Job", 'label_values(up{job=~"kafka-.+"}, job)', "kafka-.+"),
        Variable("instance", "Instance", 'label_values(up{job=~"$job"}, instance)'),
    ],
    annotations=[
        Annotation(
            "New term", f"changes({RAFT}current_epoch{{$scope, job=~\".*controller.*\"}}[1m]) > 0",
            "{{instance}}: a new term of the quorum", BLUE,
        ),
        Annotation(
            "Restarts", "(time() - process_start_time_seconds{$scope}) < 60",
            "{{job}} {{instance}} has started", ORANGE,
        ),
    ],
    rows=[QUORUM, LOG, CONTROLLER],
)  # fmt: skip
