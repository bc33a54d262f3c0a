#!/usr/bin/env bash
# Stand-in images for machines that reach no image registry.
#
#   hack/images.sh [--print] [haproxy|echo|peers|all|IMAGE...]
#
# HAProxy comes from Debian's packages, through apt and with apt's verification
# of signatures and hashes; so do nginx and Caddy, the peers that "make bench"
# measures and nothing else needs; the app is hack/echo-server. The images are loaded
# into the engine under names that say what they are (--print lists them), and
# carry a label with the hash of everything they are made of: an image that is
# up to date is left alone, and the same inputs give the same image ID.
#
# No root needed, only the right to use the engine.
#
#   CACHE   where packages and apt's lists are kept
#   MIRROR  a Debian archive; default: the one this machine's apt uses
#   SUITES  where to look for HAProxy; default "sid experimental"
#   MAXAGE  minutes after which apt's lists are refreshed; default 720
set -euo pipefail
umask 022 # file modes go into the images
export LC_ALL=C

cd "$(dirname "${BASH_SOURCE[0]}")/.."
. hack/apt.sh
readonly SCRIPT=hack/images.sh
readonly PREFIX=localhost/docker-haproxy
readonly HASH_LABEL=docker-haproxy.inputs
readonly HAPROXY_IMAGES="$PREFIX/haproxy:3.2 $PREFIX/haproxy:3.2-official $PREFIX/haproxy:3.2-nosocat $PREFIX/haproxy:3.4"
readonly ECHO_IMAGES="$PREFIX/echo:1 $PREFIX/echo:2"
readonly PEER_IMAGES="$PREFIX/peers:1"
SUITES=${SUITES:-sid experimental}
MAXAGE=${MAXAGE:-720}

say() { printf '%s\n' "$*" >&2; }
die() {
  say "hack/images.sh: $*"
  exit 1
}

# need COMMAND HINT: stops with the hint when the command is not there.
need() { command -v "$1" >/dev/null 2>&1 || die "$1 is needed: $2"; }

usage() { say "Usage: hack/images.sh [--print] [haproxy|echo|peers|all|IMAGE...]"; }

main() {
  local arg print='' wanted=''
  for arg in "$@"; do
    case $arg in
      --print) print=yes ;;
      -h | --help) usage && exit 0 ;;
      haproxy) wanted+=" $HAPROXY_IMAGES" ;;
      echo) wanted+=" $ECHO_IMAGES" ;;
      peers) wanted+=" $PEER_IMAGES" ;;
      all) wanted+=" $HAPROXY_IMAGES $ECHO_IMAGES" ;;
      *)
        case " $HAPROXY_IMAGES $ECHO_IMAGES $PEER_IMAGES " in
          *" $arg "*) wanted+=" $arg" ;;
          *) usage && die "there is no image $arg (--print lists them)" ;;
        esac
        ;;
    esac
  done
  wanted=${wanted:-$HAPROXY_IMAGES $ECHO_IMAGES}
  # shellcheck disable=SC2086 # a list of words
  if [ -n "$print" ]; then
    printf '%s\n' $wanted
    return
  fi

  need docker "install the Docker CLI and start the engine"
  ARCH=$(docker version --format '{{.Server.Arch}}') || die "the engine does not answer: is it running, and may you use it?"
  TAR=$(command -v gtar || command -v tar || true)
  case $("${TAR:-false}" --version 2>/dev/null || true) in
    *GNU*) ;;
    *) die "GNU tar is needed (on macOS: brew install gnu-tar)" ;;
  esac
  CACHE=${CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/docker-haproxy/images}
  mkdir -p "$CACHE"
  CACHE=$(cd "$CACHE" && pwd)
  if command -v flock >/dev/null; then
    exec 9>"$CACHE/lock"
    flock -n 9 || { say "Waiting for another run to finish." && flock 9; }
  fi
  WORK=$(mktemp -d)
  trap 'rm -rf "$WORK"' EXIT

  local image
  for image in $wanted; do
    case $image in
      */haproxy:*) haproxy_image "$image" ;;
      */echo:*) echo_image "$image" ;;
      */peers:*) peers_image "$image" ;;
    esac
  done
}

# ---------------------------------------------------------------- the app

