#!/usr/bin/env bash
# A Docker of its own for docker_test.py: Debian's engine, and a daemon with socket, data and bridge
# of its own.
#
#   docker_host.sh up       installs what is missing, starts the daemon, returns when it answers
#   docker_host.sh images   makes the base images that deploy/ names, see stand_ins/README.md
#   docker_host.sh down     stops the daemon and takes back what it changed of the machine's network
#   docker_host.sh env      prints the environment that makes `docker` speak to it
#
# Never the machine's own daemon: the stand-ins carry the names of real images, and would be taken
# for them by whoever uses that daemon next. Images and build cache stay in build/docker, so that a
# second run is quick. Needs root, and Debian 12 or 13.
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/lib/common.sh
. "$here/../../scripts/lib/common.sh"
# shellcheck source=scripts/lib/newer_debian.sh
. "$here/../../scripts/lib/newer_debian.sh"

work="$KSTREAM_BUILD/docker"
export DOCKER_HOST="unix://$work/run/docker.sock"
export DOCKER_CONFIG="$work/config"
# No address of the machine's own network, and none that Docker's default bridge uses.
readonly BRIDGE=kstream0 BRIDGE_ADDRESS=10.213.0.1/24 POOL=10.214.0.0/16
# Longer ones do not fit into the address of a socket, and containerd's are deeper still.
readonly LONGEST_WORK_PATH=70

# ---- programs ----------------------------------------------------------------------------------

install_engine() {
  local missing=() package
  for package in docker.io debootstrap iptables; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      missing+=("$package")
  done
  [ "${#missing[@]}" -gt 0 ] || return 0
  apt-get -o DPkg::Lock::Timeout=300 update
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
    install -y --no-install-recommends "${missing[@]}"
}

# The program is what scripts/setup.sh took from Debian 13; here it is the plugin of `docker`.
install_compose() {
  [ -x "$KSTREAM_DEPS/bin/docker-compose" ] || die "no docker compose: run scripts/setup.sh"
  mkdir -p "$DOCKER_CONFIG/cli-plugins"
  ln -sf "$KSTREAM_DEPS/bin/docker-compose" "$DOCKER_CONFIG/cli-plugins/docker-compose"
}

# ---- the daemon --------------------------------------------------------------------------------

running_daemon() {
  local pid
  [ -r "$work/run/docker.pid" ] && pid="$(<"$work/run/docker.pid")" || return 1
  # The number may belong to another process by now.
  grep -qz -- "$work/run/docker.pid" "/proc/$pid/cmdline" 2>/dev/null || return 1
  printf '%s' "$pid"
}

# start_daemon STORAGE_DRIVER
start_daemon() {
  local pid deadline=$((SECONDS + 60))
  # Its own containerd is a child with its socket below the exec root; the one of the system, if
  # one runs, is used under a namespace of ours.
  dockerd --host "$DOCKER_HOST" --data-root "$work/data" --exec-root "$work/run/exec" \
    --pidfile "$work/run/docker.pid" --storage-driver "$1" \
    --containerd-namespace kstream-test --containerd-plugins-namespace kstream-test-plugins \
    --bridge "$BRIDGE" --default-address-pool "base=$POOL,size=24" \
    --config-file "$work/daemon.json" \
    >"$work/dockerd.log" 2>&1 </dev/null &
  pid=$!
  until docker version >/dev/null 2>&1; do
    kill -0 "$pid" 2>/dev/null || return 1
    [ "$SECONDS" -lt "$deadline" ] || {
      kill "$pid"
      die "dockerd does not answer after 60 s, its log is $work/dockerd.log"
    }
    sleep 0.2
  done
}

# Restoring passes over tables that did not exist: they get the state that they begin with.
save_iptables() {
  local saved
  saved="$(iptables-save)"
  printf '%s\n' "$saved"
  [[ "$saved" == *\*filter* ]] ||
    printf '%s\n' '*filter' ':INPUT ACCEPT' ':FORWARD ACCEPT' ':OUTPUT ACCEPT' COMMIT
  [[ "$saved" == *\*nat* ]] ||
    printf '%s\n' '*nat' ':PREROUTING ACCEPT' ':INPUT ACCEPT' ':OUTPUT ACCEPT' \
      ':POSTROUTING ACCEPT' COMMIT
}

command_up() {
  [ "$(id -u)" -eq 0 ] || die "a Docker daemon needs root"
  [ "${#work}" -le "$LONGEST_WORK_PATH" ] ||
    die "$work is too long a path for the sockets in it: check out into a shorter one"
  mkdir -p "$work/run" "$work/data" "$KSTREAM_LOGS"
  step docker-engine "Docker's engine and debootstrap" install_engine
  install_compose
  if running_daemon >/dev/null && docker version >/dev/null 2>&1; then
    return
  fi
  # dockerd opens the machine for routing and adds its chains; `down` puts this back.
  save_iptables >"$work/run/iptables.before"
  cat /proc/sys/net/ipv4/ip_forward >"$work/run/ip_forward.before"
  ip link show "$BRIDGE" >/dev/null 2>&1 || ip link add "$BRIDGE" type bridge
  ip address replace "$BRIDGE_ADDRESS" dev "$BRIDGE"
  ip link set "$BRIDGE" up
  printf '{}\n' >"$work/daemon.json"
  # vfs copies every layer, but works where overlays cannot be mounted, as inside of a container.
  start_daemon overlay2 || start_daemon vfs || {
    tail -n 20 "$work/dockerd.log" >&2
    die "dockerd does not start, its log is $work/dockerd.log"
  }
  say "dockerd $(docker version --format '{{.Server.Version}}')," \
    "$(docker info --format '{{.Driver}}'), compose $(docker compose version --short)"
}

