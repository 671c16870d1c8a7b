#!/usr/bin/env bash
# Everything that must pass, from a bare machine to the last test:
#
#   set-up, release build, unit, simulation, mock-cluster, command line, repository and deployment
#   tests, statements against PostgreSQL, instructions per record beside the last release's,
#   integration on a real cluster.
#
#   test.sh                        all of it
#   test.sh --without-integration  what needs no cluster
#   test.sh --full                 all of it, and what takes long (docs/adr/0060): unit tests under
#                                  the sanitizers, every public header compiled alone, tests of the
#                                  tests of deploy/, clang-tidy, a cluster with TLS and rights,
#                                  groups of KIP-848, deploy/ in Docker, chaos of each profile on a
#                                  cluster of its own, an upgrade from the last release and back
#                                  among them, also under the sanitizers, threads, planted bugs,
#                                  fuzzing
#
# A stage that fails does not keep the later ones from running, a build that fails does. Ends with a
# table, what was not run and why, one line of totals, and exit code 0 only when everything passed.
# With CI=true, a test that was skipped has failed, unless it is in the table MAY_BE_SKIPPED.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"
cd "$KSTREAM_ROOT"

with_integration=yes
full=no
case "${1:-}" in
  '') ;;
  --without-integration) with_integration=no ;;
  --full) full=yes ;;
  *) die "unknown option '$1': see the comment at the top of scripts/test.sh" ;;
esac

# What some machines truly cannot run: the name of the test, and what it needs.
declare -rA MAY_BE_SKIPPED=(
  ["cli: page_test"]="chromium: setup.sh --full installs it on Debian, Ubuntu has no package of it"
)

table=()
not_run=()
passed=0
failed=0

# record NAME SECONDS PASSED FAILED
record() {
  table+=("$(printf '%-18s %6ss  %5d passed  %3d failed' "$@")")
  passed=$((passed + $3))
  failed=$((failed + $4))
}

summary() {
  local line
  say ''
  for line in "${table[@]}"; do
    say "$line"
  done
  say ''
  if [ "${#not_run[@]}" -gt 0 ]; then
    say 'not run:'
    printf '  %s\n' "${not_run[@]}" ''
  fi
  say "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
}

# build PRESET TARGET... : configure and build; without a build there is nothing left to do.
build() {
  local preset="$1" started
  started="$(now_ms)"
  if step "test-build-$preset" "build, preset $preset" build_preset "$@"; then
    record "build $preset" "$(seconds_since "$started")" 1 0
  else
    record "build $preset" "$(seconds_since "$started")" 0 1
    summary || exit 1
  fi
}

build_preset() {
  local preset="$1"
  shift
  cmake --preset "$preset" &&
    cmake --build --preset "$preset" -j "$(nproc)" ${1:+--target "$@"}
}

# The number that the test suite's attribute $1 has in ctest's JUnit report $2.
junit_count() { grep -oPm1 "^\s*$1=\"\K[0-9]+" "$2" || printf 0; }

# run_ctest NAME PRESET CTEST_ARGS... : shown as it runs, counted from its report.
run_ctest() {
  local name="$1" preset="$2" started report="$KSTREAM_LOGS/test-$1.xml" total bad status=0
  shift 2
  say ''
  say "== $name (ctest, preset $preset)"
  mkdir -p "$KSTREAM_LOGS"
  rm -f "$report"
  started="$(now_ms)"
  # The whole output of what has passed: it says what was skipped.
  ctest --preset "$preset" --progress --output-junit "$report" \
    --test-output-size-passed 1000000 "$@" || status=$?
  total="$(junit_count tests "$report" 2>/dev/null)"
  bad="$(junit_count failures "$report" 2>/dev/null)"
  # A run that broke down without a count is a failure of its own.
  [ "$status" -eq 0 ] || [ "$bad" -gt 0 ] || total=1 bad=1
  skipped_tests "$report"
  record "$name" "$(seconds_since "$started")" $((total - bad)) $((bad + forbidden_skips))
}

# Of the tests of a JUnit report, puts those of which something was skipped into `not_run`, and the
# number of those that had to run into `forbidden_skips`.
skipped_tests() {
  local test
  forbidden_skips=0
  while IFS= read -r test; do
    not_run+=("$test: needs ${MAY_BE_SKIPPED[$test]:-what its log says}")
    [ "${CI:-}" != true ] || [ -n "${MAY_BE_SKIPPED[$test]:-}" ] ||
      forbidden_skips=$((forbidden_skips + 1))
  done < <(python3 "$here/lib/skipped.py" "$1")
}

# run_script NAME TITLE PRESET SCRIPT ARGS... : a Python program that closes with 'N passed, N
# failed', for the binary of PRESET. It brings its cluster up and down itself.
run_script() {
  run_program "$1" "$2" "$3" python3 "${@:4}"
}