echo_image() { # IMAGE
  local image=$1 version=${1##*:} root=$WORK/echo hash
  go_binary echo-server
  hash=$(inputs "$version" "$(sha256 "$WORK/echo-server")")
  if up_to_date "$image" "$hash"; then return; fi

  say "Building $image."
  mkdir -p "$root"
  cp "$WORK/echo-server" "$root/echo-server"
  write_layer "$root"
  load "$image" <<JSON
    "User": "65532:65532",
    "WorkingDir": "/",
    "ExposedPorts": {"8080/tcp": {}},
    "Env": ["VERSION=$version"],
    "Entrypoint": ["/echo-server"],
    "Labels": {
      "$HASH_LABEL": "$hash",
      "org.opencontainers.image.title": "echo-server",
      "org.opencontainers.image.description": "Answers any request with its details: the demo and test app of docker haproxy",
      "org.opencontainers.image.version": "$version",
      "org.opencontainers.image.licenses": "Apache-2.0"
    }
JSON
}

# go_binary NAME: builds hack/NAME for the engine, statically, as $WORK/NAME.
# Without VCS stamps, so that a commit elsewhere does not change the image.
go_binary() {
  [ ! -e "$WORK/$1" ] || return 0
  need go "install Go, see go.mod for the version"
  CGO_ENABLED=0 GOOS=linux GOARCH=$ARCH GOFLAGS='' \
    go build -trimpath -buildvcs=false -ldflags '-s -w' -o "$WORK/$1" "./hack/$1" ||
    die "cannot build hack/$1"
}

# ---------------------------------------------------------------- HAProxy

# Three flavours, after the images they stand in for:
#   haproxytech  root, no working directory, uid 1000, socat
#   official     USER haproxy (99), /var/lib/haproxy, socat
#   nosocat      as haproxytech, with "nc local:PATH" in place of socat, as Alpine's
haproxy_image() { # IMAGE
  local image=$1 tag=${1##*:} branch flavour uid=1000 user='' workdir='' tools='dash socat' like nc='' hash
  branch=${tag%%-*}
  case $tag in
    *-official) flavour=official uid=99 user=haproxy workdir=/var/lib/haproxy like="haproxy:$branch" ;;
    *-nosocat) flavour=nosocat tools=dash like="haproxytech/haproxy-alpine:$branch" ;;
    *) flavour=haproxytech like="haproxytech/haproxy-debian:$branch" ;;
  esac

  refresh_apt
  resolve haproxy "busybox-static ca-certificates $tools" "$branch"
  if [ $flavour = nosocat ]; then
    go_binary nc
    nc=$(sha256 "$WORK/nc")
  fi
  hash=$(inputs "$tag" "${PACKAGES[*]}" "$nc")
  if up_to_date "$image" "$hash"; then return; fi

  say "Building $image from Debian's haproxy $VERSION."
  unpack
  install_root "$tools" $flavour $uid
  write_layer "$WORK/root" ./var/lib/haproxy $uid
  load "$image" <<JSON
    "User": "$user",
    "WorkingDir": "$workdir",
    "Env": [
      "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
      "HAPROXY_BRANCH=$branch",
      "HAPROXY_MINOR=${VERSION%%-*}"
    ],
    "Entrypoint": ["/docker-entrypoint.sh"],
    "Cmd": ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
    "StopSignal": "SIGUSR1",
    "Labels": {
      "$HASH_LABEL": "$hash",
      "org.opencontainers.image.title": "haproxy",
      "org.opencontainers.image.description": "Stand-in for $like made of Debian's haproxy $VERSION, for tests without a registry",
      "org.opencontainers.image.version": "${VERSION%%-*}"
    }
JSON
  docker run --rm --network none "$image" haproxy -v >"$WORK/version" 2>&1 || die "$image does not run: $(cat "$WORK/version")"
  say "  $(sed -n 1p "$WORK/version")"
}

# ---------------------------------------------------------------- nginx and Caddy

peers_image() { # IMAGE
  local image=$1 root=$WORK/peers hash file
  refresh_apt
  resolve nginx caddy
  hash=$(inputs "${PACKAGES[*]}")
  if up_to_date "$image" "$hash"; then return; fi

  say "Building $image from Debian's nginx and Caddy: ${PACKAGES[*]}."
  unpack
  mkdir -p "$root"/{dev,etc,proc,run,sys,tmp,var/{lib,log}/nginx} "$root"/usr/{bin,sbin,lib,lib64}
  for file in bin sbin lib lib64; do ln -s "usr/$file" "$root/$file"; done
  install_libraries "$WORK/unpacked" "$root" usr/sbin/nginx usr/bin/caddy
  chmod 1777 "$root/tmp"
  cp -L "$WORK/unpacked/usr/sbin/nginx" "$root/usr/sbin/nginx"
  cp -L "$WORK/unpacked/usr/bin/caddy" "$root/usr/bin/caddy"
  printf 'root:x:0:0:root:/root:/bin/false\nnobody:x:65534:65534::/nonexistent:/bin/false\n' >"$root/etc/passwd"
  printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
  write_layer "$root"
  load "$image" <<JSON
    "Env": ["PATH=/usr/sbin:/usr/bin", "HOME=/tmp"],
    "Labels": {
      "$HASH_LABEL": "$hash",
      "org.opencontainers.image.title": "nginx and Caddy",
      "org.opencontainers.image.description": "Debian's nginx and Caddy, for make bench"
    }
JSON
  docker run --rm --network none "$image" nginx -v >"$WORK/version" 2>&1 || die "$image does not run: $(cat "$WORK/version")"
  say "  $(sed -n 1p "$WORK/version"), Caddy $(docker run --rm --network none "$image" caddy version)"
}

