#!/usr/bin/env bash
# Brings a machine to the point where kstream can be built and tested. Run it as often as you like:
# what is there is left alone, and a run with nothing to do takes a fraction of a second.
#
#   1. compilers, libraries and tools from the system's own packages (root or sudo, when missing);
#   2. librdkafka, static, of the minimum version or newer and with a patch, into build/deps;
#   3. Catch2 v3, into build/deps where the system has only v2;
#   4. promtool and amtool, into build/deps where they are missing (no service is installed or
#      started);
#   5. docker compose, the program alone, into build/deps: it reads deploy/ for the tests;
#   6. Apache Kafka with its command line tools, from Maven, into build/deps.
#
#   setup.sh                all of it
#   setup.sh --build-only   what the binary is built from, nothing for tests: 2 and the half of 1
#   setup.sh --fuzzing      all of it, and clang 19 with its run-time libraries for libFuzzer
#
# Knows Debian 12 and 13 and Ubuntu 24.04. Environment:
#   KSTREAM_DEBIAN_MIRROR     address of a Debian mirror; derived from apt's own settings on Debian
#   KSTREAM_RDKAFKA_TARBALL   file or URL of librdkafka_2.14.2.orig.tar.gz, for systems that reach
#                             no Debian mirror; its SHA-256 is checked
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=scripts/lib/newer_debian.sh
. "$here/lib/newer_debian.sh"
# shellcheck source=scripts/lib/kafka.sh
. "$here/lib/kafka.sh"

readonly RDKAFKA_MINIMUM=2.14.2
readonly RDKAFKA_SUITE=forky
readonly RDKAFKA_TARBALL_SHA256=4d53568c13717b167d12c7b2a0fe12aeb5d6bfe02de53df5b68f86d870a81b33
readonly CATCH2_MINIMUM=3.0.0
readonly CATCH2_SUITE=bookworm-backports
readonly COMPOSE_MINIMUM=2.20
readonly COMPOSE_SUITE=trixie
readonly KAFKA_VERSION=4.3.1
# The logging binding that this Kafka release itself is packaged with.
readonly LOG4J_VERSION=2.25.4
readonly DEPENDENCY_PLUGIN_VERSION=3.8.1
readonly JAVA_MINIMUM=17

build_only=no
fuzzing=no
case "${1:-}" in
  '') ;;
  --build-only) build_only=yes ;;
  --fuzzing) fuzzing=yes ;;
  *) die "unknown option '$1': see the comment at the top of scripts/setup.sh" ;;
esac

# Each with what needs it, where the name does not say so.
system_packages=(
  g++ cmake ninja-build pkg-config ccache git make patch ca-certificates
  libsimdjson-dev libfmt-dev libcli11-dev prometheus-cpp-dev libssl-dev
  # librdkafka is built against these
  zlib1g-dev liblz4-dev libzstd-dev libsasl2-dev libcurl4-openssl-dev
  # source packages of newer suites, and the keys they are signed with
  dpkg-dev debian-archive-keyring
  # a source archive that is given as an address
  curl
)
[ "$build_only" = yes ] || system_packages+=(python3 python3-yaml) # scripts and tests
[ "$fuzzing" = no ] || system_packages+=(clang-19 libclang-rt-19-dev)

stamp="$KSTREAM_DEPS/.setup-stamp"
[ "$build_only" = no ] || stamp+=-build
[ "$fuzzing" = no ] || stamp+=-fuzzing

