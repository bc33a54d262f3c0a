package plugin

import (
	"io"
	"strings"
	"unicode/utf8"

	"github.com/docker-haproxy/docker-haproxy/plugin/visible"
)

// table aligns columns. Lists of equal rows use docker's formatter instead; this
// one is for pages that a person reads.
type table struct{ rows [][]string }

func newTable(columns ...string) *table { return &table{rows: [][]string{columns}} }

func (t *table) row(cells ...string) {
	row := make([]string, 0, len(cells))
	for _, cell := range cells {
		row = append(row, visible.Text(cell))
	}
	t.rows = append(t.rows, row)
}

// write writes an empty line and the table. The states of the second column are
// coloured.
func (t *table) write(out io.Writer, paint painter) {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fprintln(out)
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
			if color := stateColor(cell); i == 1 && color != nil {
				cell = string(paint.paint(cell, color))
			}
			line.WriteString(cell + padding)
		}
		fprintln(out, painted(strings.TrimRight(line.String(), " ")))
	}
}
