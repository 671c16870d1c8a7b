#!/usr/bin/env bash
# The main job, end to end, on a real cluster: three brokers, three workers, a million transactions,
# exact totals per seller, and an independent program that recomputes them. Then what one worker
# does with the same million when nobody produces, and the latency at 2,000 records a second.
#
#   demo.sh                  everything, then stop what it started
#   demo.sh --kill           kill -9 one of the workers half way
#   demo.sh --keep           leave the workers and the cluster up, and say what to try next
#   demo.sh --stop           stop what --keep left running
#   demo.sh --count N        records to produce (default 1000000)
#
# Installs what is missing and builds first, unless KSTREAM names a binary. Exit code 0 only when
# the totals are exact. A cluster that was up before stays up. Topics and groups are its own
# (demo-...), re-created in each run.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"
cd "$KSTREAM_ROOT"

readonly BROKERS=localhost:29092,localhost:39092,localhost:49092
readonly APPLICATION=demo
readonly SOURCE=demo-transactions RESULTS=demo-totals
# Of the second reading of the source; its topics are gone when the demonstration has ended.
readonly AGAIN=demo-again AGAIN_RESULTS=demo-again-totals
readonly WORKERS=3
readonly STOP_SECONDS=8
kstream="${KSTREAM:-$KSTREAM_BUILD/release/bin/kstream}"
demo_dir="$KSTREAM_BUILD/demo"

count=1000000
keep=0
kill_one=0
cluster_is_ours=0
worker_pids=()
worker_ports=()
producer_pid=''
watch_pid=''
figures_pid=''

usage() { sed -n '2,/^set /{/^set /d;s/^# \{0,1\}//;p}' "${BASH_SOURCE[0]}"; }

# ---- the end, however it comes -------------------------------------------------------------------

# A pid alone proves nothing: the number may belong to another process by now.
is_ours() { tr '\0' ' ' 2>/dev/null <"/proc/$1/cmdline" | grep -q -- " -t $SOURCE "; }

# end_processes PID... : SIGTERM, and SIGKILL for what has not ended in time.
end_processes() {
  local pid deadline=$((SECONDS + STOP_SECONDS)) left
  for pid in "$@"; do
    ! is_ours "$pid" || kill -TERM "$pid" 2>/dev/null || true
  done
  while :; do
    left=0
    for pid in "$@"; do
      is_ours "$pid" || continue
      left=1
      [ "$SECONDS" -lt "$deadline" ] || kill -KILL "$pid" 2>/dev/null || true
    done
    [ "$left" -eq 1 ] || return 0
    sleep 0.05
  done
}

clean_up() {
  local status=$?
  trap - EXIT
  trap '' INT TERM # no second one in the middle of this
  if [ "$keep" -eq 1 ] && [ "$status" -eq 0 ]; then
    exit 0
  fi
  # Its input ends, and so does it.
  if [ -n "$watch_pid" ]; then
    exec 7>&-
    kill "$watch_pid" 2>/dev/null || true
  fi
  if [ -n "$figures_pid" ]; then
    kill "$figures_pid" 2>/dev/null || true
    wait "$figures_pid" || true
    delete_again || true
  fi
  end_processes ${producer_pid:+"$producer_pid"} "${worker_pids[@]}"
  rm -f "$demo_dir/pids"
  if [ "$cluster_is_ours" -eq 1 ]; then
    "$here/cluster.sh" down
  fi
  exit "$status"
}

# ---- the parts -----------------------------------------------------------------------------------

# build PRESET : the binary alone.
build() {
  [ -e "build/$1/build.ninja" ] || cmake --preset "$1"
  cmake --build "build/$1" --target kstream -j "$(nproc)"
}

# An existing release build is brought up to date. Without one, the preset that builds the same code
# in the shortest time (docs/adr/0049-quick-build.md): it reports names that collide, which release
# does not know, and then release it is.
build_any() {
  local preset=release
  if [ ! -e build/release/build.ninja ] && step demo-build "build, preset quick" build quick; then
    preset=quick
  else
    step demo-build "build, preset release" build release
  fi
  kstream="$KSTREAM_BUILD/$preset/bin/kstream"
}

