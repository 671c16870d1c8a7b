#!/usr/bin/env bash
# Brings a machine to the point where kstream can be built and tested. Run it as often as you like:
# what is there is left alone, and a run with nothing to do takes a fraction of a second.
#
#   1. compilers, libraries and tools from the system's own packages (root or sudo, when missing);
#   2. librdkafka, static, one version from one source with a patch, into build/deps;
#   3. Catch2 v3, into build/deps where the system has only v2;
#   4. promtool and amtool, into build/deps where they are missing (no service is installed or
#      started);
#   5. docker compose, the program alone, into build/deps: it reads deploy/ for the tests;
#   6. the programs of a PostgreSQL server, from the system's own packages: tests start one of their
#      own, and no cluster of databases is made and no service started here;
#   7. Apache Kafka with its command line tools, from Maven, into build/deps.
#
#   setup.sh                all of it
#   setup.sh --build-only   what the binary is built from, nothing for tests: 2 and the half of 1
#   setup.sh --demo         the same and Kafka, for scripts/demo.sh: 2, 7 and the half of 1
#   setup.sh --full         all of it, and clang 19 with its run-time libraries for libFuzzer,
#                           clang-tidy and, on Debian, chromium: for `test.sh --full`
#
# Knows Debian 12 and 13 and Ubuntu 24.04. Needs no variable; for machines that reach less:
#   KSTREAM_RDKAFKA_TARBALL   the file that step 2 would fetch with npm; its SHA-256 is checked
#   KSTREAM_DEBIAN_MIRROR     address of a Debian mirror, on Debian 12 only; otherwise derived from
#                             apt's own settings
set -euo pipefail

here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
# shellcheck source=scripts/lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=scripts/lib/newer_debian.sh
. "$here/lib/newer_debian.sh"
# shellcheck source=scripts/lib/kafka.sh
. "$here/lib/kafka.sh"

# A package whose maker is librdkafka's and which carries its source, whole. A registry never
# changes a version that it has given out, and every system reaches it with the same client; a suite
# of a distribution moves on, and its old versions are gone.
readonly RDKAFKA_VERSION=2.15.1
readonly RDKAFKA_PACKAGE=@confluentinc/kafka-javascript@1.10.1
readonly RDKAFKA_PACKAGE_FILE=confluentinc-kafka-javascript-1.10.1.tgz
readonly RDKAFKA_PACKAGE_FOLDER=package/deps/librdkafka
readonly RDKAFKA_PACKAGE_SHA256=ada7d703bb1d3237e2292bfabf438d663b6160c9f1ac2a2406b5dc4257c81b66
readonly CATCH2_MINIMUM=3.0.0
# What Debian 12 has not: from its own backports and from the release after it. A version that is no
# longer there is an error, not another version.
readonly CATCH2_SUITE=bookworm-backports
readonly CATCH2_VERSION=3.7.1-0.4~bpo12+1
readonly COMPOSE_MINIMUM=2.20
readonly COMPOSE_SUITE=trixie
readonly COMPOSE_VERSION=2.26.1-4
readonly KAFKA_VERSION=4.3.1
# The logging binding that this Kafka release itself is packaged with.
readonly LOG4J_VERSION=2.25.4
readonly DEPENDENCY_PLUGIN_VERSION=3.8.1
readonly JAVA_MINIMUM=17

build_only=no
demo=no
full=no
case "${1:-}" in
  '') ;;
  --build-only) build_only=yes ;;
  --demo) demo=yes ;;
  --full) full=yes ;;
  *) die "unknown option '$1': see the comment at the top of scripts/setup.sh" ;;
esac

# Each with what needs it, where the name does not say so.
system_packages=(
  g++ cmake ninja-build pkg-config ccache git make patch ca-certificates
  libsimdjson-dev libfmt-dev libcli11-dev prometheus-cpp-dev libssl-dev libpg-query-dev
  # librdkafka is built against these
  zlib1g-dev liblz4-dev libzstd-dev libsasl2-dev libcurl4-openssl-dev
)
# Scripts and tests; the form of the sources; the count of instructions; zones that tests name.
[ "$build_only" = yes ] || system_packages+=(python3)
[ "$build_only$demo" != nono ] || system_packages+=(python3-yaml groff-base clang-format-19
  valgrind tzdata)
[ "$full" = no ] || system_packages+=(clang-19 libclang-rt-19-dev clang-tidy-19)
# Ubuntu's package of that name brings another packaging system's, which no container runs.
[ "$full" = no ] || ! grep -qx 'ID=debian' /etc/os-release || system_packages+=(chromium)

stamp="$KSTREAM_DEPS/.setup-stamp"
[ "$build_only" = no ] || stamp+=-build
[ "$demo" = no ] || stamp+=-demo
[ "$full" = no ] || stamp+=-full

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
  # Of any origin. In a distribution npm is some hundred packages: only where its file is wanted.
  rdkafka_is_built || [ -n "${KSTREAM_RDKAFKA_TARBALL:-}" ] || have npm || printf '%s\n' npm
  [ "$build_only" = no ] || return 0
  java_is_enough || printf '%s\n' default-jre-headless
  # A mvn of any origin will do.
  have mvn || printf '%s\n' maven
}

apt_update() {
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 update
}

apt_install() {
  apt_update
  as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 \
    install -y --no-install-recommends "$@"
}

# ---- librdkafka ---------------------------------------------------------------------------------

