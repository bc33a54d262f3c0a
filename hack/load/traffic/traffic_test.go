package traffic

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"gotest.tools/v3/assert"
)

// app answers as the echo server does, until it is told to do something else.
type app struct {
	instead atomic.Pointer[http.HandlerFunc]
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if instead := a.instead.Load(); instead != nil {
		(*instead)(w, r)
		return
	}
	if r.URL.Path == "/ws" {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		for {
			kind, message, err := conn.Read(r.Context())
			if err != nil {
				return
			}
			if conn.Write(r.Context(), kind, message) != nil || a.instead.Load() != nil {
				conn.CloseNow()
				return
			}
		}
	}
	fmt.Fprintln(w, r.Method, r.Header.Get(marker))
}

func (a *app) start(t *testing.T) (address string) {
	t.Helper()
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func start(t *testing.T, opts Options) *Load {
	t.Helper()
	l, err := Start(opts)
	assert.NilError(t, err)
	t.Cleanup(func() { l.Stop() })
	return l
}

// wait waits until the account is as it must become.
func wait(t *testing.T, l *Load, what string, condition func(Report) bool) Report {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		r := l.Report()
		if condition(r) {
			return r
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: not so in time: %+v", what, r)
		}
	}
}

func all(condition func(Count) bool) func(Report) bool {
	return func(r Report) bool {
		for _, count := range r.Counts {
			if !condition(count) {
				return false
			}
		}
		return len(r.Counts) > 0
	}
}

func TestEveryRequestIsAccountedFor(t *testing.T) {
	t.Parallel()
	l := start(t, Options{Address: (&app{}).start(t), Clients: Same(2)})
	wait(t, l, "all kinds are answered", all(func(c Count) bool { return c.Answered >= 10 }))
	r := l.Stop()
	assert.Equal(t, r.Lost(), int64(0), "%v", r.Losses)
	assert.Equal(t, r.Reconnected(), int64(0))
	assert.Equal(t, r.Answered(), l.Answered())
	for _, c := range r.Counts {
		assert.Equal(t, c.Sent, c.Answered+c.Lost)
		connections := int64(2)
		if c.Kind == GetNew || c.Kind == PostNew {
			connections = c.Sent
		}
		assert.Equal(t, c.Connections, connections, "%s", c.Kind)
		assert.Assert(t, c.Latency(50) > 0 && c.Latency(50) <= c.Latency(100))
	}
}

func TestAnythingButItsOwnAnswerIsALoss(t *testing.T) {
	t.Parallel()
	for name, instead := range map[string]http.HandlerFunc{
		"an error of the server": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"somebody else's answer": func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "client 77, request 77") },
		"an answer that ends": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "999")
			fmt.Fprintln(w, r.Header.Get(marker))
		},
		"a connection that ends":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"a redirect to elsewhere": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			app := &app{}
			l := start(t, Options{Address: app.start(t), Clients: Same(1), Pause: time.Millisecond})
			wait(t, l, "all kinds are answered", all(func(c Count) bool { return c.Answered > 0 }))
			app.instead.Store(&instead)
			r := wait(t, l, "all kinds lose", all(func(c Count) bool { return c.Lost > 0 }))
			assert.Assert(t, len(r.Losses) > 0)
		})
	}
}

// TestAConnectionThatIsClosedBetweenTwoRequestsIsALoss holds the promise that
// nothing is sent twice: Go's own client would send the second GET again.
func TestAConnectionThatIsClosedBetweenTwoRequestsIsALoss(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	assert.NilError(t, err)
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			request, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil {
				text := request.Header.Get(marker)
				fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
			}
			conn.Close() // without having said so
		}
	}()
	l := start(t, Options{Address: listener.Addr().String(), Clients: map[Kind]int{GetKept: 1}, Pause: 5 * time.Millisecond})
	r := wait(t, l, "it loses", func(r Report) bool { return r.Lost() > 0 })
	assert.Assert(t, r.Answered() > 0)
}

func TestLoadIsSentToThisMachineOnly(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"192.0.2.1:80", "example.com:80", "0.0.0.0:80", "[2001:db8::1]:80", "127.0.0.1"} {
		_, err := Start(Options{Address: address})
		assert.Assert(t, err != nil, address)
	}
}

func TestReportShowsWhatWasLost(t *testing.T) {
	t.Parallel()
	l := start(t, Options{Address: "127.0.0.1:1", Clients: map[Kind]int{PostNew: 1}, Pause: time.Millisecond})
	wait(t, l, "it loses", func(r Report) bool { return r.Lost() > 0 })
	var out bytes.Buffer
	assert.NilError(t, l.Stop().Write(&out))
	for _, words := range []string{"POST, new connections", "lost: ", "client 0, request 0", "refused", "0 answered"} {
		assert.Assert(t, strings.Contains(out.String(), words), "%s is missing:\n%s", words, out.String())
	}
}