# Everything that decides the outcome of a run. After a change of the scripts, the system, Java or
# the place of the checkout a run looks at everything again.
fingerprint() {
  {
    cat "$here/setup.sh" "$here"/lib/{common,newer_debian,kafka}.sh "$here"/librdkafka/* \
      /etc/os-release
    uname -m
    java -version 2>&1 || true
    printf '%s\n' "$KSTREAM_ROOT"
  } | sha256sum | cut -d ' ' -f 1
}

# Not simply the first line: with JAVA_TOOL_OPTIONS set another one comes before it.
java_major() {
  [[ "$(java -version 2>&1)" =~ version\ \"([0-9]+) ]] && printf '%s' "${BASH_REMATCH[1]}"
}

java_is_enough() {
  local major
  have java && major="$(java_major)" && [ "$major" -ge "$JAVA_MINIMUM" ]
}

missing_system_packages() {
  local package
  for package in "${system_packages[@]}"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)" = installed ] ||
      printf '%s\n' "$package"
  done
  [ "$build_only" = no ] || return 0
  java_is_enough || printf '%s\n' default-jre-headless
  # A mvn of any origin will do.
  have mvn || printf '%s\n' maven
}

apt_install() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
    install -y --no-install-recommends "$@"
}

# ---- librdkafka ---------------------------------------------------------------------------------

rdkafka_prefix="$KSTREAM_DEPS/librdkafka"
# Whole record batches (docs/adr/0025-whole-batches.md) and leaving in the middle of a rebalance
# (docs/adr/0034-leave-group.md): none of the released versions has either.
rdkafka_patches=("$here"/librdkafka/*.patch)
# POSIX threads and not C11's: ThreadSanitizer does not know of the latter, so that each thread of
# librdkafka ends in SIGSEGV under it, and no lock of theirs orders anything.
rdkafka_options=(--disable-c11threads --enable-ssl --enable-gssapi --enable-zstd --enable-curl
  --enable-lz4-ext)

system_rdkafka_is_enough() {
  pkg-config --atleast-version="$RDKAFKA_MINIMUM" rdkafka 2>/dev/null &&
    [ -e "$(pkg-config --variable=libdir rdkafka)/librdkafka.a" ] &&
    grep -qs rd_kafka_message_record_batch \
      "$(pkg-config --variable=includedir rdkafka)/librdkafka/rdkafka.h"
}

built_rdkafka_is_enough() {
  local notes="$rdkafka_prefix/share/doc/librdkafka"
  [ -e "$rdkafka_prefix/lib/librdkafka.a" ] &&
    cmp -s <(cat "${rdkafka_patches[@]}") "$notes/patches" &&
    cmp -s <(printf '%s\n' "${rdkafka_options[@]}") "$notes/options" &&
    PKG_CONFIG_PATH="$rdkafka_prefix/lib/pkgconfig" \
      pkg-config --atleast-version="$RDKAFKA_MINIMUM" rdkafka
}

# Leaves the source archive in $1.
fetch_rdkafka_source() {
  local into="$1" mirror
  mkdir -p "$into"
  if [ -n "${KSTREAM_RDKAFKA_TARBALL:-}" ]; then
    local tarball="$into/librdkafka.orig.tar.gz"
    if [[ "$KSTREAM_RDKAFKA_TARBALL" == *://* ]]; then
      curl --fail --location --no-progress-meter -o "$tarball" "$KSTREAM_RDKAFKA_TARBALL"
    else
      cp -- "$KSTREAM_RDKAFKA_TARBALL" "$tarball"
    fi
    printf '%s  %s\n' "$RDKAFKA_TARBALL_SHA256" "$tarball" | sha256sum --check --quiet ||
      die "KSTREAM_RDKAFKA_TARBALL is not the librdkafka_2.14.2.orig.tar.gz that is expected here"
    return
  fi
  mirror="$(newer_debian_mirror)" || die "$(
    cat <<'TEXT'
this system's librdkafka is too old, and no Debian mirror is known to take its source from.
Set one of these and run scripts/setup.sh again:
  KSTREAM_DEBIAN_MIRROR    the address of any Debian mirror (the folder that has dists/ and pool/)
  KSTREAM_RDKAFKA_TARBALL  a file or URL of librdkafka_2.14.2.orig.tar.gz, as in a mirror's
                           pool/main/libr/librdkafka/
TEXT
  )"
  newer_apt_setup "$mirror" "deb-src @MIRROR@ $RDKAFKA_SUITE main"
  (cd "$into" && newer_apt apt-get source --download-only librdkafka)
}

build_rdkafka() {
  local work="$KSTREAM_DEPS/src/librdkafka" prefix version flags change
  rm -rf "$work"
  fetch_rdkafka_source "$work/download"
  mkdir -p "$work/tree"
  tar -xf "$work"/download/*.orig.tar.* -C "$work/tree" --strip-components=1
  cd "$work/tree"
  for change in "${rdkafka_patches[@]}"; do
    if patch --strip=1 --fuzz=0 --dry-run --silent <"$change" >/dev/null; then
      patch --strip=1 --fuzz=0 --silent <"$change"
    else
      say "${change##*/} does not fit this librdkafka: built without"
    fi
  done
  # Debian's patches only swap bundled helpers for Debian's copies of them: not needed.
  flags="-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection"
  ./configure --CFLAGS="$flags -ffile-prefix-map=$work/tree=librdkafka" "${rdkafka_options[@]}"
  make -C src -j"$(nproc)" librdkafka.a rdkafka.pc

  # Into place in one rename, so that a build that is interrupted leaves nothing half made.
  prefix="$rdkafka_prefix.new"
  rm -rf "$prefix"
  mkdir -p "$prefix/include/librdkafka" "$prefix/lib/pkgconfig" "$prefix/share/doc/librdkafka"
  cp src/rdkafka.h src/rdkafka_mock.h "$prefix/include/librdkafka/"
  cp src/librdkafka.a "$prefix/lib/"
  # Its folder is written relative to itself: a checkout may be moved.
  # shellcheck disable=SC2016 # these are pkg-config's variables
  sed -e 's|^prefix=.*|prefix=${pcfiledir}/../..|' -e 's|^libdir=.*|libdir=${prefix}/lib|' \
    -e 's|^includedir=.*|includedir=${prefix}/include|' \
    src/rdkafka.pc >"$prefix/lib/pkgconfig/rdkafka.pc"
  cp LICENSES.txt CONFIGURATION.md STATISTICS.md "$prefix/share/doc/librdkafka/"
  cat "${rdkafka_patches[@]}" >"$prefix/share/doc/librdkafka/patches"
  printf '%s\n' "${rdkafka_options[@]}" >"$prefix/share/doc/librdkafka/options"
  version="$(PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config --modversion rdkafka)"
  version_at_least "$version" "$RDKAFKA_MINIMUM" ||
    die "built librdkafka $version, but $RDKAFKA_MINIMUM or newer is needed"
  rm -rf "$rdkafka_prefix"
  mv "$prefix" "$rdkafka_prefix"
  cd "$KSTREAM_ROOT"
  rm -rf "$work"
}

