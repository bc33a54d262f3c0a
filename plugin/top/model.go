// Package top is the live full-screen view of a load balancer: what it shows
// and what its keys do. It draws a compose.Status, and knows no engine.
package top

import (
	"context"
	"fmt"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Source is where the view gets its numbers from and what its keys act on. Its
// functions are called one at a time.
type Source struct {
	Look    func(context.Context) (compose.Status, error)
	SetMode func(ctx context.Context, backend, server string, mode haproxy.Mode) error
}

// Model is the state of the view.
type Model struct {
	ctx      context.Context //nolint:containedctx // bubbletea's commands get no context
	source   Source
	interval time.Duration
	color    bool

	width, height int
	status        compose.Status
	err           error // of the last look
	busy          bool  // a look or a change is under way
	queued        *question
	// ticks counts the waits for the next look: only the end of the last one counts.
	ticks int

	selected string // ID of the server under the cursor
	top      int    // first row that is shown
	sort     int    // index of a column
	reverse  bool
	paused   bool
	help     bool
	asking   *question
	said     string // the result of the last key
}

// question is a change that waits for a confirmation.
type question struct {
	server compose.Server
	mode   haproxy.Mode
}

// New makes the view. interval is the time between two looks.
func New(ctx context.Context, source Source, interval time.Duration, color bool) Model {
	return Model{ctx: ctx, source: source, interval: interval, color: color, width: 80, height: 24}
}

type (
	looked struct {
		status compose.Status
		err    error
	}
	changed struct {
		words string
		err   error
	}
	due struct{ tick int }
)

// Init begins with a look.
func (m Model) Init() tea.Cmd { return func() tea.Msg { return due{} } }

func (m Model) look() tea.Msg {
	status, err := m.source.Look(m.ctx)
	return looked{status, err}
}

// Update is what a key, a look or the passing of time does.
func (m Model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		return m.key(msg.String())
	case due:
		switch {
		case msg.tick != m.ticks || m.busy: // a look is under way, or was since, and waits by itself
			return m, nil
		case m.paused:
			return m.wait()
		}
		m.busy = true
		return m, m.look
	case looked:
		m.busy, m.err = false, msg.err
		if msg.err == nil {
			m.status = msg.status
		}
		if m.queued != nil {
			return m.change(*m.queued)
		}
		return m.scrolled().wait()
	case changed:
		m.busy, m.said = true, msg.words
		if msg.err != nil {
			m.said = msg.err.Error()
		}
		return m, m.look
	}
	return m.scrolled(), nil
}

// wait lets time pass until the next look.
func (m Model) wait() (Model, tea.Cmd) {
	m.ticks++
	tick := m.ticks
	return m, tea.Tick(m.interval, func(time.Time) tea.Msg { return due{tick} })
}

// key is what a key does.
func (m Model) key(key string) (tea.Model, tea.Cmd) {
	if key == "ctrl+c" {
		return m, tea.Quit
	}
	if m.asking != nil {
		return m.answer(key)
	}
	m.said = ""
	if m.help {
		m.help = false
		if key != "q" {
			return m, nil
		}
	}
	switch key {
	case "q", "esc":
		return m, tea.Quit
	case "?", "h":
		m.help = true
	case "p", "space":
		m.paused = !m.paused
	case "up", "k":
		m = m.moved(-1)
	case "down", "j":
		m = m.moved(1)
	case "pgup":
		m = m.moved(-m.room())
	case "pgdown":
		m = m.moved(m.room())
	case "home", "g":
		m = m.moved(-len(m.rows()))
	case "end", "G":
		m = m.moved(len(m.rows()))
	case "s":
		m.sort = (m.sort + 1) % len(columns)
	case "S":
		m.sort = (m.sort + len(columns) - 1) % len(columns)
	case "r":
		m.reverse = !m.reverse
	case "+":
		m.interval *= 2
	case "-":
		m.interval = max(m.interval/2, shortest)
	case "d":
		m = m.ask(haproxy.ModeDrain)
	case "m":
		m = m.ask(haproxy.ModeMaintenance)
	case "e":
		m = m.ask(haproxy.ModeReady)
	}
	return m.scrolled(), nil
}

// shortest bounds the interval between two looks.
const shortest = 125 * time.Millisecond

// ask asks before a server is changed.
func (m Model) ask(mode haproxy.Mode) Model {
	if server, found := m.current(); found {
		m.asking = &question{server, mode}
	}
	return m
}

func (m Model) answer(key string) (tea.Model, tea.Cmd) {
	asked := *m.asking
	m.asking = nil
	if key != "y" && key != "Y" {
		m.said = "Nothing was changed."
		return m, nil
	}
	if m.busy { // one thing at a time
		m.queued = &asked
		return m, nil
	}
	return m.change(asked)
}

func (m Model) change(q question) (tea.Model, tea.Cmd) {
	m.busy, m.queued = true, nil
	return m, func() tea.Msg {
		err := m.source.SetMode(m.ctx, q.server.Backend, q.server.Name, q.mode)
		return changed{fmt.Sprintf("%s: %s", q.server.ID(), q.mode), err}
	}
}

// words puts the question to a person, with what it would mean.
func (q question) words(s compose.Status) string {
	verb := map[haproxy.Mode]string{haproxy.ModeDrain: "Drain", haproxy.ModeMaintenance: "Put into maintenance:", haproxy.ModeReady: "Enable"}[q.mode]
	words := fmt.Sprintf("%s %s?", verb, q.server.ID())
	switch {
	case q.mode == haproxy.ModeReady:
	case s.LastUp(q.server, []compose.Server{q.server}):
		words += " It is the LAST one up: requests will get a 503."
	default:
		words += fmt.Sprintf(" %d sessions.", q.server.Sessions)
	}
	return words + " y/n"
}

// rows are the servers in the order of the view.
func (m Model) rows() []compose.Server {
	servers := m.status.Servers()
	by := columns[m.sort]
	slices.SortStableFunc(servers, func(a, b compose.Server) int {
		order := by.compare(a, b)
		if m.reverse {
			order = -order
		}
		return order
	})
	return servers
}

// current is the server under the cursor: the first where none was chosen, or
// the chosen one is gone.
func (m Model) current() (compose.Server, bool) {
	rows := m.rows()
	if len(rows) == 0 {
		return compose.Server{}, false
	}
	return rows[m.cursor()], true
}

func (m Model) cursor() int {
	return max(0, slices.IndexFunc(m.rows(), func(s compose.Server) bool { return s.ID() == m.selected }))
}

func (m Model) moved(by int) Model {
	rows := m.rows()
	if len(rows) > 0 {
		m.selected = rows[min(max(m.cursor()+by, 0), len(rows)-1)].ID()
	}
	return m
}

// scrolled keeps the cursor in view.
func (m Model) scrolled() Model {
	m.top = min(m.top, m.cursor())
	m.top = max(m.top, m.cursor()-m.room()+1, 0)
	return m
}
