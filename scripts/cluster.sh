#!/usr/bin/env bash
# A real Kafka cluster for development and tests: KRaft, three controllers and three brokers, each
# its own JVM, on loopback addresses only. It is what production is in small: replication 3, min ISR
# 2, also for Kafka's own topics, no automatic topics, no unclean elections.
#
#   cluster.sh up                 starts what is not running; returns when the cluster is ready: all
#                                 brokers unfenced, coordinator topics in full ISR, transactions
#                                 work
#   cluster.sh up --secure        the same with a second listener on each broker, where clients need
#                                 TLS, a password and rights; stays so until `down`
#   cluster.sh up --single        broker-1 alone, which is its own controller, without replication;
#                                 stays so until `down --wipe`
#   cluster.sh down [--wipe]      brokers first, then controllers; --wipe removes the data as well
#   cluster.sh status             what runs and how it is; exit code 0 only when it is ready
#   cluster.sh kill NODE          SIGKILL, as a crash
#   cluster.sh stop NODE          SIGTERM and wait: a clean shutdown
#   cluster.sh start NODE         starts one node and waits until it serves again
#   cluster.sh tool NAME ARGS...  one of Kafka's own tools, by the name of its script without .sh:
#                                 kafka-topics, kafka-console-consumer, kafka-consumer-groups, ...
#
# NODE is controller-1, -2, -3 or broker-1, -2, -3. Brokers listen on localhost:29092, 39092, 49092.
# The secure listeners are localhost:28092 to 28094 (SASL_SSL, SCRAM-SHA-512), the authority of
# their certificates is build/cluster/secure/ca.pem. Nobody has a password or rights there before
# somebody grants them, at a plain listener: who comes in by those is the administrator.
#
# Nodes use Java's quick compiler alone, which is best for tests of minutes. For measurements:
# KSTREAM_CLUSTER_JVM_OPTIONS=-XX:TieredStopAtLevel=4, as every Kafka in production has it.
#
# Data, logs and pids are in build/cluster; KSTREAM_CLUSTER_DIR names another folder (the ports stay
# the same, so only one cluster runs at a time).
#
# KSTREAM_CLUSTER_JVM_OPTIONS: options for the JVM of each node that is started, divided at blanks.
# @PORT@ in them becomes a port of the node's own: 29300 to 29302 for the brokers and 29310 to 29312
# for the controllers. tests/deploy/seen_metrics.py uses it for the JMX exporter.
#
# KSTREAM_CLUSTER_TIMES=stock: nodes that are started keep Kafka's own times for sessions,
# rebalances and abandoned transactions, instead of the short ones that tests want.
#
# KSTREAM_CLUSTER_PROPERTIES: more properties for each node that is started, divided at blanks,
# which stand over those here.
#
# KSTREAM_CLUSTER_USERS: nodes that are started run as users of their own, with this number and the
# node's id added, and root's rights to files. tests/chaos/packets.py tells their packets apart by
# that. Needs root.
#
# Each broker also listens at 29192 to 29194 for clients that come through a proxy of the tests
# (tests/integration/harness/proxy.py): there it gives 29292 to 29294 as its address.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=scripts/lib/kafka.sh
. "$here/lib/kafka.sh"

cluster_dir="$(realpath -m -- "${KSTREAM_CLUSTER_DIR:-$KSTREAM_BUILD/cluster}")"
# There while the cluster is one broker.
single_mark="$cluster_dir/single"
# As the kernel writes them; 293xx are for KSTREAM_CLUSTER_JVM_OPTIONS.
readonly RESERVED_PORTS=28092-28094,29092-29095,29192-29194,29292-29294,29300-29302,29310-29312,\
39092,49092
# Where the secure listeners' certificates are, and whether there are such listeners.
secure_dir="$cluster_dir/secure"
readonly READY_SECONDS=90
# For a client's connection that was given the port of a node, and has it for 60 s after its end.
readonly FREE_SECONDS=65
readonly STOP_SECONDS=20
# The last controllers to go have nobody to hand the quorum to and would wait 5 s for it. Their log
# is on disk with every append, so ending them loses nothing.
readonly QUORUM_STOP_SECONDS=1

usage() {
  # The comment at the top, without its marks.
  sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"
}

is_single() { [ -e "$single_mark" ]; }

