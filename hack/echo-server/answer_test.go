package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func serveOne(opts options, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	newServer(opts).ServeHTTP(w, r)
	return w
}

func TestAnswerInText(t *testing.T) {
	r := httptest.NewRequest("POST", "/hello?x=1", strings.NewReader("the body"))
	r.Header.Set("X-Forwarded-For", "10.0.0.9")
	r.Header.Add("Accept", "text/plain")
	r.Header.Add("Accept", "*/*")
	w := serveOne(options{name: "web1", version: "2"}, r)
	want := `Request served by web1
Version 2

POST /hello?x=1 HTTP/1.1
From 192.0.2.1:1234

Accept: text/plain
Accept: */*
Host: example.com
X-Forwarded-For: 10.0.0.9

the body
`
	if w.Code != http.StatusOK || w.Body.String() != want {
		t.Errorf("got %d\n%s\nwant 200\n%s", w.Code, w.Body, want)
	}
	if got := w.Header().Get("X-Echo-Version"); got != "2" {
		t.Errorf("X-Echo-Version = %q", got)
	}
	if got := w.Header().Get("X-Echo-Name"); got != "web1" {
		t.Errorf("X-Echo-Name = %q", got)
	}
}

func TestAnswerInJSON(t *testing.T) {
	byHeader := httptest.NewRequest("PUT", "/", strings.NewReader("hi"))
	byHeader.Header.Set("Accept", "text/html, application/json;q=0.9")
	for name, r := range map[string]*http.Request{
		"header": byHeader,
		"query":  httptest.NewRequest("PUT", "/?format=json", strings.NewReader("hi")),
	} {
		w := serveOne(options{name: "web1", version: "2"}, r)
		var got details
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, w.Body)
		}
		if w.Header().Get("Content-Type") != "application/json" || got.Name != "web1" || got.Version != "2" ||
			got.Method != "PUT" || got.Body != "hi" || got.BodyBytes != 2 || got.Headers.Get("Host") != "example.com" {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestOnlyTheBeginningOfALongBodyIsEchoed(t *testing.T) {
	r := httptest.NewRequest("POST", "/?format=json", bytes.NewReader(bytes.Repeat([]byte("x"), maxEcho+5)))
	var got details
	if err := json.Unmarshal(serveOne(options{}, r).Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.Body) != maxEcho || got.BodyBytes != maxEcho+5 || !got.BodyTruncated {
		t.Errorf("echoed %d of %d bytes, truncated %t", len(got.Body), got.BodyBytes, got.BodyTruncated)
	}
	r = httptest.NewRequest("POST", "/", bytes.NewReader(bytes.Repeat([]byte("x"), maxEcho+5)))
	if got := serveOne(options{}, r).Body.String(); !strings.HasSuffix(got, "\n(1048581 bytes in all, only the first 1048576 are shown)\n") {
		t.Errorf("the text ends in %q", got[len(got)-80:])
	}
}

func TestABinaryBodyIsNotPrinted(t *testing.T) {
	w := serveOne(options{}, httptest.NewRequest("POST", "/", strings.NewReader("\xff\xfe")))
	if !strings.HasSuffix(w.Body.String(), "\n\n(2 bytes that are not text)\n") {
		t.Errorf("got %q", w.Body)
	}
}

func TestStatus(t *testing.T) {
	for _, tc := range []struct {
		opts options
		path string
		want int
	}{
		{options{}, "/", 200},
		{options{}, "/any/path?status=503", 503},
		{options{status: 500}, "/", 500},
		{options{status: 500}, "/?status=200", 500},
		{options{status: 500}, "/healthz", 200},
	} {
		if got := serveOne(tc.opts, httptest.NewRequest("GET", tc.path, nil)).Code; got != tc.want {
			t.Errorf("%s with -status %d = %d, want %d", tc.path, tc.opts.status, got, tc.want)
		}
	}
}

func TestSize(t *testing.T) {
	for _, n := range []int{0, 1, 64, 100_001} {
		w := serveOne(options{}, httptest.NewRequest("GET", "/?size="+itoa(n), nil))
		if w.Code != 200 || w.Body.Len() != n || w.Header().Get("Content-Length") != itoa(n) {
			t.Errorf("size=%d: %d, %d bytes, Content-Length %s", n, w.Code, w.Body.Len(), w.Header().Get("Content-Length"))
		}
	}
}

func itoa(n int) string { b, _ := json.Marshal(n); return string(b) }

func TestParametersThatAreWrong(t *testing.T) {
	for _, q := range []string{"delay=soon", "delay=-1s", "delay=5m1s", "status=99", "status=100", "status=600", "status=ok", "size=-1", "size=104857601", "size=1k"} {
		w := serveOne(options{}, httptest.NewRequest("GET", "/?"+q, nil))
		if w.Code != http.StatusBadRequest || !strings.HasPrefix(w.Body.String(), q+": want ") {
			t.Errorf("%s: got %d %q", q, w.Code, w.Body)
		}
	}
}

func TestDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		w := serveOne(options{}, httptest.NewRequest("GET", "/?delay=1500ms", nil))
		if w.Code != 200 || time.Since(began) != 1500*time.Millisecond {
			t.Errorf("answered %d after %s", w.Code, time.Since(began))
		}
	})
}

func TestDelayEndsWhenTheClientGoes(t *testing.T) {
	s := newServer(options{})
	ended := make(chan time.Duration, 1)
	ts := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		s.ServeHTTP(w, r)
		ended <- time.Since(began)
	}))
	defer ts.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, _ := http.NewRequestWithContext(ctx, "POST", ts.URL+"/?delay=1m", strings.NewReader("body"))
	if _, err := http.DefaultClient.Do(r); err == nil {
		t.Fatal("answered before the delay was over")
	}
	select {
	case <-ended:
	case <-time.After(5 * time.Second):
		t.Fatal("the request still runs though its client has gone")
	}
}

func TestPathsAreNotRedirected(t *testing.T) {
	w := serveOne(options{}, httptest.NewRequest("GET", "//a/../b", nil))
	if w.Code != 200 || !strings.Contains(w.Body.String(), "GET //a/../b HTTP/1.1\n") {
		t.Errorf("got %d\n%s", w.Code, w.Body)
	}
}