# ---- Catch2 -------------------------------------------------------------------------------------

catch2_prefix="$KSTREAM_DEPS/catch2"

# The library is in libcatch2-dev or, in older releases, in catch2 itself.
catch2_is_there() {
  local package version
  [ ! -e "$catch2_prefix/.complete" ] || return 0
  for package in libcatch2-dev catch2; do
    version="$(dpkg-query -W -f '${Version}' "$package" 2>/dev/null)" || continue
    [ -z "$version" ] || ! version_at_least "$version" "$CATCH2_MINIMUM" || return 0
  done
  return 1
}

# The distribution's own package that holds Catch2 v3, if it has one.
distribution_catch2_v3() {
  local package version
  for package in libcatch2-dev catch2; do
    version="$(apt-cache show --no-all-versions "$package" 2>/dev/null |
      sed -n 's/^Version: //p' | head -n 1)"
    if [ -n "$version" ] && version_at_least "$version" "$CATCH2_MINIMUM"; then
      printf '%s' "$package"
      return
    fi
  done
}

unpack_catch2() {
  local mirror work="$KSTREAM_DEPS/src/catch2"
  mirror="$(newer_debian_mirror)" ||
    die "no Debian mirror is known to take Catch2 v3 from: set KSTREAM_DEBIAN_MIRROR"
  newer_apt_setup "$mirror" "deb @MIRROR@ $CATCH2_SUITE main"
  rm -rf "$work" "$catch2_prefix"
  mkdir -p "$work"
  (cd "$work" && newer_apt apt-get download libcatch2-dev)
  dpkg-deb -x "$work"/libcatch2-dev_*.deb "$catch2_prefix"
  touch "$catch2_prefix/.complete"
  rm -rf "$work"
}

