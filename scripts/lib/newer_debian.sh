# shellcheck shell=bash
# Packages of a newer Debian suite, without touching the system's apt.
#
# Debian 12 carries a Catch2 and a docker compose that are too old for us; its backports and the
# next release have both, on the same mirror, under the same archive keys. So we read them through
# apt itself, which checks the signatures, but with a configuration, lists and caches of our own.
# Nothing is installed from here: we only download.

NEWER_APT="$KSTREAM_DEPS/apt"
NEWER_KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# Prints the address of the mirror that this machine's apt already uses for Debian's main archive,
# or fails. KSTREAM_DEBIAN_MIRROR comes first.
newer_debian_mirror() {
  if [ -n "${KSTREAM_DEBIAN_MIRROR:-}" ]; then
    printf '%s\n' "$KSTREAM_DEBIAN_MIRROR"
    return
  fi
  local id codename mirror
  # shellcheck source=/dev/null
  id="$(. /etc/os-release && printf '%s' "${ID:-}")"
  # shellcheck source=/dev/null
  codename="$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")"
  [ "$id" = debian ] || return 1
  # The security archive and third-party repositories have other release names, or none of ours.
  # shellcheck disable=SC2016 # these are apt's variables
  mirror="$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
    awk -v codename="$codename" '
      ($2 == codename || $2 ~ /^((old)*stable|testing)$/) && !found { print $1; found = 1 }')"
  [ -n "$mirror" ] && printf '%s\n' "$mirror"
}

# newer_apt_setup SOURCES_LINE... : writes the private configuration and reads the package lists.
newer_apt_setup() {
  local mirror="$1" etc="$NEWER_APT/etc"
  shift
  mkdir -p "$etc/apt.conf.d" "$etc/preferences.d" "$NEWER_APT/lists/partial" \
    "$NEWER_APT/cache/archives/partial" "$NEWER_APT/log"
  : >"$etc/sources.list"
  local line
  for line in "$@"; do
    printf '%s\n' "${line//@MIRROR@/[signed-by=$NEWER_KEYRING] $mirror}" >>"$etc/sources.list"
  done
  # The machine's own way to the network (proxies, time-outs) is kept; its hooks are not. Docker
  # images hook APT::Update::Post-Invoke to empty /var/cache/apt/archives, which would pull the
  # packages from under an installation that runs at the same time.
  apt-config dump | grep -E '^(Acquire|APT::Architecture)' >"$etc/apt.conf.d/10-system" || true
  cat >"$NEWER_APT/apt.conf" <<CONF
Dir::Etc "$etc";
Dir::Etc::main "$etc/apt.conf";
Dir::Etc::parts "$etc/apt.conf.d";
Dir::Etc::sourcelist "$etc/sources.list";
Dir::Etc::sourceparts "-";
Dir::Etc::preferences "-";
Dir::Etc::preferencesparts "$etc/preferences.d";
Dir::Etc::trusted "/dev/null";
Dir::Etc::trustedparts "-";
Dir::State::lists "$NEWER_APT/lists";
Dir::State::status "/var/lib/dpkg/status";
Dir::Cache "$NEWER_APT/cache";
Dir::Log "$NEWER_APT/log";
// The download user _apt often may not enter the folder of a checkout.
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
CONF
  newer_apt apt-get update --error-on=any
}

# newer_apt COMMAND... : an apt program under the private configuration.
newer_apt() {
  APT_CONFIG="$NEWER_APT/apt.conf" DEBIAN_FRONTEND=noninteractive "$@"
}