# refresh_apt sets up an apt of our own, and sees to it that its lists are young enough.
refresh_apt() {
  [ -z "${APT_CONFIG:-}" ] || return 0
  local tool mirror apt=$CACHE/apt
  for tool in apt-get apt-cache dpkg-deb; do
    command -v $tool >/dev/null 2>&1 ||
      die "cannot build HAProxy here: there is no $tool (this is not Debian or one of its kin); pull an image, or give one with --image"
  done
  mirror=$(debian_mirror)
  [ -n "$mirror" ] ||
    die "cannot build HAProxy here: this machine's apt knows no Debian archive; set MIRROR to one, pull an image, or give one with --image"
  [ -r $KEYRING ] || die "cannot build HAProxy here: apt-get install debian-archive-keyring"
  DEB_ARCH=$(dpkg --print-architecture)
  [ "$DEB_ARCH" = "$ARCH" ] || [ "$DEB_ARCH/$ARCH" = armhf/arm ] ||
    die "cannot build HAProxy here: the engine is $ARCH and this machine's packages are $DEB_ARCH"

  private_apt "$apt" "$DEB_ARCH"
  mkdir -p "$apt/debs"
  # shellcheck disable=SC2086 # a list of words
  sources "$mirror" $SUITES >"$WORK/sources.list"

  if cmp -s "$WORK/sources.list" "$apt/etc/sources.list" && [ -n "$(find "$apt/updated" -mmin "-$MAXAGE" 2>/dev/null)" ]; then
    return
  fi
  say "Refreshing the package lists of $SUITES."
  cmp -s "$WORK/sources.list" "$apt/etc/sources.list" || rm -f "$apt/updated"
  cp "$WORK/sources.list" "$apt/etc/sources.list"
  if apt-get -qq -o APT::Update::Error-Mode=any update; then
    rm -rf "$apt/resolved"
    touch "$apt/updated"
  elif [ -e "$apt/updated" ]; then
    say "The archive does not answer: going on with the lists of $(date -r "$apt/updated" +%F)."
  else
    die "cannot build HAProxy here: apt cannot read its package lists (see above)"
  fi
}

# resolve PACKAGE TOOLS [BRANCH]: the newest version of a package, of a branch if
# one is given, as VERSION, and every package it takes, as PACKAGES
# ("name=version"): itself, the tools, and the shared libraries they need.
# Debian's scripts are never run, so the rest of what the packages depend on has
# no use here. Asking apt takes seconds, so the answer is kept for as long as its
# lists and this script are the same.
resolve() {
  local kept
  kept=$CACHE/apt/resolved/$(inputs "$@")
  if [ ! -e "$kept" ]; then
    ask_apt "$@"
    mkdir -p "${kept%/*}"
    printf '%s\n' "$VERSION" "${PACKAGES[@]}" >"$kept.new"
    mv "$kept.new" "$kept"
  fi
  mapfile -t PACKAGES <"$kept"
  VERSION=${PACKAGES[0]}
  PACKAGES=("${PACKAGES[@]:1}")
}