# ---- promtool, amtool ---------------------------------------------------------------------------

# Part of the servers' packages, but for promtool in newer releases. A server would be started where
# there is an init: so only the tools are taken out of the packages.
tools_are_there() {
  [ -x "$KSTREAM_DEPS/bin/promtool" ] && [ -x "$KSTREAM_DEPS/bin/amtool" ]
}

unpack_tools() {
  mkdir -p "$KSTREAM_DEPS/bin"
  if ! have promtool || ! have amtool; then
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update
  fi
  if apt-cache show promtool >/dev/null 2>&1; then
    unpack_tool promtool promtool
  else
    unpack_tool promtool prometheus
  fi
  unpack_tool amtool prometheus-alertmanager
}

# unpack_tool NAME PACKAGE
unpack_tool() {
  local tool="$KSTREAM_DEPS/bin/$1" work="$KSTREAM_DEPS/src/$1"
  if have "$1"; then
    ln -sf "$(command -v "$1")" "$tool"
  elif [ ! -x "$tool" ]; then
    rm -rf "$work"
    mkdir -p "$work"
    (cd "$work" && apt-get download "$2" && dpkg-deb -x "$2"_*.deb tree)
    rm -f "$tool"
    install -m 0755 "$work/tree/usr/bin/$1" "$tool"
    rm -rf "$work"
  fi
}

# ---- docker compose -----------------------------------------------------------------------------

compose_program="$KSTREAM_DEPS/bin/docker-compose"

# The distribution's own package that holds version 2 of the program, if it has one.
distribution_compose_v2() {
  local package version
  for package in docker-compose-v2 docker-compose; do
    version="$(apt-cache show --no-all-versions "$package" 2>/dev/null |
      sed -n 's/^Version: //p' | head -n 1)"
    if [ -n "$version" ] && version_at_least "$version" "$COMPOSE_MINIMUM"; then
      printf '%s' "$package"
      return
    fi
  done
}

# Taken out of its package: it needs neither Docker nor anything else to read a compose file.
unpack_compose() {
  local package mirror work="$KSTREAM_DEPS/src/compose"
  rm -rf "$work"
  mkdir -p "$work" "$KSTREAM_DEPS/bin"
  package="$(distribution_compose_v2)"
  if [ -n "$package" ]; then
    (cd "$work" && apt-get download "$package")
  else
    mirror="$(newer_debian_mirror)" ||
      die "no Debian mirror is known to take docker compose from: set KSTREAM_DEBIAN_MIRROR"
    newer_apt_setup "$mirror" "deb @MIRROR@ $COMPOSE_SUITE main"
    (cd "$work" && newer_apt apt-get download docker-compose)
  fi
  dpkg-deb -x "$work"/docker-compose*.deb "$work/tree"
  install -m 0755 "$(find "$work/tree" -path '*/cli-plugins/docker-compose' -type f)" \
    "$compose_program"
  rm -rf "$work"
}

# ---- Kafka --------------------------------------------------------------------------------------

kafka_home="$KSTREAM_DEPS/kafka-$KAFKA_VERSION"

# What the class archive is good for: this Java, these files, at this place.
kafka_archive_fits() {
  [ -s "$KAFKA_CLASS_ARCHIVE" ] && [ "$(cat "$KAFKA_HOME/prepared-for" 2>/dev/null)" = "$1" ]
}

install_kafka() {
  local fits="$1"
  [ -d "$kafka_home/libs" ] || fetch_kafka
  # Where the other scripts find it, whatever its version.
  ln -sfn "kafka-$KAFKA_VERSION" "$KAFKA_HOME"
  if ! kafka_archive_fits "$fits"; then
    kafka_prepare
    printf '%s\n' "$fits" >"$KAFKA_HOME/prepared-for"
  fi
}