delete_again() {
  python3 "$here/lib/kafka_admin.py" delete-topics "$BROKERS" "$AGAIN_RESULTS" \
    "$AGAIN-totals-repartition" "$AGAIN-totals-changelog" "$AGAIN-dead-letters"
  python3 "$here/lib/kafka_admin.py" delete-groups "$BROKERS" "$AGAIN-map" "$AGAIN-totals"
}

begin_anew() {
  if [ -r "$demo_dir/pids" ]; then
    local pids
    mapfile -t pids <"$demo_dir/pids"
    end_processes "${pids[@]}"
  fi
  mkdir -p "$demo_dir"
  rm -f "$demo_dir"/*
  python3 "$here/lib/kafka_admin.py" delete-topics "$BROKERS" "$SOURCE" "$RESULTS" \
    "$APPLICATION-totals-repartition" "$APPLICATION-totals-changelog" "$APPLICATION-dead-letters"
  python3 "$here/lib/kafka_admin.py" delete-groups "$BROKERS" "$APPLICATION-map" \
    "$APPLICATION-totals"
  delete_again
}

names=(-b "$BROKERS" --application-id "$APPLICATION" -t "$SOURCE" --output-topic "$RESULTS")

make_topics() {
  # Append time, so that latency is counted from the append and not from the making of a record.
  "$kstream" create-topics "${names[@]}" --wait 30 \
    --topic-config source.message.timestamp.type=LogAppendTime
}

# wait_for_line FILE PATTERN PID : the first match of a worker's log.
wait_for_line() {
  local deadline=$((SECONDS + 30)) found
  until found="$(grep -oE -m 1 "$2" "$1")"; do
    kill -0 "$3" 2>/dev/null || die "a worker ended: $(tail -n 3 "$1")"
    [ "$SECONDS" -lt "$deadline" ] || die "a worker is not ready: $(tail -n 3 "$1")"
    sleep 0.05
  done
  printf '%s' "$found"
}

start_workers() {
  local n log port
  for ((n = 1; n <= WORKERS; n++)); do
    log="$demo_dir/worker-$n.log"
    # A session shorter than the default: a worker that is killed is missed soon. Not in the
    # terminal's process group, so that Ctrl-C reaches it once, from us, and in order.
    setsid "$kstream" aggregate "${names[@]}" --http 127.0.0.1:0 --session-timeout 6s \
      >"$log" 2>&1 </dev/null 7>&- &
    worker_pids+=("$!")
    disown "$!" # or bash comments on the one that is killed
  done
  printf '%s\n' "${worker_pids[@]}" >"$demo_dir/pids"
  for ((n = 1; n <= WORKERS; n++)); do
    log="$demo_dir/worker-$n.log"
    port="$(wait_for_line "$log" 'http server listens .*port=[0-9]+' "${worker_pids[n - 1]}")"
    worker_ports+=("${port##*=}")
    wait_for_line "$log" 'partitions assigned' "${worker_pids[n - 1]}" >/dev/null
    say "  worker $n: pid ${worker_pids[n - 1]}, http://127.0.0.1:${port##*=}/metrics"
  done
}

start_watch() {
  mkfifo "$demo_dir/watch"
  python3 "$here/lib/demo_watch.py" "$BROKERS" "$SOURCE" "$RESULTS" "$count" <"$demo_dir/watch" &
  watch_pid=$!
  exec 7>"$demo_dir/watch"
}

produce_and_watch() {
  local started victim=0
  started="$(now_ms)"
  "$kstream" produce -b "$BROKERS" -t "$SOURCE" --output-topic "$RESULTS" --count "$count" \
    --seed 7 >"$demo_dir/produce.txt" 2>"$demo_dir/produce.log" </dev/null 7>&- &
  producer_pid=$!
  [ "$kill_one" -eq 0 ] || victim="${worker_pids[1]}"
  say "$started $producer_pid $victim ${worker_ports[*]}" >&7
  wait "$watch_pid" || watched=$?
  watch_pid=''
  wait "$producer_pid" || die "produce: $(tail -n 3 "$demo_dir/produce.log")"
  producer_pid=''
  say "  produce      $(sed -n 's|^records/s *||p' "$demo_dir/produce.txt") records/s," \
    "$(sed -n 's|^MB/s *||p' "$demo_dir/produce.txt") MB/s, acks=all, idempotent"
}

# In the background, so that a signal is handled at once. The workers above stay, idle.
show_figures() {
  local status=0
  python3 "$here/lib/demo_figures.py" "$kstream" "$BROKERS" "$count" \
    --application-id "$AGAIN" -t "$SOURCE" --output-topic "$AGAIN_RESULTS" </dev/null &
  figures_pid=$!
  wait "$figures_pid" || status=$?
  figures_pid=''
  delete_again
  return "$status"
}

# A worker that has ended on its own is a failure, whatever the totals are.
require_workers() {
  local n ended=0
  for ((n = 1; n <= WORKERS; n++)); do
    if [ "$kill_one" -eq 1 ] && [ "$n" -eq 2 ]; then
      continue
    fi
    is_ours "${worker_pids[n - 1]}" && continue
    warn "worker $n has ended: $(tail -n 1 "$demo_dir/worker-$n.log")"
    ended=1
  done
  return "$ended"
}

what_next() {
  local check="tools/check_totals.py ${names[*]:2}"
  cat <<TEXT

The cluster and the workers are up. Try:

  kill -9 ${worker_pids[0]}
                      a worker is gone; the others take over
  scripts/cluster.sh kill broker-1; scripts/cluster.sh start broker-1
                      a broker crashes and comes back
  ${kstream#"$KSTREAM_ROOT"/} produce -t $SOURCE --output-topic $RESULTS --count 500000
                      half a million more
  $check
                      recompute everything again
  curl -s http://127.0.0.1:${worker_ports[2]}/metrics | grep lag_records
                      where a worker stands; /readyz tells whether it has work
  scripts/cluster.sh tool kafka-console-consumer --bootstrap-server localhost:29092 \\
    --topic $RESULTS --from-beginning --isolation-level read_committed
                      the totals as they come (Ctrl-C ends it)
  tail -f build/demo/worker-3.log
                      what a worker says

  scripts/demo.sh --stop; scripts/cluster.sh down
                      the end
TEXT
}

stop_kept() {
  local pids=()
  [ ! -r "$demo_dir/pids" ] || mapfile -t pids <"$demo_dir/pids"
  end_processes "${pids[@]}"
  rm -f "$demo_dir/pids"
  say "demo: no worker runs any more; the cluster: scripts/cluster.sh down"
}

main() {
  local watched=0 started
  while [ "$#" -gt 0 ]; do
    case "$1" in
      --keep) keep=1 ;;
      --kill) kill_one=1 ;;
      --count)
        [[ "${2:-}" =~ ^[1-9][0-9]*$ ]] || die "--count needs a number"
        count="$2"
        shift
        ;;
      --stop)
        stop_kept
        return
        ;;
      -h | --help)
        usage
        return
        ;;
      *)
        usage >&2
        exit 2
        ;;
    esac
    shift
  done
  started="$(now_ms)"
  trap clean_up EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  "$here/setup.sh" --demo
  [ -n "${KSTREAM:-}" ] || build_any
  if ! "$here/cluster.sh" status >/dev/null 2>&1; then
    cluster_is_ours=1
  fi
  step demo-cluster "cluster of three controllers and three brokers" "$here/cluster.sh" up
  step demo-clean "what an earlier run has left is deleted" begin_anew
  step demo-topics "topics" make_topics
  say ''
  start_watch
  say "$WORKERS workers, each a process of its own:"
  start_workers
  say ''
  say "$count transactions into $SOURCE:"
  produce_and_watch
  say ''
  say "The same totals from the source topic, by a program that shares no code with kstream:"
  python3 tools/check_totals.py "${names[@]}" | sed 's/^/  /' || watched=1
  require_workers || watched=1
  [ "$watched" -eq 0 ] || exit 1
  say ''
  say "The same records from the start by one worker under another id, and a steady rate:"
  show_figures
  require_workers
  say ''
  say "demo: exact, after $(seconds_since "$started") s"
  [ "$keep" -eq 0 ] || what_next
}

main "$@"
