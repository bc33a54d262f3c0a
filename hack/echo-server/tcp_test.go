package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func startLines(t *testing.T, opts options) running {
	t.Helper()
	ln := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r := running{addr: ln.Addr().String(), stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- newLines(opts).serve(ctx, ln) }()
	return r
}

func dial(t *testing.T, address string) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestEveryLineIsAnsweredWithTheNameAndTheLine(t *testing.T) {
	r := startLines(t, options{name: "db1", grace: time.Second})
	conn := dial(t, r.addr)
	answers := bufio.NewReader(conn)
	for _, line := range []string{"one", "", "two words", strings.Repeat("long", 1000)} {
		fmt.Fprintf(conn, "%s\r\n", line)
		if got, err := answers.ReadString('\n'); err != nil || got != "db1 "+line+"\n" {
			t.Errorf("%q is answered with %q, %v", line, got, err)
		}
	}
}

func TestAStopClosesConnectionsOverTCP(t *testing.T) {
	r := startLines(t, options{name: "db1", grace: time.Minute})
	conn := dial(t, r.addr)
	answers := bufio.NewReader(conn)
	fmt.Fprintln(conn, "hello")
	if _, err := answers.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	r.stop()
	if err := r.wait(t); err != nil {
		t.Errorf("serve = %v", err)
	}
	if _, err := answers.ReadString('\n'); err != io.EOF {
		t.Errorf("after the stop read = %v, want io.EOF", err)
	}
}
