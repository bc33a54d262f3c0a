package plugin

import (
	"context"
	"fmt"
	"io"
	"reflect"

	"github.com/docker/compose/v5/pkg/api"

	"github.com/docker-haproxy/docker-haproxy/plugin/visible"
)

// All that the commands print goes through the functions of this file, so that no
// control character from a file, a label, a name or an answer reaches a terminal.
// A linter rule holds it. "docker haproxy logs" alone prints what containers
// wrote as it is, as docker does.

// painted is text for a terminal as it is: it holds colours of ours, and its
// foreign parts went through visible.Text.
type painted string

// fprintf is fmt.Fprintf, with foreign text made visible. An error means that the
// reader has gone, which cannot be told then.
func fprintf(out io.Writer, format string, args ...any) { fmt.Fprintf(out, format, shown(args)...) }

// fprint is fmt.Fprint, with foreign text made visible.
func fprint(out io.Writer, args ...any) { fmt.Fprint(out, shown(args)...) }

// fprintln is fmt.Fprintln, with foreign text made visible.
func fprintln(out io.Writer, args ...any) { fmt.Fprintln(out, shown(args)...) }

// write writes data, with foreign text made visible.
func write(out io.Writer, text string) error {
	_, err := io.WriteString(out, visible.Text(text))
	return err
}

func shown(args []any) []any {
	all := make([]any, 0, len(args))
	for _, arg := range args {
		all = append(all, shownOne(arg))
	}
	return all
}

// shownOne makes text of what is printed as text; numbers, that have verbs of their
// own, stay what they are.
func shownOne(arg any) any {
	switch value := arg.(type) {
	case painted:
		return string(value)
	case []byte:
		return visible.Text(string(value))
	case error:
		return visible.Text(value.Error())
	}
	kind := reflect.ValueOf(arg).Kind()
	if _, speaks := arg.(fmt.Stringer); kind == reflect.String || speaks && !isNumber(kind) {
		return visible.Text(fmt.Sprint(arg))
	}
	return arg
}

func isNumber(kind reflect.Kind) bool { return kind >= reflect.Bool && kind <= reflect.Complex128 }

// visibleEvents is a progress display that gets visible text.
type visibleEvents struct{ display api.EventProcessor }

// Start begins an operation.
func (v visibleEvents) Start(ctx context.Context, operation string) { v.display.Start(ctx, operation) }

// On shows what became of resources.
func (v visibleEvents) On(events ...api.Resource) {
	all := make([]api.Resource, 0, len(events))
	for _, event := range events {
		event.ID, event.ParentID = visible.Text(event.ID), visible.Text(event.ParentID)
		event.Text, event.Details = visible.Text(event.Text), visible.Text(event.Details)
		all = append(all, event)
	}
	v.display.On(all...)
}

// Done ends an operation.
func (v visibleEvents) Done(operation string, success bool) { v.display.Done(operation, success) }
