package main

import (
	"context"
	"errors"
	"net"
	"time"

	"google.golang.org/grpc"
	grpchealth "google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
)

// servedBy is the header and the trailer that name the server.
const servedBy = "x-served-by"

// serveGRPC serves gRPC's own health service in clear text until ctx ends, then
// stops gracefully as the HTTP server does: it says that it does not serve, ln
// stays open for -drain, running calls get -grace to end.
func serveGRPC(ctx context.Context, ln net.Listener, opts options) error {
	srv := grpc.NewServer(
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
			name := metadata.Pairs(servedBy, opts.name)
			if err := errors.Join(grpc.SetHeader(ctx, name), grpc.SetTrailer(ctx, name)); err != nil {
				return nil, err
			}
			return handler(ctx, req)
		}),
		grpc.StreamInterceptor(func(srv any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
			name := metadata.Pairs(servedBy, opts.name)
			stream.SetTrailer(name)
			if err := stream.SetHeader(name); err != nil {
				return err
			}
			return handler(srv, stream)
		}),
	)
	state := grpchealth.NewServer()
	if opts.failHealth {
		state.SetServingStatus("", grpc_health_v1.HealthCheckResponse_NOT_SERVING)
	}
	grpc_health_v1.RegisterHealthServer(srv, state)

	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(ln) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}

	state.Shutdown()
	time.Sleep(opts.drain)
	cut := time.AfterFunc(opts.grace, srv.Stop)
	srv.GracefulStop()
	if !cut.Stop() {
		return errors.New("calls were still running after " + opts.grace.String() + " and were cut")
	}
	return nil
}