rdkafka_prefix="$KSTREAM_DEPS/librdkafka"
# Whole record batches (docs/adr/0025-whole-batches.md), leaving in the middle of a rebalance
# (docs/adr/0034-leave-group.md), and brokers that are all fenced (docs/RELIABILITY.md): no released
# version has any of these.
rdkafka_patches=("$here"/librdkafka/*.patch)
# POSIX threads and not C11's: ThreadSanitizer does not know of the latter, so that each thread of
# librdkafka ends in SIGSEGV under it, and no lock of theirs orders anything.
rdkafka_options=(--disable-c11threads --enable-ssl --enable-gssapi --enable-zstd --enable-curl
  --enable-lz4-ext)

# What a library was built from, and how.
rdkafka_recipe() {
  printf '%s\n' "$RDKAFKA_PACKAGE $RDKAFKA_PACKAGE_SHA256" "${rdkafka_options[@]}"
  cat "${rdkafka_patches[@]}"
}

rdkafka_is_built() {
  [ -e "$rdkafka_prefix/lib/librdkafka.a" ] &&
    cmp -s <(rdkafka_recipe) "$rdkafka_prefix/share/doc/librdkafka/recipe"
}

# Leaves the tree in $1/tree.
fetch_rdkafka_source() {
  local into="$1" file="${KSTREAM_RDKAFKA_TARBALL:-}"
  mkdir -p "$into/tree"
  if [ -z "$file" ]; then
    # Nothing of the package is run, and nothing is left in the user's cache.
    (cd "$into" && npm pack --ignore-scripts --loglevel=error --cache="$into/cache" \
      "$RDKAFKA_PACKAGE")
    file="$into/$RDKAFKA_PACKAGE_FILE"
  fi
  printf '%s  %s\n' "$RDKAFKA_PACKAGE_SHA256" "$file" | sha256sum --check --quiet ||
    die "$file is not the $RDKAFKA_PACKAGE_FILE that is expected here"
  tar -xf "$file" -C "$into/tree" --strip-components=3 "$RDKAFKA_PACKAGE_FOLDER"
}

build_rdkafka() {
  local work="$KSTREAM_DEPS/src/librdkafka" prefix version flags change
  rm -rf "$work"
  fetch_rdkafka_source "$work"
  cd "$work/tree"
  for change in "${rdkafka_patches[@]}"; do
    patch --strip=1 --fuzz=0 <"$change" ||
      die "${change##*/} does not fit librdkafka $RDKAFKA_VERSION"
  done
  # -g1 after configure's -g: lines for a stack trace, and a fifth less to compile.
  flags="-g1 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong"
  flags+=" -fstack-clash-protection"
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
  rdkafka_recipe >"$prefix/share/doc/librdkafka/recipe"
  version="$(PKG_CONFIG_PATH="$prefix/lib/pkgconfig" pkg-config --modversion rdkafka)"
  [ "$version" = "$RDKAFKA_VERSION" ] ||
    die "$RDKAFKA_PACKAGE_FILE made librdkafka $version, not $RDKAFKA_VERSION"
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
    die "no package of this system holds Catch2 v3, and it is not Debian 12"
  newer_apt_setup "$mirror" "deb @MIRROR@ $CATCH2_SUITE main"
  rm -rf "$work" "$catch2_prefix"
  mkdir -p "$work"
  (cd "$work" && newer_apt apt-get download "libcatch2-dev=$CATCH2_VERSION")
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
      die "no package of this system holds docker compose v2, and it is not Debian 12"
    newer_apt_setup "$mirror" "deb @MIRROR@ $COMPOSE_SUITE main"
    (cd "$work" && newer_apt apt-get download "docker-compose=$COMPOSE_VERSION")
  fi
  dpkg-deb -x "$work"/docker-compose*.deb "$work/tree"
  install -m 0755 "$(find "$work/tree" -path '*/cli-plugins/docker-compose' -type f)" \
    "$compose_program"
  rm -rf "$work"
}

# ---- PostgreSQL ---------------------------------------------------------------------------------

readonly POSTGRES_MINIMUM=15

postgres_is_there() {
  local program version
  for program in /usr/lib/postgresql/*/bin/initdb; do
    version="${program#/usr/lib/postgresql/}"
    [ ! -x "$program" ] || [ "${version%%/*}" -lt "$POSTGRES_MINIMUM" ] || return 0
  done
  return 1
}

# The package makes a cluster of databases, `main`, and starts it, unless this file says no. Where
# the file is there already, whoever administers the machine has decided.
install_postgres() {
  local folder=/etc/postgresql-common ours=no
  local file="$folder/createcluster.conf"
  if [ ! -e "$file" ]; then
    ours=yes
    as_root mkdir -p "$folder"
    printf '%s\n' 'create_main_cluster = false' | as_root tee "$file" >/dev/null
  fi
  apt_install postgresql
  # The package's own, which it has put beside ours.
  [ "$ours" = no ] || [ ! -e "$file.ucf-dist" ] || as_root mv "$file.ucf-dist" "$file"
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
  rdkafka_is_built || step setup-librdkafka "librdkafka $RDKAFKA_VERSION, static" build_rdkafka
}

what_tests() {
  # What a distribution has is asked of apt's lists, which an image may come without.
  if ! catch2_is_there || ! tools_are_there || [ ! -x "$compose_program" ]; then
    step setup-lists "the lists of the system's packages" apt_update
  fi
  if ! catch2_is_there; then
    local catch2_package
    catch2_package="$(distribution_catch2_v3)"
    if [ -n "$catch2_package" ]; then
      step setup-catch2 "Catch2, from the distribution" apt_install "$catch2_package"
    else
      step setup-catch2 "Catch2, from $CATCH2_SUITE" unpack_catch2
    fi
  fi
  postgres_is_there || step setup-postgres "PostgreSQL's programs, no service" install_postgres
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
    [ "$demo" = yes ] || what_tests
    end_kafka
  fi

  # Anew: what was installed may have changed it.
  fingerprint >"$stamp"
  say "setup: ready after $(seconds_since "$started") s"
}

main
