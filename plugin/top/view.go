package top

import (
	"cmp"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/morikuni/aec"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/plugin/visible"
)

// column is a column of the servers' table.
type column struct {
	title   string
	rank    int // narrow terminals drop the highest first
	right   bool
	text    func(compose.Server) string
	compare func(a, b compose.Server) int
}

// columns are those of the servers, in their order on the screen.
var columns = []column{ //nolint:gochecknoglobals // a table that nobody writes to
	{"SERVER", 0, false, compose.Server.ID, text(compose.Server.ID)},
	{"STATE", 0, false, func(s compose.Server) string { return s.Status }, text(func(s compose.Server) string { return s.Status })},
	{"SINCE", 3, true, func(s compose.Server) string { return Age(s.Since) }, number(func(s compose.Server) int64 { return int64(s.Since) })},
	{"CONTAINER", 2, false, func(s compose.Server) string { return s.Container }, text(func(s compose.Server) string { return s.Container })},
	{"SESS", 0, true, count(sessions), number(sessions)},
	{"RATE", 0, true, count(rate), number(rate)},
	{"QUEUE", 1, true, count(queue), number(queue)},
	{"ERR", 1, true, count(failures), number(failures)},
	{"5XX", 1, true, count(responses5xx), number(responses5xx)},
	{"TIME", 1, true, func(s compose.Server) string { return s.ResponseTime.String() }, number(func(s compose.Server) int64 { return int64(s.ResponseTime) })},
	{"TOTAL", 3, true, count(total), number(total)},
	{"WEIGHT", 4, true, count(weight), number(weight)},
	{"CHECK", 4, false, func(s compose.Server) string { return s.Check }, text(func(s compose.Server) string { return s.Check })},
}

func sessions(s compose.Server) int64     { return s.Sessions }
func rate(s compose.Server) int64         { return s.Rate }
func queue(s compose.Server) int64        { return s.Queue }
func failures(s compose.Server) int64     { return s.Errors }
func responses5xx(s compose.Server) int64 { return s.Responses5xx }
func total(s compose.Server) int64        { return s.Total }
func weight(s compose.Server) int64       { return s.Weight }

func count(of func(compose.Server) int64) func(compose.Server) string {
	return func(s compose.Server) string { return fmt.Sprint(of(s)) }
}

func text(of func(compose.Server) string) func(a, b compose.Server) int {
	return func(a, b compose.Server) int { return strings.Compare(of(a), of(b)) }
}

// number sorts the largest first: that is what one looks for.
func number(of func(compose.Server) int64) func(a, b compose.Server) int {
	return func(a, b compose.Server) int { return cmp.Compare(of(b), of(a)) }
}

// View draws the screen.
func (m Model) View() tea.View {
	view := tea.NewView(strings.Join(m.lines(), "\n"))
	view.AltScreen = true
	return view
}

// lines are those of the screen, none wider than it.
func (m Model) lines() []string {
	var lines []string
	if m.help {
		lines = helpLines()
	} else {
		lines = append(m.head(), m.table()...)
	}
	for i, line := range lines {
		lines[i] = m.cut(line)
	}
	if len(lines) >= m.height {
		lines = lines[:m.height-1]
	}
	for len(lines) < m.height-1 {
		lines = append(lines, "")
	}
	return append(lines, m.cut(m.foot()))
}

// head is what stands above the servers.
func (m Model) head() []string {
	s := m.status
	if s.Version == "" {
		return append(m.trouble(), "")
	}
	lines := []string{
		visible.Text(fmt.Sprintf("%s  HAProxy %s  up %s  worker %d  %s", s.Project, s.Version, Age(s.Uptime), s.Workers[0].PID, m.pace())),
		fmt.Sprintf("connections %d/%d  %d requests/s  %d sessions/s%s", s.Connections, s.ConnectionsLimit, s.RequestRate, s.SessionRate, oldWorkers(s)),
	}
	for _, f := range s.Frontends[:m.frontends()] {
		lines = append(lines, visible.Text(fmt.Sprintf("%-12s %-6s %s  %d sessions  %d/s  4xx %d  5xx %d",
			f.Name, f.Status, f.Address, f.Sessions, max(f.Rate, f.RequestRate), f.Responses4xx, f.Responses5xx)))
	}
	if more := len(s.Frontends) - m.frontends(); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more: docker haproxy status", more))
	}
	return append(append(lines, m.trouble()...), "")
}

// frontends is how many of them are shown: they leave two thirds of the screen
// to the rest. A line that says how many more there are takes the place of one.
func (m Model) frontends() int {
	all, most := len(m.status.Frontends), max(1, m.height/3)
	if all > most {
		return most - 1
	}
	return all
}

// trouble is what is not well, at most two lines of it.
func (m Model) trouble() []string {
	var lines []string
	if m.err != nil {
		first, _, _ := strings.Cut(m.err.Error(), "\n")
		lines = append(lines, m.paint("! "+first, aec.RedF))
	}
	for _, warning := range m.status.Warnings {
		lines = append(lines, m.paint("! "+warning, aec.YellowF))
	}
	if len(lines) > troubleLines {
		lines = append(lines[:troubleLines-1], fmt.Sprintf("! and %d more: docker haproxy status", len(lines)-troubleLines+1))
	}
	return lines
}

