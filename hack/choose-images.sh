#!/usr/bin/env bash
# Chooses the images of the demo and the tests, and prints them for a shell:
#
#   eval "$(hack/choose-images.sh)"    # sets HAPROXY_IMAGE and ECHO_IMAGE
#
# The real images when they can be had, else stand-ins built here under names of
# their own (hack/images.sh). HAPROXY_IMAGE and ECHO_IMAGE in the environment win.
# Runs on the bash 3.2 of macOS.
set -euo pipefail

readonly HAPROXY_REAL=haproxytech/haproxy-alpine:3.2
readonly ECHO_REAL=jmalloc/echo-server:latest
readonly HAPROXY_STAND_IN=localhost/docker-haproxy/haproxy:3.2
readonly ECHO_STAND_IN=localhost/docker-haproxy/echo:1
readonly PULL_TIMEOUT=${PULL_TIMEOUT:-60} # seconds, for each image

cd "$(dirname "${BASH_SOURCE[0]}")/.."

say() { printf '%s\n' "$*" >&2; }

main() {
  local haproxy=${HAPROXY_IMAGE:-} echo=${ECHO_IMAGE:-}
  if [ -z "$haproxy" ] || [ -z "$echo" ]; then
    docker version >/dev/null 2>&1 || {
      say "hack/choose-images.sh: the Docker engine does not answer: is it running, and may you use it?"
      exit 1
    }
  fi
  UNREACHABLE=''
  [ -n "$haproxy" ] || { haproxy=$HAPROXY_REAL && have "$haproxy"; } || haproxy=$HAPROXY_STAND_IN
  [ -n "$echo" ] || { echo=$ECHO_REAL && have "$echo"; } || echo=$ECHO_STAND_IN

  local -a stand_ins=()
  [ "$haproxy" != $HAPROXY_STAND_IN ] || stand_ins+=("$haproxy")
  [ "$echo" != $ECHO_STAND_IN ] || stand_ins+=("$echo")
  if [ ${#stand_ins[@]} -gt 0 ]; then
    [ -z "$UNREACHABLE" ] || say "Using stand-ins built here, under their own names: ${stand_ins[*]}"
    hack/images.sh "${stand_ins[@]}" >&2
  fi
  printf 'HAPROXY_IMAGE=%q\nECHO_IMAGE=%q\n' "$haproxy" "$echo"
}

# have IMAGE: whether the image is here, or can be pulled. Once a pull has failed
# no other one is tried: it would take as long to fail.
have() {
  local answer
  docker image inspect "$1" >/dev/null 2>&1 && return
  [ -z "$UNREACHABLE" ] || return 1
  say "Pulling $1."
  answer=$(bounded "$PULL_TIMEOUT" docker pull -q "$1" 2>&1) && return
  UNREACHABLE=yes
  say "Cannot pull $1: ${answer:-no answer in ${PULL_TIMEOUT}s}"
  return 1
}

# bounded SECONDS COMMAND...: macOS has no timeout(1).
bounded() {
  local tenths=$(($1 * 10)) command
  shift
  "$@" &
  command=$!
  while [ $tenths -gt 0 ] && kill -0 $command 2>/dev/null; do
    sleep 0.1
    tenths=$((tenths - 1))
  done
  kill $command 2>/dev/null || true
  wait $command 2>/dev/null
}

main