choose_nodes() {
  if is_single; then
    CONTROLLERS=()
    BROKERS=(broker-1)
    BROKER_ADDRESSES=127.0.0.1:29092
    QUORUM=1@127.0.0.1:29093
    REPLICAS=1 MIN_INSYNC=1
  else
    CONTROLLERS=(controller-1 controller-2 controller-3)
    BROKERS=(broker-1 broker-2 broker-3)
    BROKER_ADDRESSES=127.0.0.1:29092,127.0.0.1:39092,127.0.0.1:49092
    QUORUM=101@127.0.0.1:29093,102@127.0.0.1:29094,103@127.0.0.1:29095
    REPLICAS=3 MIN_INSYNC=2
  fi
  NODES=("${CONTROLLERS[@]}" "${BROKERS[@]}")
  readonly CONTROLLERS BROKERS NODES BROKER_ADDRESSES QUORUM REPLICAS MIN_INSYNC
}

probe() { python3 "$here/lib/kafka_probe.py" "$@"; }

# ---- nodes -------------------------------------------------------------------------------------

is_controller() { [[ "$1" == controller-* ]]; }
number_of() { printf '%s' "${1##*-}"; }
node_id() {
  if is_controller "$1"; then printf '10%s' "$(number_of "$1")"; else number_of "$1"; fi
}
# Brokers have the ports that --brokers names by default. All others are below 32768, where no
# client is given one (see reserve_ports).
node_port() {
  if is_controller "$1"; then
    own_port 29093 "$1"
  else
    printf '%s9092' "$(($(number_of "$1") + 1))"
  fi
}
# own_port FIRST NODE: that of the node in a row of three.
own_port() { printf '%s' "$(($1 + $(number_of "$2") - 1))"; }

require_node() {
  local node
  for node in "${NODES[@]}"; do
    [ "$node" != "${1:-}" ] || return 0
  done
  die "no such node: '${1:-}' (nodes are: ${NODES[*]})"
}

# The pid of a node that runs. A pid file alone proves nothing: the number may belong to another
# process by now, so the process must name our configuration file.
running_pid() {
  local file="$cluster_dir/$1/pid" pid arguments
  [ -r "$file" ] && pid="$(<"$file")" || return 1
  { mapfile -d '' -t arguments <"/proc/$pid/cmdline"; } 2>/dev/null || return 1
  [ "${#arguments[@]}" -gt 0 ] || return 1
  [ "${arguments[-1]}" = "$cluster_dir/$1/server.properties" ] || return 1
  printf '%s' "$pid"
}

is_secure() { [ -s "$secure_dir/ca.pem" ]; }

write_listeners() {
  local node="$1" port secure_port listeners advertised protocols roles=broker
  port="$(node_port "$node")"
  if is_controller "$node"; then
    cat <<CONF
process.roles=controller
listeners=CONTROLLER://127.0.0.1:$port
CONF
  else
    listeners="PLAINTEXT://127.0.0.1:$port,PROXIED://127.0.0.1:$(own_port 29192 "$node")"
    advertised="PLAINTEXT://localhost:$port,PROXIED://127.0.0.1:$(own_port 29292 "$node")"
    protocols=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT
    if is_secure; then
      secure_port="$(own_port 28092 "$node")"
      listeners+=",SECURE://127.0.0.1:$secure_port"
      advertised+=",SECURE://localhost:$secure_port"
      protocols+=,SECURE:SASL_SSL
      cat <<CONF
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=\
org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PEM
listener.name.secure.ssl.keystore.location=$secure_dir/localhost.pem
CONF
    fi
    if is_single; then
      roles=broker,controller
      listeners+=",CONTROLLER://${QUORUM#*@}"
    fi
    cat <<CONF
process.roles=$roles
listeners=$listeners
advertised.listeners=$advertised
listener.security.protocol.map=$protocols
CONF
  fi
  # Controllers decide as well: they take what brokers pass on to them.
  if is_secure; then
    cat <<CONF
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS
CONF
  fi
}

