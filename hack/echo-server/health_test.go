package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthCanBeSwitched(t *testing.T) {
	s := newServer(options{})
	for _, step := range []struct {
		method, path string
		want         int
	}{
		{"GET", "/healthz", 200},
		{"GET", "/healthz/fail", 405},
		{"GET", "/healthz", 200},
		{"POST", "/healthz/fail", 204},
		{"GET", "/healthz", 503},
		{"OPTIONS", "/healthz", 503},
		{"GET", "/", 200},
		{"POST", "/healthz/pass", 204},
		{"GET", "/healthz", 200},
	} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(step.method, step.path, nil))
		if w.Code != step.want {
			t.Fatalf("%s %s = %d, want %d", step.method, step.path, w.Code, step.want)
		}
		if step.path == "/healthz" && step.want == 200 && w.Body.String() != "ok\n" {
			t.Errorf("healthy body = %q", w.Body)
		}
	}
}

func TestHealthCanFailFromTheStart(t *testing.T) {
	if w := serveOne(options{failHealth: true}, httptest.NewRequest("GET", "/healthz", nil)); w.Code != 503 {
		t.Errorf("/healthz = %d, want 503", w.Code)
	}
}

func TestADrainingServerCannotBeMadeHealthy(t *testing.T) {
	s := newServer(options{})
	s.health.drain()
	s.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/healthz/pass", nil))
	w := httptest.NewRecorder()
	s.ServeHTTP(w, httptest.NewRequest("GET", "/healthz", nil))
	if w.Code != 503 || w.Header().Get("Connection") != "close" {
		t.Errorf("/healthz = %d, Connection %q", w.Code, w.Header().Get("Connection"))
	}
}

func TestCheckHealth(t *testing.T) {
	s := newServer(options{})
	ts := httptest.NewServer(s)
	defer ts.Close()
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(ts.URL, "http://"))
	for _, listen := range []string{":" + port, "0.0.0.0:" + port, "127.0.0.1:" + port} {
		if err := checkHealth(t.Context(), listen); err != nil {
			t.Errorf("checkHealth(%q) = %v", listen, err)
		}
	}
	http.Post(ts.URL+"/healthz/fail", "", nil)
	if err := checkHealth(t.Context(), ":"+port); err == nil || !strings.Contains(err.Error(), "503 Service Unavailable: failing") {
		t.Errorf("checkHealth = %v, want an error with the answer", err)
	}
	ts.Close()
	if err := checkHealth(t.Context(), ":"+port); err == nil {
		t.Error("checkHealth = nil though nothing listens")
	}
}
