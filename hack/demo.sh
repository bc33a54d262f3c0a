#!/usr/bin/env bash
# From nothing to a balanced demo in ./demo: what "make demo" runs after
# "make install". Run again, it brings the same demo up again.
#
#   HTTP_PORT, STATS_PORT       ports on this machine; default 80 and 8404
#   HAPROXY_IMAGE, ECHO_IMAGE   images; default: see hack/choose-images.sh
#
# Runs on the bash 3.2 of macOS, with or without curl.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly DIR=demo
# Written into the folder once init is done: it tells our demo from anything else.
readonly MARK=$DIR/.made-by-make-demo

die() {
  printf '%s\n' "$*" >&2
  exit 1
}

# run COMMAND...: shows the command, then runs it.
run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

main() {
  installed || die "There is no \"docker haproxy\" yet. Install it with: make install"
  create
  (cd $DIR && run docker haproxy up) || die "The demo did not start (see above). Its files are in ./$DIR; to start afresh: rm -r $DIR"
  show_balancing
  show_stats
  whats_next
}

# installed asks the CLI for its plugins: "docker haproxy --help" succeeds without
# the plugin, with the help of docker.
installed() {
  docker info --format '{{ range .ClientInfo.Plugins }}{{ .Name }}{{ "\n" }}{{ end }}' 2>/dev/null | grep -qx haproxy
}

# create makes the folder, or takes the one an earlier run has made.
create() {
  if [ -e $MARK ]; then
    HTTP_PORT=$(sed -n 's/^HTTP_PORT=//p' $MARK)
    STATS_PORT=$(sed -n 's/^STATS_PORT=//p' $MARK)
    printf 'Using the demo that is in ./%s, with your edits. To start afresh: docker haproxy down there, then rm -r %s\n' $DIR $DIR
    return
  fi
  if [ -e $DIR ] && [ -n "$(ls -A $DIR 2>/dev/null || echo not-a-folder)" ]; then
    die "./$DIR is there already and was not made by \"make demo\": move it away first."
  fi
  HTTP_PORT=${HTTP_PORT:-80}
  STATS_PORT=${STATS_PORT:-8404}

  local images
  images=$(hack/choose-images.sh) || die "No images for the demo (see above)."
  eval "$images"
  local -a flags=()
  # The real images are what init takes by itself.
  case $HAPROXY_IMAGE in haproxytech/haproxy-alpine:*) ;; *) flags+=(--image "$HAPROXY_IMAGE") ;; esac
  case $ECHO_IMAGE in jmalloc/echo-server:*) ;; *) flags+=(--app-image "$ECHO_IMAGE" --app-port 8080) ;; esac
  [ "$HTTP_PORT" = 80 ] || flags+=(--http-port "$HTTP_PORT")
  [ "$STATS_PORT" = 8404 ] || flags+=(--stats-port "$STATS_PORT")

  mkdir -p $DIR
  # An empty array is an error to the bash of macOS, hence the +.
  (cd $DIR && run docker haproxy init ${flags[@]+"${flags[@]}"}) || {
    rmdir $DIR 2>/dev/null || true
    die "The demo was not made (see above)."
  }
  printf 'HTTP_PORT=%s\nSTATS_PORT=%s\n' "$HTTP_PORT" "$STATS_PORT" >$MARK
}

show_balancing() {
  local i answer server servers=''
  printf '\nSix requests to http://localhost%s/\n' "$(suffix)"
  for i in 1 2 3 4 5 6; do
    answer=$(get "$HTTP_PORT") || die "Request $i was not answered."
    server=$(printf '%s\n' "$answer" | sed -n '1s/^Request served by //p' | tr -d '\r')
    [ -n "$server" ] || die "Request $i was answered, but not by the demo app: $(printf '%s\n' "$answer" | sed -n 1p)"
    printf '  %s  %s\n' "$i" "$server"
    servers+="$server"$'\n'
  done
  [ "$(printf %s "$servers" | sort -u | wc -l)" -eq 3 ] || die "Three servers were to answer, but these did:"$'\n'"$(printf %s "$servers" | sort -u)"
}

show_stats() {
  get "$STATS_PORT" >/dev/null || die "The stats page does not answer on port $STATS_PORT."
}

whats_next() {
  cat <<NEXT

It works.
  the app     http://localhost$(suffix)
  the stats   http://localhost:$STATS_PORT

Next, in ./$DIR:
  edit haproxy/haproxy.cfg, then apply it without losing a request:  docker haproxy reload
  remove everything again:                                           docker haproxy down
NEXT
}

suffix() { [ "$HTTP_PORT" = 80 ] || printf ':%s' "$HTTP_PORT"; }

# get PORT: the body of http://localhost:PORT/; fails unless the status is 200.
get() {
  if command -v curl >/dev/null; then
    curl -fsS --noproxy '*' --max-time 10 "http://localhost:$1/"
    return
  fi
  local status line
  exec 3<>"/dev/tcp/localhost/$1" || return 1
  printf 'GET / HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n' >&3
  read -r -t 10 _ status _ <&3 || return 1
  while read -r -t 10 line <&3 && [ -n "${line%$'\r'}" ]; do :; done
  cat <&3
  exec 3>&-
  [ "$status" = 200 ]
}

main