write_properties() {
  local node="$1"
  write_listeners "$node"
  cat <<CONF
node.id=$(node_id "$node")
controller.quorum.voters=$QUORUM
controller.listener.names=CONTROLLER
log.dirs=$cluster_dir/$node/data

# As in production: nothing acknowledged is lost while one of three brokers is gone.
default.replication.factor=$REPLICAS
min.insync.replicas=$MIN_INSYNC
unclean.leader.election.enable=false
auto.create.topics.enable=false
num.partitions=6
offsets.topic.replication.factor=$REPLICAS
transaction.state.log.replication.factor=$REPLICAS
transaction.state.log.min.isr=$MIN_INSYNC
share.coordinator.state.topic.replication.factor=$REPLICAS
share.coordinator.state.topic.min.isr=$MIN_INSYNC

# In small: quick to start.
offsets.topic.num.partitions=12
transaction.state.log.num.partitions=12
share.coordinator.state.topic.num.partitions=3

# For a machine of two cores that six JVMs share with what they are for.
num.network.threads=2
num.io.threads=4
background.threads=2
log.cleaner.dedupe.buffer.size=16777216
CONF
  [ "${KSTREAM_CLUSTER_TIMES:-}" = stock ] || cat <<CONF

# Quick to notice a dead node or an abandoned transaction.
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=5000
group.consumer.min.heartbeat.interval.ms=500
group.consumer.heartbeat.interval.ms=1000
broker.heartbeat.interval.ms=1000
broker.session.timeout.ms=6000
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
CONF
  # shellcheck disable=SC2086
  [ -z "${KSTREAM_CLUSTER_PROPERTIES:-}" ] || printf '%s\n' $KSTREAM_CLUSTER_PROPERTIES
}

# What KSTREAM_CLUSTER_JVM_OPTIONS is for this node, in the array `extra_options`.
read_extra_options() {
  local options="${KSTREAM_CLUSTER_JVM_OPTIONS:-}" first=29300
  ! is_controller "$1" || first=29310
  read -r -a extra_options <<<"${options//@PORT@/$(own_port "$first" "$1")}"
}

# 39092 and 49092 lie in the range that the kernel takes local ports of outgoing connections from.
# While a node is down, any client may be given its port; one that tries to reach it may even
# connect to itself, and the node cannot come back: "Address already in use". So they are reserved.
# A connection that has one already keeps it: see launch.
reserve_ports() {
  local setting=/proc/sys/net/ipv4/ip_local_reserved_ports now
  now="$(<"$setting")"
  [[ ",$now," != *",$RESERVED_PORTS,"* ]] || return 0
  now="${now:+$now,}$RESERVED_PORTS"
  { printf '%s' "$now" >"$setting"; } 2>/dev/null && return
  { have sudo && sudo -n sh -c "printf %s $now >$setting"; } 2>/dev/null && return
  warn "the cluster's ports cannot be reserved without root: a node may find its port taken"
}

# Data folders as Kafka's storage tool makes them: an identity, and the feature levels that the real
# tool wrote once in kafka_prepare.
format_node() {
  local node="$1" data="$cluster_dir/$1/data"
  [ ! -e "$data/meta.properties" ] || return 0
  mkdir -p "$data"
  cp "$KAFKA_BOOTSTRAP_CHECKPOINT" "$data/bootstrap.checkpoint"
  cat >"$data/meta.properties" <<CONF
version=1
cluster.id=$(<"$cluster_dir/cluster.id")
node.id=$(node_id "$node")
directory.id=$(probe new-id)
CONF
}

launch() {
  local node="$1" dir="$cluster_dir/$1" memory extra_options reason as_user=()
  read_extra_options "$node"
  reason="$(probe wait-free "$FREE_SECONDS" "127.0.0.1:$(node_port "$node")" 2>&1)" ||
    die "$node cannot start: $reason"
  mkdir -p "$dir"
  [ -s "$cluster_dir/cluster.id" ] || probe new-id >"$cluster_dir/cluster.id"
  format_node "$node"
  write_properties "$node" >"$dir/server.properties"
  [ ! -e "$dir/server.log" ] || mv -f "$dir/server.log" "$dir/server.log.1"
  # Nodes live for minutes here: the quick compiler alone, and collectors without threads of their
  # own in the background. The optimizing compiler takes seconds of both cores from what the cluster
  # is for, before it pays: `kstream produce --count 5000000` right after a first start made 244,000
  # records/s with it and 464,000 without, one run each.
  if is_controller "$node"; then
    memory=(-Xms64m -Xmx256m -XX:+UseSerialGC -XX:TieredStopAtLevel=1)
  else
    memory=(-Xms256m -Xmx768m -XX:+UseParallelGC -XX:TieredStopAtLevel=1)
  fi
  [ -z "${KSTREAM_CLUSTER_USERS:-}" ] ||
    as_user=(setpriv "--reuid=$((KSTREAM_CLUSTER_USERS + $(node_id "$node")))" --clear-groups
      --inh-caps=+dac_override --ambient-caps=+dac_override)
  # A session of its own, so that Ctrl-C in the terminal that started it does not reach it, and
  # without our lock, which it would hold for as long as it lives.
  (
    cd "$dir"
    exec setsid "${as_user[@]}" "${KAFKA_JAVA[@]}" "${memory[@]}" "${extra_options[@]}" \
      kafka.Kafka "$dir/server.properties"
  ) >"$dir/server.log" 2>&1 </dev/null {lock}>&- &
  printf '%s\n' "$!" >"$dir/pid"
}

