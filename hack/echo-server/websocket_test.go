package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/coder/websocket"
)

func TestWebsocketEchoesTextAndBinary(t *testing.T) {
	ts := httptest.NewServer(newServer(options{name: "web1", version: "2"}))
	defer ts.Close()
	// An origin that is not the host, as behind a proxy.
	conn, resp, err := websocket.Dial(t.Context(), ts.URL+"/ws", &websocket.DialOptions{
		HTTPHeader: http.Header{"Origin": {"https://elsewhere.example"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	if got := resp.Header.Get("X-Echo-Version"); got != "2" {
		t.Errorf("X-Echo-Version = %q", got)
	}
	for _, tc := range []struct {
		kind       websocket.MessageType
		send, want string
	}{
		{websocket.MessageText, "hello", "hello"},
		{websocket.MessageBinary, "\x00\xff", "\x00\xff"},
		{websocket.MessageText, "whoami", "web1 version 2"},
		{websocket.MessageBinary, "whoami", "whoami"},
		{websocket.MessageText, "", ""},
	} {
		if err := conn.Write(t.Context(), tc.kind, []byte(tc.send)); err != nil {
			t.Fatal(err)
		}
		kind, msg, err := conn.Read(t.Context())
		if err != nil || kind != tc.kind || string(msg) != tc.want {
			t.Errorf("%s %q: got %s %q, %v", tc.kind, tc.send, kind, msg, err)
		}
	}
	if err := conn.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("close = %v", err)
	}
}

func TestWebsocketLimitsMessages(t *testing.T) {
	ts := httptest.NewServer(newServer(options{}))
	defer ts.Close()
	conn, _, err := websocket.Dial(t.Context(), ts.URL+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.CloseNow()
	_ = conn.Write(t.Context(), websocket.MessageText, []byte(strings.Repeat("x", maxEcho+1)))
	if _, _, err := conn.Read(t.Context()); websocket.CloseStatus(err) != websocket.StatusMessageTooBig {
		t.Errorf("read = %v, want a close with 1009", err)
	}
}

func TestPlainRequestToTheWebsocket(t *testing.T) {
	if w := serveOne(options{}, httptest.NewRequest("GET", "/ws", nil)); w.Code != http.StatusUpgradeRequired {
		t.Errorf("GET /ws = %d, want 426", w.Code)
	}
}