# run_program NAME TITLE PRESET PROGRAM ARGS... : the same for any program.
run_program() {
  local name="$1" title="$2" preset="$3" started log="$KSTREAM_LOGS/test-$1.log" status=0
  local good='' bad=''
  shift 3
  say ''
  say "== $title"
  mkdir -p "$KSTREAM_LOGS"
  started="$(now_ms)"
  KSTREAM="$KSTREAM_BUILD/$preset/bin/kstream" "$@" 2>&1 | tee "$log" || status=$?
  if [[ "$(grep -E '^([A-Za-z]+: )?[0-9]+ passed, [0-9]+ failed' "$log" | tail -n 1)" =~ \
    ([0-9]+)\ passed,\ ([0-9]+)\ failed ]]; then
    good="${BASH_REMATCH[1]}"
    bad="${BASH_REMATCH[2]}"
  fi
  [ "$status" -eq 0 ] || [ "${bad:-0}" -gt 0 ] || bad=1
  record "$name" "$(seconds_since "$started")" "${good:-0}" "${bad:-0}"
}

# run_step NAME TITLE COMMAND... : one thing that passes or fails, its output in a log.
run_step() {
  local name="$1" started status=0
  started="$(now_ms)"
  step "test-$1" "${@:2}" || status=1
  record "$name" "$(seconds_since "$started")" $((1 - status)) "$status"
}

# ---- what takes long: --full ---------------------------------------------------------------------

full_headers() {
  run_step headers "every public header, compiled alone" \
    build_preset release all_verify_interface_header_sets
}

full_sanitizers() {
  # The programs behind the label `unit`: with sanitizers on, every other one would cost minutes.
  build asan kstream_unit_tests record_decoder_cases expression_cases fuzz_replay
  run_ctest sanitizers asan -L '^unit$'
}

full_tidy() {
  run_step clang-tidy "clang-tidy, every file" build_preset tidy
}

# As root on Debian only: docker_host.sh brings an engine and makes Debian's image.
full_docker() {
  # shellcheck source=/dev/null
  if [ "$(id -u)" -ne 0 ] || [ "$(. /etc/os-release && printf '%s' "$ID")" != debian ]; then
    not_run+=("docker: needs root and Debian")
    return
  fi
  run_script docker "deploy/ in Docker" release tests/deploy/docker_test.py
}

full_security() {
  run_script security "security (real cluster)" release tests/integration/run.py --secure
}

full_group_protocol() {
  KSTREAM_TEST_GROUP_PROTOCOL=consumer run_script kip-848 "groups of KIP-848" release \
    tests/integration/run.py --only 'faults_test|late_requests_test|brokers_test|status_test'
}

full_chaos() {
  local profile
  run_script chaos "chaos (real cluster)" release tests/chaos/run.py --minutes 5
  # Those named upgrade build the last release first.
  for profile in truncation partitions compaction static applications statements windows \
    midnight protocol upgrade upgrade_statements; do
    run_script "chaos-$profile" "chaos, profile $profile" release \
      tests/chaos/run.py --minutes 3 --profile "$profile"
  done
}

full_sanitized_chaos() {
  build asan kstream
  run_script chaos-asan "chaos under the sanitizers" asan tests/chaos/run.py --minutes 2 --rate 2000
}

full_thread_sanitizer() {
  build tsan kstream_unit_tests kstream_sim_tests kstream_mock_tests kstream-sim \
    record_decoder_cases expression_cases fuzz_replay
  run_ctest threads tsan -L '^(unit|sim|mock)$'
}

full_planted_bugs() {
  build planted kstream kstream_unit_tests kstream-sim
  run_script planted "planted bugs (unit tests)" planted tests/planted/run.py --at-least 78
  # Each of the loops' bugs; those of the adapters are not in the simulator's reach.
  run_program planted-sim "planted bugs (simulator)" planted \
    "$KSTREAM_BUILD/planted/bin/kstream-sim" --planted all --seeds 4000 --at-least 79
  run_script planted-cluster "planted bugs (real cluster)" planted tests/chaos/planted.py
}

full_fuzzing() {
  build fuzz-asan
  run_step fuzzing "fuzzing, ten minutes a target" \
    python3 tests/fuzz/run.py --preset fuzz-asan --seconds 600
}

if [ "$full" = yes ]; then "$here/setup.sh" --full; else "$here/setup.sh"; fi

build release
run_ctest checks release -L '^(unit|sim|mock|cli|tidy|deploy|oracle)$'
build release instruction_bench
run_script instructions "instructions, and bytes of a key" release tests/bench/instructions.py
if [ "$with_integration" = yes ]; then
  run_script integration "integration (real cluster)" release tests/integration/run.py
fi

if [ "$full" = yes ]; then
  full_headers
  full_sanitizers
  run_ctest mutants release -L '^mutants$'
  full_tidy
  full_security
  full_group_protocol
  full_docker
  full_chaos
  full_sanitized_chaos
  full_thread_sanitizer
  full_planted_bugs
  full_fuzzing
  # Of a committed tree, the runs above are in the ledger now.
  python3 tests/chaos/report.py --write
fi

summary
