package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// health is what /healthz says. A server that drains is never healthy again.
type health struct {
	mu    sync.Mutex
	pass  bool
	leave bool // draining
}

func newHealth(pass bool) *health { return &health{pass: pass} }

func (h *health) drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.leave = true
}

func (h *health) draining() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.leave
}

func (h *health) answer(w http.ResponseWriter) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.leave:
		http.Error(w, "stopping", http.StatusServiceUnavailable)
	case !h.pass:
		http.Error(w, "failing", http.StatusServiceUnavailable)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = io.WriteString(w, "ok\n")
	}
}

// change is POST /healthz/fail and /healthz/pass.
func (h *health) change(w http.ResponseWriter, r *http.Request, pass bool) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "use POST to change the health", http.StatusMethodNotAllowed)
		return
	}
	h.mu.Lock()
	h.pass = pass
	h.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
}

// checkHealth asks the server that listens on this machine at the address
// listen, so that an image without a shell can have a HEALTHCHECK.
func checkHealth(ctx context.Context, listen string) error {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(host); host == "" || (ip != nil && ip.IsUnspecified()) {
		host = "localhost"
	}
	ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/healthz", nil)
	if err != nil {
		return err
	}
	// Not through a proxy, whatever the environment says.
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, _ := io.ReadAll(io.LimitReader(resp.Body, 256))
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("unhealthy: %s: %s", resp.Status, strings.TrimSpace(string(body)))
	}
	return nil
}
