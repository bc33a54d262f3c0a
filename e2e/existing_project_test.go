package e2e

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"gotest.tools/v3/assert"
)

// TestExistingProject_speaks_more_than_HTTP puts HAProxy in front of apps of
// every kind at once.
func TestExistingProject_speaks_more_than_HTTP(t *testing.T) {
	t.Parallel()
	p := newProject(t)
	ports := freePorts(t, 2)
	tcpPort, tlsPort := ports[0], ports[1]
	p.copyProject("protocols", "TCP_PORT", strconv.Itoa(tcpPort), "TLS_PORT", strconv.Itoa(tlsPort))
	before := p.snapshot()
	p.attach() // the labels say it all
	p.mustHoldStill(before, ".")
	p.up()

	for _, scenario := range []struct {
		name string
		test func(*project)
	}{
		{"websockets stay open over a reload", websocketsStayOpen},
		{"gRPC calls get header and trailer", grpcCalls},
		{"HTTP2 in clear text reaches the app", http2InClearText},
		{"a database is reached by its port", func(p *project) { tcpLines(p, tcpPort) }},
		{"TLS goes through to the app that its name is for", func(p *project) { tlsPassthrough(p, tlsPort) }},
	} {
		t.Run(scenario.name, func(t *testing.T) { scenario.test(p.within(t)) })
	}
}

// openSocket opens a websocket through HAProxy.
func (p *project) openSocket(host string) *websocket.Conn {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), 10*time.Second)
	defer cancel()
	conn, _, err := websocket.Dial(ctx, fmt.Sprintf("ws://127.0.0.1:%d/ws", p.http), &websocket.DialOptions{
		Host: host, HTTPClient: &http.Client{Transport: newTransport()},
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { conn.CloseNow() })
	return conn
}

// say sends a message on a websocket, and gives the answer.
func say(conn *websocket.Conn, message string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		return "", err
	}
	_, answer, err := conn.Read(ctx)
	return string(answer), err
}

func websocketsStayOpen(p *project) {
	t := p.t
	conn := p.openSocket("chat.example.com")
	who, err := say(conn, "whoami")
	assert.NilError(t, err)
	assert.Assert(t, strings.HasPrefix(who, "chat version "), who)

	worker := p.worker()
	p.edit(configFile, func(text string) string { return text + "# edited\n" })
	p.mustSucceed(p.haproxy("reload"))
	assert.Assert(t, p.worker() != worker)
	echo, err := say(conn, "still there?")
	assert.NilError(t, err)
	assert.Equal(t, echo, "still there?")
}

func grpcCalls(p *project) {
	t := p.t
	call := func(host string) (metadata.MD, metadata.MD, error) {
		conn, err := grpc.NewClient("passthrough:///127.0.0.1:"+strconv.Itoa(p.http),
			grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithAuthority(host), grpc.WithNoProxy())
		assert.NilError(t, err)
		defer conn.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		var header, trailer metadata.MD
		answer, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{}, grpc.Header(&header), grpc.Trailer(&trailer))
		if err == nil && answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
			err = fmt.Errorf("the app says %v", answer.GetStatus())
		}
		return header, trailer, err
	}
	header, trailer, err := call("api.example.com")
	assert.NilError(t, err)
	assert.DeepEqual(t, header.Get("x-served-by"), []string{"api"})
	assert.DeepEqual(t, trailer.Get("x-served-by"), []string{"api"})
	if _, _, err := call("unknown.example.com"); err == nil {
		t.Fatal("a host without a route must not reach the app")
	}
}

func http2InClearText(p *project) {
	t := p.t
	a := p.ask(request{host: "h2.example.com"}) // the client speaks HTTP/1.1
	assert.Equal(t, a.by(), "h2")
	assert.Assert(t, strings.Contains(a.body, "GET / HTTP/2.0\n"), a.body)
}

func tcpLines(p *project, port int) {
	t := p.t
	conn, err := net.DialTimeout("tcp", "127.0.0.1:"+strconv.Itoa(port), 5*time.Second)
	assert.NilError(t, err)
	defer conn.Close()
	assert.NilError(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	answers := bufio.NewReader(conn)
	for _, line := range []string{"select 1", "select 2"} {
		fmt.Fprintln(conn, line)
		answer, err := answers.ReadString('\n')
		assert.NilError(t, err)
		assert.Equal(t, answer, "db "+line+"\n")
	}
}

func tlsPassthrough(p *project, port int) {
	t := p.t
	ask := func(name string) (a answer, certificate []string, err error) {
		transport := newTransport()
		transport.DisableKeepAlives = true
		transport.TLSClientConfig = &tls.Config{
			MinVersion:         tls.VersionTLS12,
			ServerName:         name,
			InsecureSkipVerify: true, // the app signs for itself; whose certificate it is, is looked at
			VerifyConnection: func(state tls.ConnectionState) error {
				certificate = state.PeerCertificates[0].DNSNames
				return nil
			},
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		asked, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://127.0.0.1:"+strconv.Itoa(port)+"/", http.NoBody)
		assert.NilError(t, err)
		a, err = roundTrip(transport, asked)
		return a, certificate, err
	}
	for name, want := range map[string]struct{ by, certificate string }{
		"vault.example.com": {"vault", "vault.example.com"},
		"one.example.org":   {"others", "*.example.org"},
	} {
		a, certificate, err := ask(name)
		assert.NilError(t, err, name)
		assert.Equal(t, a.by(), want.by, name)
		assert.DeepEqual(t, certificate, []string{want.certificate})
		assert.Assert(t, strings.Contains(a.body, "TLS for "+name+"\n"), a.body)
	}
	_, _, err := ask("unknown.example.com")
	assert.Assert(t, err != nil, "a name without a route must be refused")
}
