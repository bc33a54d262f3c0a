# shellcheck shell=bash
# Sourced by images.sh and compose.sh: an apt of our own, with nothing of this
# machine's sources, pins or installed packages, that installs nothing.

readonly KEYRING=/usr/share/keyrings/debian-archive-keyring.gpg

# debian_mirror prints the archive that this machine's own apt uses.
debian_mirror() {
  printf '%s\n' "${MIRROR:-$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | sed -nE '\,/debian/?$,{p;q;}')}"
}

# sources MIRROR SUITE...: the text of a sources.list.
sources() {
  local mirror=$1 suite
  shift
  for suite in "$@"; do
    printf 'deb [signed-by=%s] %s %s main\n' "$KEYRING" "$mirror" "$suite"
  done
}

# private_apt FOLDER ARCH: makes apt and its kin use nothing but FOLDER from now
# on; its sources.list is the caller's to write.
private_apt() {
  local apt=$1 arch=$2
  mkdir -p "$apt"/{etc/{apt.conf.d,preferences.d,sources.list.d,trusted.gpg.d},state/lists/partial,cache/archives/partial}
  : >"$apt/status"
  {
    # The way out of this network is all that is taken from this machine's apt.
    apt-config dump | grep -i '^Acquire::.*proxy' || true
    # A suite that is built all day may be past the date it says it is valid until.
    cat <<CONF
Dir::Etc "$apt/etc";
Dir::State "$apt/state";
Dir::State::status "$apt/status";
Dir::Cache "$apt/cache";
APT::Architecture "$arch";
APT::Architectures { "$arch"; };
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
Acquire::Check-Valid-Until "false";
CONF
  } >"$apt/apt.conf"
  export APT_CONFIG=$apt/apt.conf
}
