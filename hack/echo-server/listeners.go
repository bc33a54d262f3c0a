package main

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strings"

	"golang.org/x/sync/errgroup"
)

// listeners are what one echo server listens on; all but http may be nil.
type listeners struct{ http, tls, tcp, grpc net.Listener }

// openListeners opens all of them or, with an error, none.
func openListeners(opts options) (listeners, error) {
	var open listeners
	for _, l := range []struct {
		address string
		at      *net.Listener
	}{
		{opts.listen, &open.http},
		{opts.tlsListen, &open.tls},
		{opts.tcpListen, &open.tcp},
		{opts.grpcListen, &open.grpc},
	} {
		if l.address == "" {
			continue
		}
		ln, err := net.Listen("tcp", l.address)
		if err != nil {
			return listeners{}, errors.Join(err, open.close())
		}
		*l.at = ln
	}
	if open.tls != nil {
		config, err := tlsConfig(opts.tlsNames)
		if err != nil {
			return listeners{}, errors.Join(err, open.close())
		}
		open.tls = tls.NewListener(open.tls, config)
	}
	return open, nil
}

func (l listeners) close() error {
	var errs []error
	for _, ln := range []net.Listener{l.http, l.tls, l.tcp, l.grpc} {
		if ln != nil {
			errs = append(errs, ln.Close())
		}
	}
	return errors.Join(errs...)
}

// String is the addresses, with what is spoken there unless it is HTTP.
func (l listeners) String() string {
	parts := []string{l.http.Addr().String()}
	for _, other := range []struct {
		ln    net.Listener
		words string
	}{{l.tls, "HTTPS on "}, {l.tcp, "TCP on "}, {l.grpc, "gRPC on "}} {
		if other.ln != nil {
			parts = append(parts, other.words+other.ln.Addr().String())
		}
	}
	return strings.Join(parts, ", ")
}

// serve serves all of them until ctx ends, or until one fails: then the others
// stop too.
func (l listeners) serve(ctx context.Context, opts options) error {
	group, ctx := errgroup.WithContext(ctx)
	web := []net.Listener{l.http}
	if l.tls != nil {
		web = append(web, l.tls)
	}
	group.Go(func() error { return newServer(opts).serve(ctx, web...) })
	if l.tcp != nil {
		group.Go(func() error { return newLines(opts).serve(ctx, l.tcp) })
	}
	if l.grpc != nil {
		group.Go(func() error { return serveGRPC(ctx, l.grpc, opts) })
	}
	return group.Wait()
}
