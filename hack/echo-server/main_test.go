package main

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestCrashAfterEndsTheServerWithAnError(t *testing.T) {
	err := run(t.Context(), options{listen: "127.0.0.1:0", crashAfter: 20 * time.Millisecond}, &bytes.Buffer{})
	if !errors.Is(err, errCrash) {
		t.Fatalf("run = %v, want errCrash", err)
	}
}

func TestStartDelayIsEndedByAStop(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	var stderr bytes.Buffer
	if err := run(ctx, options{listen: "127.0.0.1:0", startDelay: time.Minute}, &stderr); err != nil {
		t.Fatalf("run = %v, want nil", err)
	}
	if stderr.Len() != 0 {
		t.Errorf("logged %q though it never listened", &stderr)
	}
}

func TestOneLineAtStartAndOneAtStop(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var stderr bytes.Buffer
	if err := run(ctx, options{listen: "127.0.0.1:0", name: "web1", version: "1", grace: time.Second}, &stderr); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	if len(lines) != 2 || !strings.Contains(lines[0], "listening on 127.0.0.1:") || lines[1] != "echo-server: web1 stopped" {
		t.Errorf("log = %q", lines)
	}
}

func TestAPortInUseIsAnError(t *testing.T) {
	ln := listen(t)
	err := run(t.Context(), options{listen: ln.Addr().String()}, &bytes.Buffer{})
	if err == nil || !strings.Contains(err.Error(), ln.Addr().String()) {
		t.Fatalf("run = %v, want an error that names %s", err, ln.Addr())
	}
}
