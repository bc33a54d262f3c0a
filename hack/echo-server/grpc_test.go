package main

import (
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

func startGRPC(t *testing.T, opts options) (running, grpc_health_v1.HealthClient) {
	t.Helper()
	ln := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(cancel)
	r := running{addr: ln.Addr().String(), stop: cancel, done: make(chan error, 1)}
	go func() { r.done <- serveGRPC(ctx, ln, opts) }()
	conn, err := grpc.NewClient("passthrough:///"+r.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return r, grpc_health_v1.NewHealthClient(conn)
}

func TestGRPCTellsTheServerInHeaderAndTrailer(t *testing.T) {
	for failHealth, want := range map[bool]grpc_health_v1.HealthCheckResponse_ServingStatus{
		false: grpc_health_v1.HealthCheckResponse_SERVING,
		true:  grpc_health_v1.HealthCheckResponse_NOT_SERVING,
	} {
		_, client := startGRPC(t, options{name: "api1", failHealth: failHealth, grace: time.Second})
		var header, trailer metadata.MD
		answer, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{}, grpc.Header(&header), grpc.Trailer(&trailer))
		if err != nil || answer.GetStatus() != want {
			t.Errorf("-fail-health=%t: %v, %v, want %v", failHealth, answer, err, want)
		}
		for name, md := range map[string]metadata.MD{"header": header, "trailer": trailer} {
			if got := md.Get(servedBy); len(got) != 1 || got[0] != "api1" {
				t.Errorf("the %s says %q", name, got)
			}
		}
	}
}

func TestAStopBoundsGRPCCallsByTheGracePeriod(t *testing.T) {
	r, client := startGRPC(t, options{name: "api1", grace: 50 * time.Millisecond})
	stream, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if header, err := stream.Header(); err != nil || len(header.Get(servedBy)) != 1 {
		t.Errorf("header %v, %v", header, err)
	}
	for _, want := range []grpc_health_v1.HealthCheckResponse_ServingStatus{
		grpc_health_v1.HealthCheckResponse_SERVING, grpc_health_v1.HealthCheckResponse_NOT_SERVING,
	} {
		if answer, err := stream.Recv(); err != nil || answer.GetStatus() != want {
			t.Fatalf("received %v, %v, want %v", answer, err, want)
		}
		r.stop()
	}
	if err := r.wait(t); err == nil {
		t.Error("a call that never ends must be cut, and be said so")
	}
}