ask_apt() { # PACKAGE TOOLS [BRANCH]
  local -A seen=()
  local -a level next names=()
  local package
  VERSION=$(apt-cache madison "$1" | awk -v prefix="${3:+$3.}" 'index($3, prefix) == 1 { print $3 }' | sort -V | tail -n 1)
  [ -n "$VERSION" ] || die "cannot build $1 here: no $1${3:+ }${3:-} in $SUITES; set SUITES, pull an image, or give one with --image"

  # shellcheck disable=SC2206 # a list of words
  level=("$1=$VERSION" $2)
  while [ ${#level[@]} -gt 0 ]; do
    next=()
    for package in "${level[@]}"; do
      [ -z "${seen[${package%%=*}]:-}" ] || continue
      seen[${package%%=*}]=yes
      names+=("$package")
      next+=("$package")
    done
    [ ${#next[@]} -gt 0 ] || break
    mapfile -t level < <(apt-cache depends --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces --no-enhances "${next[@]}" |
      sed -nE 's/^ *\|?(Pre)?Depends: ((lib|zlib1g)[^ <>]*)$/\2/p' | sort -u)
  done
  mapfile -t PACKAGES < <(apt-cache --no-all-versions show "${names[@]}" |
    awk '$1 == "Package:" { name = $2 } $1 == "Version:" { print name "=" $2 }' | sort -u)
  # "show" without the version asked for would list another one.
  printf '%s\n' "${PACKAGES[@]}" | grep -qxF "$1=$VERSION" || die "apt does not find $1=$VERSION"
}

# unpack: PACKAGES, into $WORK/unpacked, unless they are there from the image before.
unpack() {
  local file debs=$CACHE/apt/debs into=$WORK/unpacked
  [ "${UNPACKED:-}" != "${PACKAGES[*]}" ] || return 0
  UNPACKED=${PACKAGES[*]}
  rm -rf "$into"
  mkdir -p "$into"/usr/{bin,sbin,lib,lib64}
  for file in bin sbin lib lib64; do ln -s "usr/$file" "$into/$file"; done
  # apt verifies what it downloads, and skips the files that are there already.
  (cd "$debs" && apt-get -qq download "${PACKAGES[@]}") || die "cannot download Debian's packages (see above)"
  (cd "$WORK" && apt-get download --print-uris "${PACKAGES[@]}") | awk '{ print $2 }' >"$WORK/files"
  while read -r file; do
    dpkg-deb --fsys-tarfile "$debs/$file" | "$TAR" -x --keep-directory-symlink --no-same-owner -C "$into"
  done <"$WORK/files"
}

# install_root TOOLS FLAVOUR UID: from $WORK/unpacked, what the image needs and
# no more, into $WORK/root.
install_root() {
  local from=$WORK/unpacked to=$WORK/root tool applet file uid=$3
  rm -rf "$to"
  mkdir -p "$to"/{dev,etc/ssl/certs,proc,root,run,sys,tmp,var/lib/haproxy} \
    "$to"/usr/{bin,sbin,lib,lib64,local/{bin,etc/haproxy/errors,sbin}}
  for file in bin sbin lib lib64; do ln -s "usr/$file" "$to/$file"; done
  ln -s ../run "$to/var/run"
  ln -s /usr/local/etc/haproxy "$to/etc/haproxy"
  chmod 1777 "$to/tmp"

  local -a binaries=(usr/sbin/haproxy)
  for tool in $1; do binaries+=("usr/bin/$tool"); done
  install_libraries "$from" "$to" "${binaries[@]}"

  cp -L "$from/usr/sbin/haproxy" "$to/usr/local/sbin/haproxy"
  ln -s /usr/local/sbin/haproxy "$to/usr/sbin/haproxy"
  cp -L "$from/usr/bin/busybox" "$to/usr/bin/busybox"
  for applet in $("$to/usr/bin/busybox" --list); do
    [ -e "$to/usr/bin/$applet" ] || ln -s busybox "$to/usr/bin/$applet"
  done
  for tool in $1; do
    rm -f "$to/usr/bin/$tool"
    cp -L "$from/usr/bin/$tool" "$to/usr/bin/$tool"
  done
  # The shell of Debian's busybox prefers its own applets to what is in PATH.
  ln -sf dash "$to/usr/bin/sh"
  if [ "$2" = nosocat ]; then
    rm "$to/usr/bin/nc"
    cp "$WORK/nc" "$to/usr/bin/nc"
  fi

  cp "$from"/etc/haproxy/errors/*.http "$to/usr/local/etc/haproxy/errors/"
  cat "$from"/usr/share/ca-certificates/mozilla/*.crt >"$to/etc/ssl/certs/ca-certificates.crt"
  cat >"$to/etc/passwd" <<PASSWD
root:x:0:0:root:/root:/bin/sh
nobody:x:65534:65534::/nonexistent:/bin/false
haproxy:x:$uid:$uid::/var/lib/haproxy:/bin/sh
PASSWD
  cat >"$to/etc/group" <<GROUP
root:x:0:
nogroup:x:65534:
haproxy:x:$uid:
GROUP
  echo 'hosts: files dns' >"$to/etc/nsswitch.conf"

  # What the entry points of the real images do.
  cat >"$to/docker-entrypoint.sh" <<'ENTRYPOINT'
#!/bin/sh
set -e
case "${1:-}" in -*) set -- haproxy "$@" ;; esac
if [ "${1:-}" = haproxy ]; then
  shift
  set -- haproxy -W -db "$@"
fi
exec "$@"
ENTRYPOINT
  chmod 755 "$to/docker-entrypoint.sh"
}

# install_libraries FROM TO BINARY...: the loader and the shared libraries that
# the binaries load. The unpacked loader itself is asked, with the unpacked
# libraries as its only search path: that needs neither root nor a chroot.
install_libraries() {
  local from=$1 to=$2 loader search file binary
  shift 2
  loader=$(cd "$from" && find usr/lib64 usr/lib -maxdepth 1 -name 'ld-linux*.so.*' -print -quit)
  search=$(find "$from/usr/lib" -name '*.so.*' -printf '%h\n' | sort -u | paste -sd :)
  for binary in "$@"; do
    "$from/$loader" --inhibit-cache --library-path "$search" --list "$from/$binary"
  done | awk '$2 == "=>" { print $3 }' | sort -u >"$WORK/libraries"
  printf '%s\n' "$from/$loader" >>"$WORK/libraries"
  while read -r file; do
    case $file in
      "$from"/*) ;;
      *) die "a library was not found among Debian's packages: $file" ;;
    esac
    file=${file#"$from"}
    mkdir -p "$to${file%/*}"
    cp -L "$from$file" "$to$file"
    chmod 755 "$to$file"
  done <"$WORK/libraries"
}

# ---------------------------------------------------------------- images

sha256() { # FILE
  if command -v sha256sum >/dev/null; then sha256sum "$1"; else shasum -a 256 "$1"; fi | cut -d ' ' -f 1
}

# inputs WORD...: the hash of what an image is made of; this script is a part.
inputs() {
  {
    cat $SCRIPT
    printf '\n%s' "$ARCH" "$@"
  } >"$WORK/inputs"
  sha256 "$WORK/inputs"
}

up_to_date() { # IMAGE HASH
  [ "$(docker image inspect --format "{{ index .Config.Labels \"$HASH_LABEL\" }}" "$1" 2>/dev/null)" = "$2" ] || return 1
  say "$1 is up to date."
}

# write_layer ROOT [DIRECTORY UID]: $WORK/layer.tar, with everything owned by
# root but the directory. Ownership, order and times are set here and not on
# the files, so that nobody needs to be root and every build is the same.
write_layer() {
  local tar=("$TAR" --format=gnu --sort=name --numeric-owner --mtime=@0 -C "$1" -f "$WORK/layer.tar")
  if [ $# -eq 1 ]; then
    "${tar[@]}" --owner=0 --group=0 -c .
    return
  fi
  "${tar[@]}" --owner=0 --group=0 --exclude="$2" -c .
  "${tar[@]}" --owner="$3" --group="$3" -r "$2"
}

# load IMAGE <CONFIG: gives the engine $WORK/layer.tar as an image. The archive
# is written by hand: "docker import" refuses STOPSIGNAL, and "docker build"
# cannot say when an image was made.
load() {
  local image=$1 archive=$WORK/archive before
  before=$(docker image inspect --format '{{ .Id }}' "$image" 2>/dev/null || true)
  mkdir -p "$archive"
  mv "$WORK/layer.tar" "$archive/layer.tar"
  cat >"$archive/config.json" <<JSON
{
  "architecture": "$ARCH",
  "os": "linux",
  "created": "2000-01-01T00:00:00Z",
  "config": {
$(cat)
  },
  "rootfs": {"type": "layers", "diff_ids": ["sha256:$(sha256 "$archive/layer.tar")"]},
  "history": [{"created": "2000-01-01T00:00:00Z", "created_by": "$SCRIPT"}]
}
JSON
  printf '[{"Config": "config.json", "RepoTags": ["%s"], "Layers": ["layer.tar"]}]\n' "$image" >"$archive/manifest.json"
  "$TAR" --format=gnu --mtime=@0 --owner=0 --group=0 --numeric-owner -C "$archive" -c manifest.json config.json layer.tar |
    docker load -q >"$WORK/loaded" || die "the engine refused $image: $(cat "$WORK/loaded")"
  # The one it replaces, unless a container still uses it.
  if [ -n "$before" ] && [ "$before" != "$(docker image inspect --format '{{ .Id }}' "$image")" ]; then
    docker image rm "$before" >/dev/null 2>&1 || true
  fi
}

main "$@"
