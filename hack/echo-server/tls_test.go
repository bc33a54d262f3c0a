package main

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestHTTPSTellsTheNameThatTheClientAskedFor(t *testing.T) {
	config, err := tlsConfig("shop.example.com, *.example.org")
	if err != nil {
		t.Fatal(err)
	}
	ln := listen(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- newServer(options{name: "web1", grace: 5 * time.Second}).serve(ctx, listen(t), tls.NewListener(ln, config))
	}()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("serve = %v", err)
		}
	}()
	for _, tc := range []struct {
		name  string
		valid bool
	}{
		{"shop.example.com", true},
		{"www.example.org", true},
		{"other.example.com", false},
	} {
		var certificate bool
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			ServerName:         tc.name,
			InsecureSkipVerify: true, // it is signed by itself; its names are looked at
			VerifyConnection: func(state tls.ConnectionState) error {
				certificate = state.PeerCertificates[0].VerifyHostname(tc.name) == nil
				return nil
			},
		}}}
		response, err := client.Get("https://" + ln.Addr().String() + "/")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(response.Body)
		response.Body.Close()
		if !strings.HasPrefix(string(body), "Request served by web1\n") || !strings.Contains(string(body), "\nTLS for "+tc.name+"\n") {
			t.Errorf("%s got\n%s", tc.name, body)
		}
		if certificate != tc.valid {
			t.Errorf("the certificate is for %s: %t, want %t", tc.name, certificate, tc.valid)
		}
	}
}

func TestHTTPSWithoutANameIsAnError(t *testing.T) {
	if _, err := tlsConfig(" , "); err == nil || !strings.Contains(err.Error(), "-tls-names") {
		t.Errorf("tlsConfig = %v, want an error that names the flag", err)
	}
}
