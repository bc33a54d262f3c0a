package plugin

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// table aligns columns. Lists of equal rows use docker's formatter instead; this
// one is for pages that a person reads.
type table struct{ rows [][]string }

func newTable(columns ...string) *table { return &table{rows: [][]string{columns}} }

func (t *table) row(cells ...string) { t.rows = append(t.rows, cells) }

// write writes an empty line and the table. The states of the second column are
// coloured.
func (t *table) write(out io.Writer, paint painter) {
	widths := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	fmt.Fprintln(out)
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			padding := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell)+2)
			if color := stateColor(cell); i == 1 && color != nil {
				cell = paint.paint(cell, color)
			}
			line.WriteString(cell + padding)
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
}
