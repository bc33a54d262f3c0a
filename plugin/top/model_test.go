package top

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"gotest.tools/v3/assert"
	"gotest.tools/v3/golden"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

func demo() compose.Status {
	server := func(name string, state compose.ServerState, status string, sessions int64) compose.Server {
		return compose.Server{
			Backend: "webservers", Name: name, Container: "demo-web" + name[1:] + "-1", Service: "web" + name[1:], Address: "10.0.0.1:8080",
			Status: status, State: state, Check: "200 OK (L7OK), after 1 ms", Since: 90 * time.Second, Weight: 1, Sessions: sessions, Rate: sessions * 2, Total: 100 * sessions,
			ResponseTime: time.Duration(sessions) * time.Millisecond,
		}
	}
	return compose.Status{
		Project: "demo", Container: "demo-haproxy-1", Version: "3.2.26-1", Uptime: 2 * time.Hour, Connections: 7, ConnectionsLimit: 9983, RequestRate: 12, SessionRate: 3,
		Workers: []compose.Worker{{PID: 9, Current: true}, {PID: 8, Sessions: 2}},
		Frontends: []compose.Frontend{
			{Name: "stats", Status: "OPEN", Address: "http://localhost:8404"},
			{Name: "myfrontend", Status: "OPEN", Address: "http://localhost:80", Sessions: 7, RequestRate: 12},
		},
		Backends: []compose.Backend{{Name: "webservers", Status: "UP", Servers: []compose.Server{
			server("s1", compose.ServerUp, "UP", 4), server("s2", compose.ServerDraining, "DRAIN", 9), server("s3", compose.ServerDown, "DOWN", 0),
		}}},
		Warnings: []string{"backend webservers: server s3 is DOWN: connection refused (L4CON), after 0 ms"},
	}
}

// screen is a view that has had one look.
func screen(t *testing.T, width, height int, set func(context.Context, string, string, haproxy.Mode) error) Model {
	t.Helper()
	source := Source{Look: func(context.Context) (compose.Status, error) { return demo(), nil }, SetMode: set}
	m := New(t.Context(), source, time.Second, false)
	m, _ = send(m, tea.WindowSizeMsg{Width: width, Height: height})
	m, look := send(m, due{})
	m, _ = send(m, look())
	return m
}

func send(m Model, msg tea.Msg) (Model, tea.Cmd) {
	updated, cmd := m.Update(msg)
	return updated.(Model), cmd
}

func press(m Model, keys ...string) (Model, tea.Cmd) {
	var cmd tea.Cmd
	for _, key := range keys {
		updated, next := m.key(key)
		m, cmd = updated.(Model), next
	}
	return m, cmd
}

func shown(m Model) string { return strings.Join(m.lines(), "\n") + "\n" }

func TestTheViewIsAsShown(t *testing.T) {
	t.Parallel()
	for name, size := range map[string][2]int{"80x24": {80, 24}, "120x40": {120, 40}, "40x12": {40, 12}, "200x24": {200, 24}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := screen(t, size[0], size[1], nil)
			golden.Assert(t, shown(m), name+".txt")
			assert.Equal(t, len(m.lines()), size[1])
			for _, line := range m.lines() {
				assert.Assert(t, len([]rune(line)) <= size[0], "%q", line)
			}
		})
	}
}

func TestAKeySortsAndAnotherReverses(t *testing.T) {
	t.Parallel()
	m := screen(t, 80, 24, nil)
	order := func(m Model) string {
		var names []string
		for _, server := range m.rows() {
			names = append(names, server.Name)
		}
		return strings.Join(names, " ")
	}
	assert.Equal(t, order(m), "s1 s2 s3")
	m, _ = press(m, "r")
	assert.Equal(t, order(m), "s3 s2 s1")
	m, _ = press(m, "r", "s", "s", "s", "s")
	assert.Equal(t, columns[m.sort].title, "SESS")
	assert.Equal(t, order(m), "s2 s1 s3", "the busiest first")
}

func TestAChangeIsAskedForAndThenMade(t *testing.T) {
	t.Parallel()
	var made []string
	m := screen(t, 80, 24, func(_ context.Context, backend, server string, mode haproxy.Mode) error {
		made = append(made, backend+"/"+server+" "+string(mode))
		return nil
	})
	m, cmd := press(m, "j", "e")
	assert.Assert(t, cmd == nil && len(made) == 0)
	assert.Equal(t, m.foot(), "Enable webservers/s2? y/n")
	m, _ = press(m, "n")
	assert.Equal(t, m.foot(), "Nothing was changed.")
	m, cmd = press(m, "e", "y")
	m, look := send(m, cmd())
	assert.DeepEqual(t, made, []string{"webservers/s2 ready"})
	assert.Equal(t, m.foot(), "webservers/s2: ready")
	_, isLook := look().(looked)
	assert.Assert(t, isLook, "the effect is looked at, at once")
}

func TestToDrainTheLastServerIsWarnedOf(t *testing.T) {
	t.Parallel()
	m, _ := press(screen(t, 80, 24, nil), "d")
	assert.Assert(t, strings.Contains(m.foot(), "LAST"), m.foot())
	m, _ = press(m, "n", "j", "d")
	assert.Assert(t, !strings.Contains(m.foot(), "LAST"), m.foot())
	assert.Assert(t, strings.Contains(m.foot(), "9 sessions"), m.foot())
}

