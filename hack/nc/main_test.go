package main

import (
	"bufio"
	"bytes"
	"io"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// listen serves one connection on a Unix socket and returns the socket's path.
func listen(t *testing.T, serve func(*net.UnixConn)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "s")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Skip("no Unix sockets here: ", err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		conn, err := ln.AcceptUnix()
		if err != nil {
			return
		}
		defer conn.Close()
		serve(conn)
	}()
	return path
}

func TestTheEndOfTheInputHalfCloses(t *testing.T) {
	path := listen(t, func(conn *net.UnixConn) {
		sent, _ := io.ReadAll(conn) // ends with the half-close
		conn.Write([]byte("got " + string(sent)))
	})
	var stdout, stderr bytes.Buffer
	if code := connect(path, strings.NewReader("show info\n"), &stdout, &stderr); code != 0 || stdout.String() != "got show info\n" || stderr.Len() != 0 {
		t.Errorf("exit %d, stdout %q, stderr %q", code, &stdout, &stderr)
	}
}

func TestItStaysUntilTheInputEnds(t *testing.T) {
	path := listen(t, func(conn *net.UnixConn) {
		bufio.NewReader(conn).ReadString('\n')
		conn.Write([]byte("bye"))
	})
	stdin, input := io.Pipe()
	var stdout, stderr bytes.Buffer
	done := make(chan int, 1)
	go func() { done <- connect(path, stdin, &stdout, &stderr) }()
	io.WriteString(input, "show info\n")
	select {
	case code := <-done:
		t.Fatalf("exit %d before the input ended", code)
	case <-time.After(100 * time.Millisecond):
	}
	input.Close()
	if code := <-done; code != 0 || stdout.String() != "bye" {
		t.Errorf("exit %d, stdout %q, stderr %q", code, &stdout, &stderr)
	}
}

func TestInputAfterTheEndOfThePeerIsAnError(t *testing.T) {
	closed := make(chan struct{})
	path := listen(t, func(conn *net.UnixConn) {
		conn.Close()
		close(closed)
	})
	stdin, input := io.Pipe()
	go func() {
		<-closed
		io.WriteString(input, "show info\n")
	}()
	var stderr bytes.Buffer
	if code := connect(path, stdin, io.Discard, &stderr); code != 1 || stderr.String() != "nc: too many output retries\n" {
		t.Errorf("exit %d, stderr %q", code, &stderr)
	}
}

func TestASocketThatIsNotThere(t *testing.T) {
	var stderr bytes.Buffer
	if code := connect(filepath.Join(t.TempDir(), "none"), strings.NewReader(""), io.Discard, &stderr); code != 1 || stderr.Len() != 0 {
		t.Errorf("exit %d, stderr %q", code, &stderr)
	}
}