const troubleLines = 3

func (m Model) pace() string {
	if m.paused {
		return "PAUSED"
	}
	return "every " + m.interval.String()
}

func oldWorkers(s compose.Status) string {
	old := s.OldWorkers()
	if len(old) == 0 {
		return ""
	}
	var left int64
	for _, w := range old {
		left += max(w.Sessions, 0)
	}
	return fmt.Sprintf("  old workers: %d, %d sessions left", len(old), left)
}

// room is how many servers fit on the screen.
func (m Model) room() int { return max(1, m.height-len(m.head())-2) }

// table is the servers, as many columns of them as fit.
func (m Model) table() []string {
	rows := m.rows()
	if len(rows) == 0 {
		return nil
	}
	shown, widths := fitting(rows, m.width-1)
	title := make([]string, 0, len(shown))
	for i, c := range shown {
		name := pad(c.title, widths[i], c.right)
		if c.title == columns[m.sort].title {
			name = m.paint(pad(c.title+direction(m.reverse), widths[i], c.right), aec.Underline)
		}
		title = append(title, name)
	}
	lines := []string{" " + strings.Join(title, "  ")}
	last := min(m.top+m.room(), len(rows))
	for i := min(m.top, len(rows)-1); i < last; i++ {
		cells := make([]string, 0, len(shown))
		for j, c := range shown {
			cell := pad(c.cell(rows[i]), widths[j], c.right)
			if c.title == "STATE" {
				cell = m.paintState(cell, rows[i].State)
			}
			cells = append(cells, cell)
		}
		line := strings.Join(cells, "  ")
		if i == m.cursor() {
			line = m.paint(">"+stripped(line), aec.Inverse)
		} else {
			line = " " + line
		}
		lines = append(lines, line)
	}
	return lines
}

// direction marks the column that the servers are sorted by.
func direction(reverse bool) string {
	if reverse {
		return "^"
	}
	return "v"
}

// fitting chooses the columns for a width: the least important go first.
func fitting(rows []compose.Server, width int) (shown []column, widths []int) {
	for rank := 4; ; rank-- {
		shown, widths = nil, nil
		sum := -2
		for _, c := range columns {
			if c.rank > rank {
				continue
			}
			w := len(c.title) + 1 // and the arrow of the sorted one
			for _, row := range rows {
				w = max(w, utf8.RuneCountInString(c.cell(row)))
			}
			shown, widths, sum = append(shown, c), append(widths, w), sum+w+2
		}
		if sum <= width || rank == 0 {
			return shown, widths
		}
	}
}

func pad(cell string, width int, right bool) string {
	space := strings.Repeat(" ", max(0, width-utf8.RuneCountInString(cell)))
	if right {
		return space + cell
	}
	return cell + space
}

// foot is the last line: a question, the result of a key, or the keys.
func (m Model) foot() string {
	switch {
	case m.asking != nil:
		return m.paint(m.asking.words(m.status), aec.Bold)
	case m.said != "":
		first, _, _ := strings.Cut(m.said, "\n")
		return visible.Text(first)
	}
	return "d drain  m maint  e enable  s sort  r reverse  p pause  ? help  q quit"
}

func helpLines() []string {
	return []string{
		"docker haproxy top",
		"",
		"  up, down, k, j     choose a server",
		"  PgUp, PgDn, g, G   scroll",
		"  s, S               sort by the next, the previous column",
		"  r                  reverse the order",
		"  d                  drain the server: no new sessions, those that run go on",
		"  m                  put it into maintenance: no sessions, no checks",
		"  e                  enable it again",
		"  p                  pause",
		"  +, -               look less often, more often",
		"  q, Esc, Ctrl-C     quit",
		"",
		"Any key goes back.",
	}
}

// cell is what stands in a column, with foreign text made visible.
func (c column) cell(server compose.Server) string { return visible.Text(c.text(server)) }

func (m Model) paint(text string, with aec.ANSI) string {
	text = visible.Text(text)
	if !m.color {
		return text
	}
	return with.Apply(text)
}

func (m Model) paintState(cell string, state compose.ServerState) string {
	switch state {
	case compose.ServerUp:
		return m.paint(cell, aec.GreenF)
	case compose.ServerDown, compose.ServerNoAddress, compose.ServerStranger:
		return m.paint(cell, aec.RedF)
	case compose.ServerDraining, compose.ServerMaintenance, compose.ServerPending:
		return m.paint(cell, aec.YellowF)
	}
	return cell
}

// cut makes a line as narrow as the screen; colours take no room.
func (m Model) cut(line string) string {
	if utf8.RuneCountInString(stripped(line)) <= m.width {
		return line
	}
	plain := []rune(stripped(line))
	return string(plain[:max(0, m.width-1)]) + "…"
}

// stripped is a line without its colours.
func stripped(line string) string {
	var b strings.Builder
	for {
		before, after, found := strings.Cut(line, "\x1b[")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		_, line, _ = strings.Cut(after, "m")
	}
}

// Age is a duration in its largest unit, as short as it can be read.
func Age(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%dh", int(d.Hours()))
	}
	return fmt.Sprintf("%dd", int(d.Hours()/24))
}
