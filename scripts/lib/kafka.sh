# shellcheck shell=bash
# How Apache Kafka's programs are started: which Java, which classes, which flags.
# Needs lib/common.sh. Kafka itself is what scripts/setup.sh put into build/deps/kafka.

KAFKA_HOME="$KSTREAM_DEPS/kafka"
# Both are made once by kafka_prepare.
KAFKA_CLASS_ARCHIVE="$KAFKA_HOME/classes.jsa"
KAFKA_BOOTSTRAP_CHECKPOINT="$KAFKA_HOME/bootstrap.checkpoint"

# The archive spares each JVM the parsing and verifying of 5,000 classes, half of its start. A JVM
# that it does not fit goes on without it.
KAFKA_JAVA=(
  java -XX:SharedArchiveFile="$KAFKA_CLASS_ARCHIVE" -Xlog:disable -Xlog:all=error:stderr
  -XX:+PerfDisableSharedMem -Djava.awt.headless=true
  -Dlog4j2.configurationFile="$KSTREAM_ROOT/scripts/lib/log4j2.properties"
  -cp "$KAFKA_HOME/libs/*"
)

# One start and stop of a single small node, so that every later start is quick. It leaves
#   - the class archive,
#   - the bootstrap.checkpoint that Kafka's own storage tool writes: feature levels, no identity.
#     Every node of every cluster gets a copy, which saves running the tool six times.
kafka_prepare() {
  local work="$KSTREAM_DEPS/src/kafka-prepare" ports pid deadline
  rm -rf "$work"
  mkdir -p "$work"
  ports="$(python3 "$KSTREAM_ROOT/scripts/lib/kafka_probe.py" free-ports 2)"
  cat >"$work/server.properties" <<CONF
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:${ports#* }
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:${ports% *},CONTROLLER://127.0.0.1:${ports#* }
advertised.listeners=PLAINTEXT://127.0.0.1:${ports% *}
log.dirs=$work/data
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
CONF
  java -cp "$KAFKA_HOME/libs/*" kafka.tools.StorageTool format \
    --cluster-id "$(python3 "$KSTREAM_ROOT/scripts/lib/kafka_probe.py" new-id)" \
    --config "$work/server.properties"
  cp "$work/data/bootstrap.checkpoint" "$work/"

  java -XX:ArchiveClassesAtExit="$work/classes.jsa" -Xmx512m \
    -Dlog4j2.configurationFile="$KSTREAM_ROOT/scripts/lib/log4j2.properties" \
    -cp "$KAFKA_HOME/libs/*" kafka.Kafka "$work/server.properties" &
  pid=$!
  python3 "$KSTREAM_ROOT/scripts/lib/kafka_probe.py" wait-ready 240 "127.0.0.1:${ports% *}" || {
    kill "$pid"
    return 1
  }
  kill "$pid"
  # As long as the start: it writes the archive now, on a machine that may have other work.
  deadline=$((SECONDS + 240))
  while kill -0 "$pid" 2>/dev/null; do
    [ "$SECONDS" -lt "$deadline" ] || kill -9 "$pid"
    sleep 0.1
  done
  mv "$work/bootstrap.checkpoint" "$KAFKA_BOOTSTRAP_CHECKPOINT"
  mv -f "$work/classes.jsa" "$KAFKA_CLASS_ARCHIVE"
  rm -rf "$work"
}
