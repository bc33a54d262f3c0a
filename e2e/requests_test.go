package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/docker-haproxy/docker-haproxy/hack/load/traffic"
)

// answer is the answer to a request.
type answer struct {
	status int
	header http.Header
	body   string
}

// get asks the app, through HAProxy's published port, on a new connection.
func (p *project) get(path string) answer {
	p.t.Helper()
	return p.getFrom(p.http, path)
}

// getStats asks the frontend of the stats page.
func (p *project) getStats(path string) answer {
	p.t.Helper()
	return p.getFrom(p.stats, path)
}

func (p *project) getFrom(port int, path string) answer {
	p.t.Helper()
	a, err := tryGet(port, path)
	if err != nil {
		p.t.Fatal(err)
	}
	return a
}

// tryGet is a GET on a connection of its own, for where a failure is expected
// or asked for again.
func tryGet(port int, path string) (answer, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:"+strconv.Itoa(port)+path, http.NoBody)
	if err != nil {
		return answer{}, err
	}
	transport := newTransport()
	transport.DisableKeepAlives = true
	return roundTrip(transport, request)
}

// newTransport knows no proxy, whatever the environment says.
func newTransport() *http.Transport {
	return &http.Transport{DialContext: (&net.Dialer{Timeout: 5 * time.Second}).DialContext}
}

func roundTrip(transport *http.Transport, request *http.Request) (answer, error) {
	response, err := transport.RoundTrip(request)
	if err != nil {
		return answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{}, fmt.Errorf("%s %s: the answer breaks off: %w", request.Method, request.URL, err)
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(body)}, nil
}

// servedBy is the set of services that answered n requests, in order, each
// request on a new connection. All of them must be answered with 200.
func (p *project) servedBy(n int) []string {
	p.t.Helper()
	serviceOf := map[string]string{}
	for _, c := range p.containers() {
		serviceOf[c.ID[:12]] = c.Service
	}
	var services []string
	for range n {
		a := p.get("/")
		line, _, _ := strings.Cut(a.body, "\n")
		host, found := strings.CutPrefix(strings.TrimSpace(line), "Request served by ")
		service, known := serviceOf[host]
		if a.status != http.StatusOK || !found || !known {
			p.t.Fatalf("a container of this project must answer with 200, but this came: %d %s", a.status, line)
		}
		services = append(services, service)
	}
	slices.Sort(services)
	return slices.Compact(services)
}

// load is traffic through HAProxy, of all kinds, none of which is sent twice.
type load struct {
	*traffic.Load

	t    *testing.T
	more []*traffic.Load // to other paths
}

// loadPause is between two requests of a client: it leaves the processor to those
// who serve, and to the scenarios that run at the same time.
const loadPause = 20 * time.Millisecond

// startLoad sends traffic to the app until the test ends it: so many clients of
// each kind.
func (p *project) startLoad(each int) *load {
	p.t.Helper()
	sent, err := traffic.Start(traffic.Options{
		Address: net.JoinHostPort("127.0.0.1", strconv.Itoa(p.http)),
		Clients: traffic.Same(each),
		Pause:   loadPause,
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { sent.Stop() })
	return &load{Load: sent, t: p.t}
}

// goOn waits until n more requests were answered.
func (l *load) goOn(n int64) {
	l.t.Helper()
	until := l.Answered() + n
	eventually(l.t, fmt.Sprintf("%d more requests are answered", n), func() error {
		if got := l.Answered(); got < until {
			return fmt.Errorf("%d are missing; %d were lost", until-got, l.Report().Lost())
		}
		return nil
	})
}

// mustLoseNothing ends the load and stops the test if a request was lost, or a
// websocket closed.
func (l *load) mustLoseNothing() {
	l.t.Helper()
	for _, some := range append([]*traffic.Load{l.Load}, l.more...) {
		report := some.Stop()
		var account strings.Builder
		_ = report.Write(&account)
		if report.Lost() > 0 || report.Answered() == 0 || report.Reconnected() > 0 {
			l.t.Fatalf("nothing must be lost, and no websocket closed, but %d requests were lost and %d websockets closed:\n%s", report.Lost(), report.Reconnected(), account.String())
		}
		l.t.Log("\n" + account.String())
	}
}

// serves is a condition for eventually: the app's answers have a header.
func (p *project) serves(header, value string) func() error {
	return func() error {
		a, err := tryGet(p.http, "/")
		if err == nil && a.header.Get(header) != value {
			err = fmt.Errorf("%s is %q, not %q", header, a.header.Get(header), value)
		}
		return err
	}
}