# kill_and_wait SIGNAL SECONDS NODE... : all at once; what has not ended in time gets a SIGKILL.
kill_and_wait() {
  local signal="$1" patience="$2" node pid deadline
  local -A waiting=()
  shift 2
  for node in "$@"; do
    if pid="$(running_pid "$node")"; then
      waiting[$node]="$pid"
      kill "-$signal" "$pid" 2>/dev/null || true
    fi
  done
  deadline=$((SECONDS + patience))
  while [ "${#waiting[@]}" -gt 0 ]; do
    for node in "${!waiting[@]}"; do
      if ! running_pid "$node" >/dev/null; then
        rm -f "$cluster_dir/$node/pid"
        unset "waiting[$node]"
      elif [ "$SECONDS" -ge "$deadline" ]; then
        is_controller "$node" || warn "$node did not stop within $patience s: killing it"
        kill -KILL "${waiting[$node]}" 2>/dev/null || true
      fi
    done
    [ "${#waiting[@]}" -eq 0 ] || sleep 0.1
  done
}

# A node that ended on its own while we wait for it: show why instead of waiting. By its pid alone:
# on a busy machine it may not have become Java yet.
require_alive() {
  local node
  for node in "$@"; do
    kill -0 "$(<"$cluster_dir/$node/pid")" 2>/dev/null || {
      tail -n 15 "$cluster_dir/$node/server.log" >&2
      die "$node stopped right after its start; its log is $cluster_dir/$node/server.log"
    }
  done
}

# wait_for NODES PROBE_COMMAND ARGS... : the probe in short turns, the nodes' lives in between.
wait_for() {
  local nodes="$1" command="$2" deadline=$((SECONDS + READY_SECONDS)) reason
  shift 2
  # shellcheck disable=SC2086 # a list of node names
  until reason="$(probe "$command" 2 "$@" 2>&1)"; do
    require_alive $nodes
    [ "$SECONDS" -lt "$deadline" ] || die "the cluster is not ready after $READY_SECONDS s: $reason"
  done
}

# ---- commands ----------------------------------------------------------------------------------

# Certificates for the secure listeners. A broker reads its listeners only when it starts.
make_secure() {
  local node
  for node in "${NODES[@]}"; do
    ! running_pid "$node" >/dev/null ||
      die "the cluster runs without secure listeners: 'cluster.sh down' first"
  done
  sh "$KSTREAM_ROOT/deploy/secure/generate.sh" certificates "$secure_dir" localhost 2>/dev/null ||
    die "no certificates could be made: is openssl there"
}

make_single() {
  [ ! -e "$cluster_dir/controller-1" ] ||
    die "the data of three brokers are there: 'cluster.sh down --wipe' first"
  : >"$single_mark"
}

command_up() {
  local node started new=0
  started="$(now_ms)"
  [ "${1:-}" != --single ] || is_single || make_single
  choose_nodes
  case "${1:-}" in
    '' | --single) ;;
    --secure) is_secure || make_secure ;;
    *) die "up knows --secure and --single only, not '$1'" ;;
  esac
  reserve_ports
  for node in "${NODES[@]}"; do
    running_pid "$node" >/dev/null || {
      launch "$node"
      new=$((new + 1))
    }
  done
  if [ "$new" -eq 0 ] && probe check "$BROKER_ADDRESSES" 2>/dev/null; then
    say "cluster: already up, brokers at ${BROKER_ADDRESSES//127.0.0.1/localhost}"
    return
  fi
  wait_for "${NODES[*]}" wait-ready "$BROKER_ADDRESSES"
  say "cluster: ready after $(seconds_since "$started") s, brokers at" \
    "${BROKER_ADDRESSES//127.0.0.1/localhost}"
}

command_down() {
  local started node
  case "${1:-}" in
    '' | --wipe) ;;
    *) die "down knows --wipe only, not '$1'" ;;
  esac
  started="$(now_ms)"
  # Brokers need the controllers to hand over their partitions.
  kill_and_wait TERM "$STOP_SECONDS" "${BROKERS[@]}"
  kill_and_wait TERM "$QUORUM_STOP_SECONDS" "${CONTROLLERS[@]}"
  rm -rf "$secure_dir"
  if [ "${1:-}" = --wipe ]; then
    for node in "${NODES[@]}"; do
      rm -rf "${cluster_dir:?}/$node"
    done
    rm -f "$cluster_dir/cluster.id" "$single_mark"
  fi
  say "cluster: down after $(seconds_since "$started") s${1:+, data removed}"
}

