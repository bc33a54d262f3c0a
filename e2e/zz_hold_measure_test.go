package e2e

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"context"
	"strconv"
)

func TestZZHoldMeasure(t *testing.T) {
	p := newRoutedProject(t,
		app{name: "held", labels: []string{"haproxy.host: held.example.com", "haproxy.hold: 20s"}},
		app{name: "plain", labels: []string{"haproxy.host: plain.example.com"}},
	)
	id := map[string]string{"held": p.container("held").ID, "plain": p.container("plain").ID}
	run := func(what, name string, do func()) {
		p.eventually("up", p.answers(name+".example.com", 200, name))
		time.Sleep(3 * time.Second)
		var end atomic.Bool
		var mu sync.Mutex
		count := map[string]int{}
		var longest time.Duration
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for !end.Load() {
					ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
					rq, _ := http.NewRequestWithContext(ctx, "GET", "http://127.0.0.1:"+strconv.Itoa(p.http)+"/", http.NoBody)
					rq.Host = name + ".example.com"
					tr := newTransport()
					tr.DisableKeepAlives = true
					began := time.Now()
					a, err := roundTrip(tr, rq)
					took := time.Since(began)
					cancel()
					mu.Lock()
					if err != nil {
						count[err.Error()]++
					} else {
						count[fmt.Sprint(a.status)]++
					}
					if a.status == 200 {
						longest = max(longest, took)
					}
					mu.Unlock()
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		time.Sleep(time.Second)
		do()
		time.Sleep(4 * time.Second)
		end.Store(true)
		wg.Wait()
		t.Logf("%s %s: %v, longest 200 %s", what, name, count, longest.Round(10*time.Millisecond))
	}
	for _, name := range []string{"plain", "held"} {
		run("docker restart", name, func() { p.mustSucceed(p.docker("restart", id[name])) })
		run("docker restart again", name, func() { p.mustSucceed(p.docker("restart", id[name])) })
		run("docker stop, 3s, start", name, func() {
			p.mustSucceed(p.docker("stop", id[name]))
			time.Sleep(3 * time.Second)
			p.mustSucceed(p.docker("start", id[name]))
		})
		run("maint, restart, ready", name, func() {
			p.mustSucceed(p.haproxy("server", "maint", "--force", name))
			time.Sleep(300 * time.Millisecond)
			p.mustSucceed(p.docker("restart", id[name]))
			t.Log(p.serverRows())
			p.mustSucceed(p.haproxy("server", "ready", name))
		})
		run("drain, restart, ready", name, func() {
			p.mustSucceed(p.haproxy("server", "drain", "--force", name))
			time.Sleep(300 * time.Millisecond)
			p.mustSucceed(p.docker("restart", id[name]))
			t.Log(p.serverRows())
			p.mustSucceed(p.haproxy("server", "ready", name))
		})
	}
}
