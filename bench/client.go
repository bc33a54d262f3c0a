package bench

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"

	"golang.org/x/net/http2"
)

// client sends one request after the other, each one once: net/http's client
// would send a GET again that meets a connection which is being closed, and
// count two as one.
type client struct {
	load    Load
	address string
	conn    connection // nil when there is none
}

// connection is one to a server, in h1 or h2.
type connection interface {
	// exchange sends a request and reads its answer to the end.
	exchange(ctx context.Context) (status int, err error)
	// usable tells whether another request may be sent.
	usable() bool
	close()
}

func (c *client) request(ctx context.Context) error {
	if c.conn != nil && !c.conn.usable() {
		c.hangUp()
	}
	if c.conn == nil {
		if err := c.open(ctx); err != nil {
			return err
		}
	}
	status, err := c.conn.exchange(ctx)
	if err == nil && status >= http.StatusBadRequest {
		err = StatusError{Status: status}
	}
	return err
}

func (c *client) hangUp() {
	if c.conn != nil {
		c.conn.close()
	}
	c.conn = nil
}

func (c *client) open(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	conn, err := c.dial(ctx)
	if err != nil {
		return err
	}
	if c.load.Protocol == H2 {
		c.conn, err = newH2(conn, c.load)
	} else {
		c.conn = newH1(conn, c.load)
	}
	return err
}

func (c *client) dial(ctx context.Context) (net.Conn, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.address)
	if err != nil || !c.load.TLS {
		return conn, err
	}
	alpn := map[Protocol]string{H1: "http/1.1", H2: http2.NextProtoTLS}[c.load.Protocol]
	secured := tls.Client(conn, &tls.Config{
		ServerName:         hostname(c.load.Host),
		NextProtos:         []string{alpn},
		InsecureSkipVerify: true, //nolint:gosec // it is the project's own certificate, on an address that is the project's own
	})
	if err := secured.HandshakeContext(ctx); err != nil {
		conn.Close()
		return nil, err
	}
	if got := secured.ConnectionState().NegotiatedProtocol; c.load.Protocol == H2 && got != alpn {
		conn.Close()
		return nil, fmt.Errorf("the server does not speak h2 (it chose %q)", got)
	}
	return secured, nil
}

func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return host
}

// h1 is a connection with HTTP/1.1.
type h1 struct {
	conn    net.Conn
	reader  *bufio.Reader
	request []byte
	closing bool // the server has said so
	used    time.Time
}

func newH1(conn net.Conn, load Load) *h1 {
	keep := ""
	if !load.KeepAlive {
		keep = "Connection: close\r\n"
	}
	return &h1{
		conn: conn, reader: bufio.NewReader(conn), used: time.Now(),
		request: fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\n%s\r\n", load.Path, load.Host, userAgent, keep),
	}
}

const userAgent = "docker-haproxy-bench"

func (h *h1) exchange(ctx context.Context) (status int, err error) {
	defer context.AfterFunc(ctx, func() { h.conn.Close() })()
	if err := h.conn.SetDeadline(time.Now().Add(requestTimeout)); err != nil {
		return 0, err
	}
	if _, err := h.conn.Write(h.request); err != nil {
		return 0, err
	}
	answer, err := http.ReadResponse(h.reader, nil)
	if err != nil {
		return 0, fmt.Errorf("no answer: %w", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, fmt.Errorf("the answer breaks off: %w", err)
	}
	h.closing, h.used = answer.Close, time.Now()
	return answer.StatusCode, nil
}

// idleLimit is how long a connection may be idle and still be used: servers
// close those that are idle for seconds, at a low rate perhaps under a request.
const idleLimit = time.Second

func (h *h1) usable() bool { return !h.closing && time.Since(h.used) < idleLimit }

// close lets the server close first where it has said that it will: who closes
// first keeps the port for a minute (TIME-WAIT), and a client has not that many.
func (h *h1) close() {
	if h.closing && h.conn.SetReadDeadline(time.Now().Add(closeGrace)) == nil {
		_, _ = h.reader.ReadByte()
	}
	h.conn.Close()
}

const closeGrace = 20 * time.Millisecond

// h2 is a connection with HTTP/2, of one request at a time: what one client
// gains over h1 is then not hidden behind what many streams share.
type h2 struct {
	conn    net.Conn
	streams *http2.ClientConn
	request *http.Request
	used    time.Time
}

func newH2(conn net.Conn, load Load) (*h2, error) {
	scheme := "http"
	if load.TLS {
		scheme = "https"
	}
	target, err := url.ParseRequestURI(load.Path)
	if err != nil {
		conn.Close()
		return nil, err
	}
	target.Scheme, target.Host = scheme, load.Host
	streams, err := (&http2.Transport{AllowHTTP: true, DisableCompression: true}).NewClientConn(conn)
	if err != nil {
		conn.Close()
		return nil, err
	}
	request := &http.Request{Method: http.MethodGet, URL: target, Host: load.Host, Header: http.Header{"User-Agent": {userAgent}}}
	return &h2{conn: conn, streams: streams, request: request, used: time.Now()}, nil
}

func (h *h2) exchange(ctx context.Context) (status int, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	answer, err := h.streams.RoundTrip(h.request.WithContext(ctx))
	if err != nil {
		return 0, fmt.Errorf("no answer: %w", err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		return 0, fmt.Errorf("the answer breaks off: %w", err)
	}
	h.used = time.Now()
	return answer.StatusCode, nil
}

func (h *h2) usable() bool { return h.streams.CanTakeNewRequest() && time.Since(h.used) < idleLimit }

func (h *h2) close() { h.conn.Close() }
