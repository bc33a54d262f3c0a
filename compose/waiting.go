package compose

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/docker/compose/v5/pkg/api"
)

// waiting says what is waited for, after some seconds of silence, and for how
// long at most.
type waiting struct {
	events *progress
	// tell says a line: where no progress is shown, or always where the progress
	// is made of lines. Without it the progress says it.
	tell  func(line string)
	lines bool

	silence time.Duration // before a word is said
	hurry   int           // divides limits; for tests
}

func newWaiting(events *progress) *waiting {
	return &waiting{events: events, silence: silence, hurry: 1}
}

const (
	// silence is how long the other side may say nothing before it is said.
	silence = 4 * time.Second
	// answerLimit is how long the engine may take for what takes milliseconds.
	answerLimit = time.Minute
	// workLimit is how long it may take for what it has to do something for.
	workLimit = 10 * time.Minute
	// checkLimit is how long HAProxy's own check may take.
	checkLimit = time.Minute
	// noLimit is for what takes as long as the person has asked for.
	noLimit = 0
)

// exchange is something that another side is asked for.
type exchange struct {
	whom  string        // "the Docker engine (context default)"
	what  string        // "to list containers"
	limit time.Duration // 0 is none
	lives bool          // its result needs the context when it has come: a stream

	advice string // what to do where it does not answer; "" is about the engine
}

// errSilent: an answer did not come in time.
var errSilent = errors.New("no answer in time")

// await makes an exchange. It ends with the context even where the exchange does
// not.
func await[T any](ctx context.Context, p *waiting, x exchange, ask func(context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	asked, cancel := context.WithCancel(ctx)
	answered := make(chan result, 1)
	go func() {
		value, err := ask(asked)
		answered <- result{value, err}
	}()
	word := time.NewTimer(p.silence)
	defer word.Stop()
	var late <-chan time.Time
	if x.limit > 0 {
		limit := time.NewTimer(x.limit / time.Duration(p.hurry))
		defer limit.Stop()
		late = limit.C
	}
	said := false
	for {
		select {
		case r := <-answered:
			if said {
				p.answered(x)
			}
			if !x.lives || r.err != nil {
				cancel()
			} else {
				context.AfterFunc(ctx, cancel)
			}
			return r.value, x.cut(ctx, r.err)
		case <-word.C:
			said = true
			p.say(x)
		case <-ctx.Done():
			cancel()
			var none T
			return none, ctx.Err()
		case <-late:
			cancel()
			var none T
			return none, x.silent()
		}
	}
}

// begin is await for what ends with its context: it gives the context to ask
// with, and what is to be called with the result. A nil waiting has no limits.
func (p *waiting) begin(ctx context.Context, x exchange) (bounded context.Context, answered func(error) error) {
	if p == nil {
		return ctx, func(err error) error { return err }
	}
	bounded, cancel := context.WithCancelCause(ctx)
	word := time.AfterFunc(p.silence, func() { p.say(x) })
	late := &time.Timer{}
	if x.limit > 0 {
		late = time.AfterFunc(x.limit/time.Duration(p.hurry), func() { cancel(x.silent()) })
	}
	return bounded, func(err error) error {
		if !word.Stop() {
			p.answered(x)
		}
		if x.limit > 0 {
			late.Stop()
		}
		silent := context.Cause(bounded)
		cancel(nil)
		if err != nil && errors.Is(silent, errSilent) {
			return silent
		}
		return err
	}
}

// say says what is waited for.
func (p *waiting) say(x exchange) {
	if p.says() {
		p.tell(fmt.Sprintf("waiting for %s %s…", x.whom, x.what))
		return
	}
	p.show(x, api.Working, "Waiting")
}

func (p *waiting) answered(x exchange) {
	if !p.says() {
		p.show(x, api.Done, "Answered")
	}
}

// says tells whether a line is the way to say it.
func (p *waiting) says() bool { return p.tell != nil && (p.lines || !p.events.shown()) }

func (p *waiting) show(x exchange, status api.EventStatus, text string) {
	p.events.On(api.Resource{ID: strings.TrimPrefix(x.whom, "the "), Status: status, Text: text, Details: x.what})
}

// silent is the end of the patience.
func (x exchange) silent() error {
	return &Problem{
		Summary: fmt.Sprintf("%s has not answered for %s; it was asked %s", x.whom, x.limit, x.what),
		Advice:  cmp.Or(x.advice, `It may be overloaded or stuck: see whether "docker ps" answers, restart it, or choose another one with "docker --context".`),
		Cause:   errSilent,
	}
}

// cut says whose answer was cut off.
func (x exchange) cut(ctx context.Context, err error) error {
	syntax, garbled := errors.AsType[*json.SyntaxError](err)
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case is(err, io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET):
	case garbled && syntax.Error() == "unexpected end of JSON input":
	default:
		return err
	}
	return &Problem{
		Summary: fmt.Sprintf("the answer of %s was cut off in the middle (%v); it was asked %s", x.whom, err, x.what),
		Advice:  "It may have been restarted, or something between is in the way (a proxy, a tunnel): run the command again.",
		Cause:   err,
	}
}
