# shellcheck shell=bash
# What the scripts share: where things are, how they speak, how a step is run and timed.
#
# Sourced, never run. Everything made lands under $KSTREAM_BUILD (build/ of the checkout), so that
# removing that one folder undoes it all, the system's packages aside.

KSTREAM_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)"
KSTREAM_BUILD="$KSTREAM_ROOT/build"
KSTREAM_DEPS="$KSTREAM_BUILD/deps"
KSTREAM_LOGS="$KSTREAM_BUILD/logs"

say() { printf '%s\n' "$*"; }
warn() { printf 'warning: %s\n' "$*" >&2; }
die() {
  printf 'error: %s\n' "$*" >&2
  exit 1
}

# Milliseconds of the clock, without starting a process.
now_ms() {
  local micros="${EPOCHREALTIME//[.,]/}"
  printf '%s' "$((micros / 1000))"
}

# seconds_since START_MS -> "3.2"
seconds_since() {
  local elapsed=$(($(now_ms) - $1))
  printf '%d.%d' "$((elapsed / 1000))" "$((elapsed % 1000 / 100))"
}

# step LOGNAME TITLE COMMAND... : one line on the terminal, the command's whole output in
# build/logs/LOGNAME.log. A step that fails shows the end of its log: on CI nobody can open it.
step() {
  local log="$KSTREAM_LOGS/$1.log" title="$2" started status
  shift 2
  mkdir -p "$KSTREAM_LOGS"
  started="$(now_ms)"
  # A subshell with errexit in force: within an `if` or `||` bash would switch it off.
  set +e
  (
    set -e
    "$@"
  ) >"$log" 2>&1 </dev/null
  status=$?
  set -e
  if [ "$status" -ne 0 ]; then
    printf '  failed  %6ss  %s\n' "$(seconds_since "$started")" "$title" >&2
    printf -- '---- last lines of %s\n' "${log#"$KSTREAM_ROOT"/}" >&2
    tail -n 40 "$log" >&2
    printf -- '----\n' >&2
    return "$status"
  fi
  printf '  done    %6ss  %s\n' "$(seconds_since "$started")" "$title"
}

# version_at_least HAVE MINIMUM
version_at_least() {
  [ "$(printf '%s\n%s\n' "$2" "$1" | sort -V | head -n 1)" = "$2" ]
}

have() { command -v "$1" >/dev/null 2>&1; }

# as_root COMMAND... : directly when we are root, through sudo otherwise.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif have sudo; then
    sudo -- "$@"
  else
    die "'$1' needs root and there is no sudo; run as root: $*"
  fi
}