fetch_kafka() {
  rm -rf "$kafka_home" "$kafka_home.new"
  local plugin="org.apache.maven.plugins:maven-dependency-plugin:$DEPENDENCY_PLUGIN_VERSION"
  # -U: Maven would otherwise remember a failed download of an earlier run and not try again.
  mvn --batch-mode --no-transfer-progress -U -f "$here/lib/kafka-pom.xml" \
    -Dkafka.version="$KAFKA_VERSION" -Dlog4j.version="$LOG4J_VERSION" \
    "$plugin:copy-dependencies" -DincludeScope=runtime -DoutputDirectory="$kafka_home.new/libs"
  [ -e "$kafka_home.new/libs/kafka_2.13-$KAFKA_VERSION.jar" ] || die "Maven brought no Kafka"
  mv "$kafka_home.new" "$kafka_home"
}

# ---- the run ------------------------------------------------------------------------------------

kafka_pid=''
kafka_report="$KSTREAM_LOGS/setup-kafka.report"

# Downloading is waiting, building librdkafka is computing: they go well together.
begin_kafka() {
  local fits
  fits="$KAFKA_VERSION $KSTREAM_ROOT $(java -version 2>&1 | tr '\n' ' ')"
  if [ ! -d "$kafka_home/libs" ] || ! kafka_archive_fits "$fits"; then
    mkdir -p "$KSTREAM_LOGS"
    step setup-kafka "Apache Kafka $KAFKA_VERSION, from Maven" install_kafka "$fits" \
      >"$kafka_report" 2>&1 &
    kafka_pid=$!
    # When another step fails, do not leave this one running behind the prompt.
    trap 'wait' EXIT
  fi
}

end_kafka() {
  [ -n "$kafka_pid" ] || return 0
  wait "$kafka_pid" || {
    cat "$kafka_report" >&2
    die "Apache Kafka $KAFKA_VERSION could not be fetched"
  }
  cat "$kafka_report"
}

what_builds() {
  if ! system_rdkafka_is_enough && ! built_rdkafka_is_enough; then
    step setup-librdkafka "librdkafka, static" build_rdkafka
  fi
}

what_tests() {
  if ! catch2_is_there; then
    local catch2_package
    catch2_package="$(distribution_catch2_v3)"
    if [ -n "$catch2_package" ]; then
      step setup-catch2 "Catch2, from the distribution" apt_install "$catch2_package"
    else
      step setup-catch2 "Catch2, from $CATCH2_SUITE" unpack_catch2
    fi
  fi
  tools_are_there || step setup-tools "promtool, amtool" unpack_tools
  [ -x "$compose_program" ] || step setup-compose "docker compose, the program alone" unpack_compose
}

main() {
  local print started missing
  print="$(fingerprint)"
  if [ -e "$stamp" ] && [ "$(<"$stamp")" = "$print" ]; then
    [ "$build_only" = no ] || return 0
    ! java_is_enough || return 0
  fi
  have apt-get || die "no apt-get here: set-up knows Debian 12, Debian 13 and Ubuntu 24.04"

  # Two set-ups at once would undo each other's half-made folders.
  mkdir -p "$KSTREAM_DEPS"
  exec 9>"$KSTREAM_DEPS/.lock"
  flock 9

  say "setup: into ${KSTREAM_DEPS#"$KSTREAM_ROOT"/}, logs in ${KSTREAM_LOGS#"$KSTREAM_ROOT"/}"
  started="$(now_ms)"
  mapfile -t missing < <(missing_system_packages)
  if [ "${#missing[@]}" -gt 0 ]; then
    step setup-packages "system packages: ${missing[*]}" apt_install "${missing[@]}"
  fi
  if [ "$build_only" = yes ]; then
    what_builds
  else
    java_is_enough || die "Java $JAVA_MINIMUM or newer is needed, 'java' on PATH is older"
    begin_kafka
    what_builds
    what_tests
    end_kafka
  fi

  # Anew: what was installed may have changed it.
  fingerprint >"$stamp"
  say "setup: ready after $(seconds_since "$started") s"
}

main
