// Command nc gives the stand-in for HAProxy's Alpine image what Alpine's busybox
// has and Debian's has not: "nc local:PATH", a connection to a Unix socket.
//
// It behaves as busybox does there (NC_110_COMPAT), also where that surprises:
//   - the end of its input half-closes the connection, and it then waits for the peer;
//   - when the peer closes first, it stays until its input ends;
//   - input that comes after that is an error;
//   - a socket that cannot be reached is exit code 1 without a word.
//
// Anything else than "local:PATH" is left to the busybox of the image.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
)

const busybox = "/usr/bin/busybox"

func main() {
	path, ok := "", false
	if len(os.Args) == 2 {
		path, ok = strings.CutPrefix(os.Args[1], "local:")
	}
	if !ok {
		err := syscall.Exec(busybox, append([]string{"nc"}, os.Args[1:]...), os.Environ())
		fmt.Fprintln(os.Stderr, "nc:", busybox+":", err)
		os.Exit(1)
	}
	os.Exit(connect(path, os.Stdin, os.Stdout, os.Stderr))
}

// connect copies both ways until both have ended, and returns the exit code.
func connect(path string, stdin io.Reader, stdout, stderr io.Writer) int {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return 1
	}
	defer conn.Close()
	received := make(chan struct{})
	go func() {
		defer close(received)
		_, _ = io.Copy(stdout, conn) // an error is the end of the peer
	}()
	if _, err := io.Copy(conn, stdin); err != nil {
		fmt.Fprintln(stderr, "nc: too many output retries")
		return 1
	}
	_ = conn.CloseWrite()
	<-received
	return 0
}
