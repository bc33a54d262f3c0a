package main

import (
	"bytes"
	"context"
	"net"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestEverythingThatIsListenedOnIsNamedAndStops(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	const anyPort = "127.0.0.1:0"
	var stderr bytes.Buffer
	err := run(ctx, options{
		listen: anyPort, tcpListen: anyPort, tlsListen: anyPort, tlsNames: "localhost", grpcListen: anyPort,
		name: "web1", version: "1", grace: time.Second,
	}, &stderr)
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile(`(?m)^echo-server: web1, version 1, listening on 127\.0\.0\.1:\d+, HTTPS on 127\.0\.0\.1:\d+, TCP on 127\.0\.0\.1:\d+, gRPC on 127\.0\.0\.1:\d+$`)
	if !want.MatchString(stderr.String()) {
		t.Errorf("log = %q", &stderr)
	}
}

func TestOneAddressInUseClosesTheOthers(t *testing.T) {
	taken, free := listen(t), listen(t)
	address := free.Addr().String()
	free.Close()
	_, err := openListeners(options{listen: address, grpcListen: taken.Addr().String()})
	if err == nil || !strings.Contains(err.Error(), taken.Addr().String()) {
		t.Fatalf("openListeners = %v, want an error that names %s", err, taken.Addr())
	}
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the address that was free is taken now: %v", err)
	}
	again.Close()
}
