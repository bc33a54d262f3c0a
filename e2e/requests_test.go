package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
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

// load is a number of clients that send POSTs without a pause, and count.
type load struct {
	t        *testing.T
	stopping atomic.Bool
	clients  sync.WaitGroup
	answered atomic.Int64

	mu   sync.Mutex
	lost []string // requests that failed, and why
}

// startLoad sends POSTs to the app until stop: half of the clients keep their
// connection, the other half open a new one for each request.
//
// No request is ever repeated, neither by Go nor by HAProxy, so that each one
// that is lost is counted: http.Transport silently repeats a request that meets
// a connection closed while idle, unless its body was already touched and
// cannot be had again. Hence POST, with a body that is a mere io.Reader and no
// GetBody; and HAProxy's configuration repeats only GET, HEAD and OPTIONS.
func (p *project) startLoad(clients int) *load {
	p.t.Helper()
	l := &load{t: p.t}
	for i := range clients {
		transport := newTransport()
		transport.DisableKeepAlives = i%2 == 1
		transport.MaxIdleConnsPerHost = 1
		l.clients.Go(func() {
			defer transport.CloseIdleConnections()
			for n := 0; !l.stopping.Load(); n++ {
				l.post(transport, p.http, fmt.Sprintf("client %d, request %d", i, n))
				time.Sleep(time.Millisecond) // leave the processor to those who serve
			}
		})
	}
	p.t.Cleanup(func() {
		l.stopping.Store(true)
		l.clients.Wait()
	})
	return l
}

// once hides everything of a reader but Read.
type once struct{ io.Reader }

func (l *load) post(transport *http.Transport, port int, text string) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	body := once{bytes.NewReader([]byte(text))}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://127.0.0.1:"+strconv.Itoa(port)+"/load", body)
	if err == nil && request.GetBody != nil {
		err = errors.New("this body could be sent again")
	}
	if err != nil {
		l.lose(text, err)
		return
	}
	request.ContentLength = int64(len(text))
	a, err := roundTrip(transport, request)
	switch {
	case err != nil:
		l.lose(text, err)
	case a.status != http.StatusOK:
		l.lose(text, fmt.Errorf("status %d: %s", a.status, a.body))
	case !strings.Contains(a.body, text):
		l.lose(text, fmt.Errorf("somebody else's answer: %s", a.body))
	default:
		l.answered.Add(1)
	}
}

func (l *load) lose(request string, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost = append(l.lost, fmt.Sprintf("%s: %s: %v", time.Now().Format("15:04:05.000"), request, err))
}

// goOn waits until n more requests were answered.
func (l *load) goOn(n int64) {
	l.t.Helper()
	until := l.answered.Load() + n
	eventually(l.t, fmt.Sprintf("%d more requests are answered", n), func() error {
		if got := l.answered.Load(); got < until {
			return fmt.Errorf("%d are missing", until-got)
		}
		return nil
	})
}

// stop ends the load and gives the numbers of requests answered and lost; the
// lost ones are logged.
func (l *load) stop() (answered int64, lost int) {
	l.t.Helper()
	l.stopping.Store(true)
	l.clients.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, request := range l.lost {
		l.t.Log("lost:", request)
	}
	return l.answered.Load(), len(l.lost)
}

// mustLoseNothing ends the load and stops the test if a request was lost.
func (l *load) mustLoseNothing() {
	l.t.Helper()
	answered, lost := l.stop()
	if lost > 0 || answered == 0 {
		l.t.Fatalf("no request must be lost, but %d were, and %d answered", lost, answered)
	}
	l.t.Logf("%d requests answered, none lost", answered)
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