command_start() {
  local node="$1" started
  require_node "$node"
  if running_pid "$node" >/dev/null; then
    say "cluster: $node runs already"
    return
  fi
  started="$(now_ms)"
  launch "$node"
  if is_controller "$node"; then
    wait_for "$node" wait-port "127.0.0.1:$(node_port "$node")"
  else
    wait_for "$node" wait-broker "$(node_id "$node")" "127.0.0.1:$(node_port "$node")"
  fi
  say "cluster: $node serves after $(seconds_since "$started") s"
}

# command_end SIGNAL NODE
command_end() {
  require_node "${2:-}"
  if ! running_pid "$2" >/dev/null; then
    say "cluster: $2 does not run"
    return
  fi
  kill_and_wait "$1" "$STOP_SECONDS" "$2"
  say "cluster: $2 has ended"
}

command_status() {
  local node pid
  for node in "${NODES[@]}"; do
    if pid="$(running_pid "$node")"; then
      printf '%-13s pid %-8s 127.0.0.1:%s\n' "$node" "$pid" "$(node_port "$node")"
    else
      printf '%-13s stopped\n' "$node"
    fi
  done
  probe status "$BROKER_ADDRESSES"
  probe check "$BROKER_ADDRESSES" && say "ready"
}

command_tool() {
  local class
  case "${1:-}" in
    kafka-topics) class=org.apache.kafka.tools.TopicCommand ;;
    kafka-configs) class=kafka.admin.ConfigCommand ;;
    kafka-console-consumer) class=org.apache.kafka.tools.consumer.ConsoleConsumer ;;
    kafka-console-producer) class=org.apache.kafka.tools.ConsoleProducer ;;
    kafka-consumer-groups) class=org.apache.kafka.tools.consumer.group.ConsumerGroupCommand ;;
    kafka-consumer-perf-test) class=org.apache.kafka.tools.ConsumerPerformance ;;
    kafka-producer-perf-test) class=org.apache.kafka.tools.ProducerPerformance ;;
    kafka-transactions) class=org.apache.kafka.tools.TransactionsCommand ;;
    kafka-get-offsets) class=org.apache.kafka.tools.GetOffsetShell ;;
    kafka-delete-records) class=org.apache.kafka.tools.DeleteRecordsCommand ;;
    kafka-dump-log) class=org.apache.kafka.tools.DumpLogSegments ;;
    kafka-log-dirs) class=org.apache.kafka.tools.LogDirsCommand ;;
    kafka-leader-election) class=org.apache.kafka.tools.LeaderElectionCommand ;;
    kafka-metadata-quorum) class=org.apache.kafka.tools.MetadataQuorumCommand ;;
    kafka-broker-api-versions) class=org.apache.kafka.tools.BrokerApiVersionsCommand ;;
    kafka-reassign-partitions) class=org.apache.kafka.tools.reassign.ReassignPartitionsCommand ;;
    kafka-acls) class=org.apache.kafka.tools.AclCommand ;;
    kafka-features) class=org.apache.kafka.tools.FeatureCommand ;;
    *) die "unknown tool '${1:-}': see command_tool in scripts/cluster.sh" ;;
  esac
  shift
  exec "${KAFKA_JAVA[@]}" -Dkstream.log.level=warn -Dkstream.log.target=SYSTEM_ERR -Xmx512m \
    -XX:+UseSerialGC "$class" "$@"
}

main() {
  local command="${1:-}"
  case "$command" in
    up | down | start | stop | kill | status | tool) shift ;;
    help | --help | -h)
      usage
      return
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  [ -s "$KAFKA_BOOTSTRAP_CHECKPOINT" ] || die "Apache Kafka is not installed: run scripts/setup.sh"
  # `up` may yet decide which.
  [ "$command" = up ] || choose_nodes
  case "$command" in
    tool) command_tool "$@" ;;
    status) command_status ;;
    *)
      # Two commands at once would start a node twice, or wipe under a start.
      mkdir -p "$cluster_dir"
      exec {lock}>"$cluster_dir/.lock"
      flock "$lock"
      case "$command" in
        up) command_up "$@" ;;
        down) command_down "$@" ;;
        start) command_start "${1:-}" ;;
        stop) command_end TERM "${1:-}" ;;
        kill) command_end KILL "${1:-}" ;;
      esac
      ;;
  esac
}

main "$@"
