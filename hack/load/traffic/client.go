package traffic

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// client is one client: it sends one request after the other.
type client struct {
	load   *Load
	kind   Kind
	number int

	conn   net.Conn // nil when there is none
	reader *bufio.Reader
}

func (c *client) run() {
	if c.kind == WebSocket {
		c.talk()
		return
	}
	defer c.hangUp()
	for n := 0; c.goesOn(); n++ {
		request := fmt.Sprintf("client %d, request %d", c.number, n)
		began := time.Now()
		err := c.request(request)
		c.load.note(c.kind, request, time.Since(began), err)
		if err != nil || c.kind == GetNew || c.kind == PostNew {
			c.hangUp()
		}
	}
}

// goesOn pauses, and tells whether the client is to go on.
func (c *client) goesOn() bool {
	if c.load.opts.Pause == 0 {
		return c.load.stopping.Err() == nil
	}
	select {
	case <-c.load.stopping.Done():
		return false
	case <-time.After(c.load.opts.Pause):
		return true
	}
}

func (c *client) hangUp() {
	if c.conn != nil {
		c.conn.Close()
	}
	c.conn, c.reader = nil, nil
}

// marker is the header that tells a request's answer from any other's.
const marker = "X-Load-Request"

// request sends one request, once, and checks its answer.
func (c *client) request(id string) error {
	deadline := time.Now().Add(c.load.opts.Timeout)
	if c.conn == nil {
		conn, err := (&net.Dialer{Deadline: deadline}).Dial("tcp", c.load.opts.Address)
		if err != nil {
			return err
		}
		c.conn, c.reader = conn, bufio.NewReader(conn)
		c.load.opened(c.kind)
	}
	if err := c.conn.SetDeadline(deadline); err != nil {
		return err
	}
	request, err := c.build(id)
	if err != nil {
		return err
	}
	if err := request.Write(c.conn); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reader, request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	switch {
	case err != nil:
		return fmt.Errorf("the answer breaks off: %w", err)
	case response.StatusCode >= http.StatusInternalServerError:
		return fmt.Errorf("status %d: %s", response.StatusCode, shortened(body))
	case !bytes.Contains(body, []byte(id)):
		return fmt.Errorf("status %d with somebody else's answer: %s", response.StatusCode, shortened(body))
	}
	if response.Close {
		c.hangUp() // as the server has asked
	}
	return nil
}

func (c *client) build(id string) (*http.Request, error) {
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if c.kind == PostNew || c.kind == PostKept {
		method, body = http.MethodPost, strings.NewReader(id)
	}
	request, err := http.NewRequestWithContext(context.Background(), method, "http://"+c.load.opts.Host+c.load.opts.Path, body)
	if err != nil {
		return nil, err
	}
	request.Header.Set(marker, id)
	request.Close = c.kind == GetNew || c.kind == PostNew
	return request, nil
}

func shortened(body []byte) string {
	const enough = 120
	text := strings.Join(strings.Fields(string(body)), " ")
	return text[:min(len(text), enough)]
}

// messagePause is the least time between two messages of a websocket: it is the
// open connection that matters, not its messages.
const messagePause = 20 * time.Millisecond

// talk keeps a websocket open and has messages echoed.
func (c *client) talk() {
	var conn *websocket.Conn
	defer func() {
		if conn != nil {
			_ = conn.Close(websocket.StatusNormalClosure, "")
		}
	}()
	for n := 0; c.goesOn(); n++ {
		message := fmt.Sprintf("client %d, message %d", c.number, n)
		began := time.Now()
		var err error
		if conn == nil {
			conn, err = c.openSocket()
		}
		if err == nil {
			err = c.echoed(conn, message)
		}
		c.load.note(c.kind, message, time.Since(began), err)
		if err != nil && conn != nil {
			_ = conn.CloseNow()
			conn = nil
		}
		select {
		case <-c.load.stopping.Done():
		case <-time.After(messagePause):
		}
	}
}

func (c *client) openSocket() (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), c.load.opts.Timeout)
	defer cancel()
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", c.load.opts.Address)
	}}
	conn, _, err := websocket.Dial(ctx, "ws://"+c.load.opts.Host+c.load.opts.WebSocketPath, &websocket.DialOptions{HTTPClient: &http.Client{Transport: transport}})
	if err == nil {
		c.load.opened(c.kind)
	}
	return conn, err
}

func (c *client) echoed(conn *websocket.Conn, message string) error {
	ctx, cancel := context.WithTimeout(context.Background(), c.load.opts.Timeout)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, []byte(message)); err != nil {
		return err
	}
	_, echo, err := conn.Read(ctx)
	if err != nil {
		return err
	}
	if string(echo) != message {
		return errors.New("somebody else's echo: " + shortened(echo))
	}
	return nil
}
