package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxEcho  = 1 << 20         // bytes of a request's body that are echoed
	maxDelay = 5 * time.Minute // longest "delay"
	maxSize  = 100 << 20       // largest "size"
)

// details is what an answer says: who served the request, and the request.
type details struct {
	Name          string      `json:"name"`
	Version       string      `json:"version"`
	Method        string      `json:"method"`
	URI           string      `json:"uri"`
	Protocol      string      `json:"protocol"`
	RemoteAddress string      `json:"remoteAddress"`
	ServerName    string      `json:"serverName,omitempty"` // what the client called the server when TLS began (SNI)
	Headers       http.Header `json:"headers"`              // with Host, which net/http keeps apart
	Body          string      `json:"body,omitempty"`
	BodyBytes     int64       `json:"bodyBytes"`               // bytes received
	BodyTruncated bool        `json:"bodyTruncated,omitempty"` // the body is longer than what is echoed
}

// answer echoes the request. Query parameters, on any path:
//
//	delay=1500ms   wait before answering, 5 minutes at most
//	status=503     answer with this status, 200 to 599; -status wins
//	size=4096      answer with so many bytes instead of the echo, 100 MiB at most
//	format=json    as "Accept: application/json"
func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	want, err := parseWish(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if s.opts.status != 0 {
		want.status = s.opts.status
	}
	// The body is read before the delay: net/http notices that a client has gone
	// only once its body is read.
	d, err := s.describe(r)
	if err != nil {
		http.Error(w, "cannot read the request's body: "+err.Error(), http.StatusBadRequest)
		return
	}
	if !sleep(r.Context(), want.delay) {
		return
	}
	switch {
	case want.size >= 0:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Content-Length", strconv.FormatInt(want.size, 10))
		w.WriteHeader(want.status)
		_, _ = io.CopyN(w, filler{}, want.size) // an error here is a client that has gone
	case want.json || acceptsJSON(r.Header.Get("Accept")):
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(want.status)
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		_ = enc.Encode(d)
	default:
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.WriteHeader(want.status)
		_, _ = io.WriteString(w, d.text())
	}
}

// wish is what the query parameters of a request ask for.
type wish struct {
	delay  time.Duration
	status int
	size   int64 // -1 for the echo
	json   bool
}

func parseWish(q url.Values) (wish, error) {
	want := wish{status: http.StatusOK, size: -1, json: q.Get("format") == "json"}
	if v := q.Get("delay"); v != "" {
		d, err := time.ParseDuration(v)
		if err != nil || d < 0 || d > maxDelay {
			return wish{}, fmt.Errorf("delay=%s: want a duration from 0s to %s, such as 1500ms", v, maxDelay)
		}
		want.delay = d
	}
	if v := q.Get("status"); v != "" {
		code, err := strconv.Atoi(v)
		if err != nil || !validStatus(code) {
			return wish{}, fmt.Errorf("status=%s: want 200 to 599", v)
		}
		want.status = code
	}
	if v := q.Get("size"); v != "" {
		n, err := strconv.ParseInt(v, 10, 64)
		if err != nil || n < 0 || n > maxSize {
			return wish{}, fmt.Errorf("size=%s: want a number of bytes from 0 to %d", v, maxSize)
		}
		want.size = n
	}
	return want, nil
}

// validStatus leaves out 1xx, which is not the end of an answer.
func validStatus(code int) bool { return code >= 200 && code <= 599 }

func acceptsJSON(accept string) bool {
	for part := range strings.SplitSeq(accept, ",") {
		if mediaType, _, err := mime.ParseMediaType(part); err == nil && mediaType == "application/json" {
			return true
		}
	}
	return false
}

// describe reads the whole body and keeps the first maxEcho bytes of it.
func (s *server) describe(r *http.Request) (details, error) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxEcho))
	if err != nil {
		return details{}, err
	}
	rest, err := io.Copy(io.Discard, r.Body)
	if err != nil {
		return details{}, err
	}
	headers := r.Header.Clone()
	headers.Set("Host", r.Host)
	return details{
		Name:          s.opts.name,
		Version:       s.opts.version,
		Method:        r.Method,
		URI:           r.RequestURI,
		Protocol:      r.Proto,
		RemoteAddress: r.RemoteAddr,
		ServerName:    serverName(r),
		Headers:       headers,
		Body:          string(body),
		BodyBytes:     int64(len(body)) + rest,
		BodyTruncated: rest > 0,
	}, nil
}

func serverName(r *http.Request) string {
	if r.TLS == nil {
		return ""
	}
	return r.TLS.ServerName
}

func (d details) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "Request served by %s\n", d.Name)
	fmt.Fprintf(&b, "Version %s\n\n", d.Version)
	fmt.Fprintf(&b, "%s %s %s\n", d.Method, d.URI, d.Protocol)
	fmt.Fprintf(&b, "From %s\n", d.RemoteAddress)
	if d.ServerName != "" {
		fmt.Fprintf(&b, "TLS for %s\n", d.ServerName)
	}
	b.WriteByte('\n')
	for _, name := range slices.Sorted(maps.Keys(d.Headers)) {
		for _, value := range d.Headers[name] {
			fmt.Fprintf(&b, "%s: %s\n", name, value)
		}
	}
	if d.BodyBytes == 0 {
		return b.String()
	}
	b.WriteByte('\n')
	// A body that was cut may end inside a character: it is text all the same.
	if !utf8.ValidString(d.Body) && !d.BodyTruncated {
		fmt.Fprintf(&b, "(%d bytes that are not text)\n", d.BodyBytes)
		return b.String()
	}
	b.WriteString(d.Body)
	if !strings.HasSuffix(d.Body, "\n") {
		b.WriteByte('\n')
	}
	if d.BodyTruncated {
		fmt.Fprintf(&b, "(%d bytes in all, only the first %d are shown)\n", d.BodyBytes, len(d.Body))
	}
	return b.String()
}

// filler is an endless text of lines of 64 bytes.
type filler struct{}

var fillerLine = append(bytes.Repeat([]byte("."), 63), '\n') //nolint:gochecknoglobals // made once, never written to

func (filler) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		n += copy(p[n:], fillerLine)
	}
	return n, nil
}
