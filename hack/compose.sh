#!/usr/bin/env bash
# Plain "docker compose" for the tests, with or without a package of it installed.
#
#   hack/compose.sh    prints the path of a Compose plugin's binary
#
# Where "docker compose" works, that is the one. Else it is taken out of Debian's
# docker-compose package, through apt and with apt's verification of signatures
# and hashes, into a cache: nothing is installed, and no root is needed.
#
#   CACHE   where the plugin and apt's lists are kept
#   MIRROR  a Debian archive; default: the one this machine's apt uses
#   SUITE   where to look for the package; default "sid"
#   MAXAGE  minutes after which a newer package is looked for; default 10080, a week
set -euo pipefail
export LC_ALL=C
. "$(dirname "${BASH_SOURCE[0]}")/apt.sh"

CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/docker-haproxy/compose}
SUITE=${SUITE:-sid}
MAXAGE=${MAXAGE:-10080}
readonly PLUGIN=$CACHE/docker-compose

say() { printf '%s\n' "$*" >&2; }
die() {
  say "hack/compose.sh: $*"
  exit 1
}

main() {
  installed && return
  mkdir -p "$CACHE"
  if command -v flock >/dev/null; then
    exec 9>"$CACHE/lock"
    flock -n 9 || { say "Waiting for another run to finish." && flock 9; }
  fi
  if [ -z "$(find "$PLUGIN" -mmin "-$MAXAGE" 2>/dev/null)" ]; then
    if ! (extract); then
      [ -x "$PLUGIN" ] || exit 1
      say "Going on with the docker-compose of $(date -r "$PLUGIN" +%F)."
    fi
  fi
  printf '%s\n' "$PLUGIN"
}

# installed prints the path of the plugin that the Docker CLI has found itself.
installed() {
  docker compose version >/dev/null 2>&1 || return 1
  docker info --format '{{ range .ClientInfo.Plugins }}{{ if eq .Name "compose" }}{{ println .Path }}{{ end }}{{ end }}' 2>/dev/null | grep -m 1 .
}

# extract gets the newest package and takes the one file out of it.
extract() {
  local tool mirror arch apt=$CACHE/apt
  for tool in apt-get dpkg-deb; do
    command -v $tool >/dev/null 2>&1 || die "there is no \"docker compose\" here, and no $tool to get it from Debian: install the Compose plugin"
  done
  mirror=$(debian_mirror)
  [ -n "$mirror" ] || die "there is no \"docker compose\" here, and this machine's apt knows no Debian archive: install the Compose plugin, or set MIRROR"
  [ -r $KEYRING ] || die "there is no \"docker compose\" here: install the Compose plugin, or debian-archive-keyring"
  arch=$(dpkg --print-architecture)

  private_apt "$apt" "$arch"
  sources "$mirror" "$SUITE" >"$apt/etc/sources.list"

  say "Taking docker-compose out of Debian's package."
  apt-get -qq -o APT::Update::Error-Mode=any update || die "apt cannot read the package lists of $SUITE (see above)"
  WORK=$(mktemp -d "$CACHE/new.XXXXXX")
  trap 'rm -rf "$WORK"' EXIT
  (cd "$WORK" && apt-get -qq download docker-compose) || die "cannot download docker-compose (see above)"
  dpkg-deb --extract "$WORK"/docker-compose_*.deb "$WORK/unpacked" || die "cannot unpack docker-compose (see above)"
  tool=$(find "$WORK/unpacked" -path '*/cli-plugins/docker-compose' -type f -print -quit)
  [ -n "$tool" ] || die "the docker-compose of $SUITE is no plugin of the Docker CLI"
  chmod 755 "$tool"
  touch "$tool"
  mv "$tool" "$PLUGIN"
  rm -rf "$apt" # some 100 MB of package lists
}

main