func TestAFailedLookIsShownAndTriedAgain(t *testing.T) {
	t.Parallel()
	m := screen(t, 80, 24, nil)
	m, again := send(m, looked{err: errors.New("the load balancer is not running\nStart it")})
	assert.Assert(t, again != nil)
	assert.Assert(t, strings.Contains(shown(m), "! the load balancer is not running\n"), shown(m))
	assert.Assert(t, strings.Contains(shown(m), "webservers/s1"), "what was seen last stays")
}

func TestAChangeDuringALookWaitsForIt(t *testing.T) {
	t.Parallel()
	made := 0
	m := screen(t, 80, 24, func(context.Context, string, string, haproxy.Mode) error { made++; return nil })
	m, look := send(m, due{m.ticks})
	m, cmd := press(m, "d", "y")
	assert.Assert(t, cmd == nil)
	_, cmd = send(m, look())
	_, isChange := cmd().(changed)
	assert.Assert(t, isChange && made == 1)
}

func TestAChangeDoesNotMakeTheViewLookMoreOften(t *testing.T) {
	t.Parallel()
	m := screen(t, 80, 24, func(context.Context, string, string, haproxy.Mode) error { return nil })
	pending := due{m.ticks}
	m, change := press(m, "d", "y")
	m, look := send(m, change())
	m, next := send(m, look())
	assert.Assert(t, next != nil, "it goes on")
	_, cmd := send(m, pending)
	assert.Assert(t, cmd == nil, "what waited before the change must not begin a look beside the new one")
	_, cmd = send(m, due{m.ticks})
	assert.Assert(t, cmd != nil)
}

func TestAPausedViewGoesOnToWait(t *testing.T) {
	t.Parallel()
	m, _ := press(screen(t, 80, 24, nil), "p")
	m, cmd := send(m, due{m.ticks})
	assert.Assert(t, cmd != nil && !m.busy)
	m, _ = press(m, "p")
	m, _ = send(m, due{m.ticks})
	assert.Assert(t, m.busy)
}

func TestManyFrontendsLeaveRoomForTheServers(t *testing.T) {
	t.Parallel()
	for _, height := range []int{12, 24, 50} {
		m := screen(t, 80, height, nil)
		many := demo()
		many.Warnings = nil
		for i := range 40 {
			many.Frontends = append(many.Frontends, compose.Frontend{Name: fmt.Sprint("front", i), Status: "OPEN"})
		}
		m, _ = send(m, looked{status: many})
		assert.Assert(t, strings.Contains(shown(m), fmt.Sprintf("and %d more", 42-m.frontends())), shown(m))
		assert.Assert(t, m.room() >= height/4, "%d", m.room())
		assert.Assert(t, strings.Contains(shown(m), "webservers/s1"), shown(m))
	}
}

func TestQAndCtrlCQuit(t *testing.T) {
	t.Parallel()
	for _, key := range []string{"q", "esc", "ctrl+c"} {
		_, cmd := press(screen(t, 80, 24, nil), key)
		_, quits := cmd().(tea.QuitMsg)
		assert.Assert(t, quits, key)
	}
	_, cmd := press(screen(t, 80, 24, nil), "d", "ctrl+c")
	_, quits := cmd().(tea.QuitMsg)
	assert.Assert(t, quits, "also while it asks")
}

func TestTheHelpNamesEveryKeyAndGoesAway(t *testing.T) {
	t.Parallel()
	m, _ := press(screen(t, 80, 24, nil), "?")
	assert.Assert(t, strings.Contains(shown(m), "drain the server"))
	m, _ = press(m, "x")
	assert.Assert(t, strings.Contains(shown(m), "webservers/s1"))
}

func TestMoreServersThanLinesAreScrolled(t *testing.T) {
	t.Parallel()
	m := screen(t, 80, 12, nil)
	many := demo()
	for i := range 50 {
		server := many.Backends[0].Servers[0]
		server.Name = "x" + strings.Repeat("y", i)
		many.Backends[0].Servers = append(many.Backends[0].Servers, server)
	}
	m, _ = send(m, looked{status: many})
	m, _ = press(m, "end")
	last, _ := m.current()
	assert.Assert(t, strings.Contains(shown(m), last.ID()[:40]), shown(m))
	m, _ = press(m, "home")
	assert.Assert(t, strings.Contains(shown(m), "webservers/s1 "), shown(m))
}

func TestNothingForeignActsOnTheScreen(t *testing.T) {
	t.Parallel()
	const hostile, seen = "a\x1b[31m\x9b\u202e", `a\x1b[31m\x9b\u202e`
	status := demo()
	status.Project, status.Warnings = hostile, []string{hostile}
	status.Frontends[0].Name = hostile
	status.Backends[0].Servers[0].Name, status.Backends[0].Servers[0].Container, status.Backends[0].Servers[0].Check = hostile, hostile, hostile
	source := Source{Look: func(context.Context) (compose.Status, error) { return status, nil }}
	m := New(t.Context(), source, time.Second, false)
	m, _ = send(m, tea.WindowSizeMsg{Width: 300, Height: 40})
	m, look := send(m, due{})
	m, _ = send(m, look())
	m.said = hostile
	text := shown(m)
	assert.Assert(t, !strings.ContainsAny(text, "\x1b\u202e") && !strings.Contains(text, "\x9b"), "%q", text)
	assert.Assert(t, strings.Count(text, seen) >= 6, "%q", text)
}