command_down() {
  local pid deadline=$((SECONDS + 60))
  if pid="$(running_daemon)"; then
    kill "$pid"
    # Not `kill -0`, which a process that nobody has reaped yet still answers.
    while running_daemon >/dev/null; do
      [ "$SECONDS" -lt "$deadline" ] || die "dockerd (pid $pid) does not stop within 60 s"
      sleep 0.2
    done
  fi
  if [ -e "$work/run/iptables.before" ]; then
    iptables-restore <"$work/run/iptables.before"
    cat "$work/run/ip_forward.before" >/proc/sys/net/ipv4/ip_forward
    rm "$work/run/iptables.before" "$work/run/ip_forward.before"
  fi
  ! ip link show "$BRIDGE" >/dev/null 2>&1 || ip link delete "$BRIDGE"
}

# ---- base images -------------------------------------------------------------------------------

has_image() { docker image inspect "$1" >/dev/null 2>&1; }

# Debian's slim image as its makers make it: debootstrap's smallest variant without documents.
make_debian() {
  local root="$work/tmp/rootfs" mirror variable changes=()
  mirror="$(newer_debian_mirror)" || die "no Debian mirror is known: set KSTREAM_DEBIAN_MIRROR"
  rm -rf "$root"
  mkdir -p "$root" "$work/debs"
  debootstrap --variant=minbase --cache-dir="$work/debs" \
    --keyring="$NEWER_KEYRING" trixie "$root" "$mirror"
  rm -rf "$root"/usr/share/{doc,man,info,locale,lintian,groff,linda}/* \
    "$root"/var/cache/apt/* "$root"/var/lib/apt/lists/* "$root"/var/log/*.log
  mkdir -p "$root/var/cache/apt/archives/partial" "$root/var/lib/apt/lists/partial"
  printf 'path-exclude /usr/share/%s/*\n' doc man info locale lintian groff linda \
    >"$root/etc/dpkg/dpkg.cfg.d/slim"
  # This machine's way to the network, in the stand-in only: the Dockerfiles know nothing of it.
  apt-config dump | grep -E '^Acquire::(Check|http|https|ftp|Retries)' \
    >"$root/etc/apt/apt.conf.d/10-machine" || true
  cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
  for variable in http_proxy https_proxy no_proxy; do
    [ -z "${!variable:-}" ] || changes+=(--change "ENV $variable=${!variable}")
  done
  tar -C "$root" -c . | docker import "${changes[@]}" --change 'CMD ["bash"]' - debian:13-slim
  rm -rf "$root"
}

# build_stand_in IMAGE FOLDER ARGS... : a Dockerfile of stand_ins/ under the name of a real image.
build_stand_in() {
  local image="$1" folder="$2"
  shift 2
  build "$image" "$here/stand_ins/$folder" "$@"
}

# The old builder: the new one is a plugin in newer releases, which nothing else here needs.
build() {
  local image="$1" context="$2"
  shift 2
  DOCKER_BUILDKIT=0 docker build --label org.kstream.stand-in=yes -t "$image" "$@" "$context"
}

make_kafka() {
  local image="$1" context="$work/tmp/kafka"
  rm -rf "$context"
  mkdir -p "$context"
  cp -r "$here"/stand_ins/kafka/. "$context"
  cp -rL "$KSTREAM_DEPS/kafka/libs" "$context/libs"
  build "$image" "$context"
  rm -rf "$context"
}

# The version that compose.yml or a Dockerfile below deploy/ gives an image.
pinned() {
  local found
  found="$(grep -rhoE "(image:|FROM) +$1:[^ ]+" "$KSTREAM_ROOT/deploy" | head -n 1)"
  [ -n "$found" ] || die "deploy/ names no image $1:..."
  printf '%s' "${found##* }"
}

# make_image IMAGE COMMAND... : the builder's cache makes this quick where nothing has changed.
make_image() {
  local image="$1"
  shift
  step "docker-image-${image//[\/:]/-}" "stand-in $image" "$@"
}

command_images() {
  local kafka prometheus alertmanager grafana console
  kafka="$(pinned apache/kafka)"
  prometheus="$(pinned prom/prometheus)"
  alertmanager="$(pinned prom/alertmanager)"
  grafana="$(pinned grafana/grafana)"
  console="$(pinned ghcr.io/kafbat/kafka-ui)"
  [[ "$(readlink "$KSTREAM_DEPS/kafka")" = "kafka-${kafka#*:}" ]] ||
    die "deploy/ wants $kafka, scripts/setup.sh brings $(readlink "$KSTREAM_DEPS/kafka")"
  has_image debian:13-slim || make_image debian:13-slim make_debian
  make_image "$kafka" make_kafka "$kafka"
  make_image "$prometheus" build_stand_in "$prometheus" prometheus
  make_image "$alertmanager" build_stand_in "$alertmanager" alertmanager
  make_image "$grafana" build_stand_in "$grafana" health --build-arg ANSWER=api/health \
    --build-arg PORT=3000 --build-arg ID=472
  make_image "$console" build_stand_in "$console" health --build-arg ANSWER=actuator/health \
    --build-arg PORT=8080 --build-arg ID=1000
}

command_env() {
  printf 'DOCKER_HOST=%s\nDOCKER_CONFIG=%s\n' "$DOCKER_HOST" \
    "$DOCKER_CONFIG"
}

case "${1:-}" in
  up | down | images | env) "command_$1" ;;
  *) die "unknown command '${1:-}': see the comment at the top of tests/deploy/docker_host.sh" ;;
esac
