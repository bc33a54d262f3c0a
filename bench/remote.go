package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// A client elsewhere reads orders, a line of JSON each, and answers each with a
// line. It ends with its input.

type order struct {
	Load Load
	Try  bool // one request only
}

type answer struct {
	Result Result
	Error  string `json:",omitempty"`
	Status int    `json:",omitempty"` // of an answer that was no success
}

// Serve is the client elsewhere: it follows orders until there are no more.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	orders, answers := json.NewDecoder(in), json.NewEncoder(out)
	for {
		var next order
		if err := orders.Decode(&next); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return fmt.Errorf("not an order: %w", err)
		}
		if err := answers.Encode(next.follow(ctx)); err != nil {
			return err
		}
	}
}

func (o order) follow(ctx context.Context) (a answer) {
	var err error
	if o.Try {
		err = o.Load.Try(ctx)
	} else {
		a.Result, err = o.Load.Run(ctx)
	}
	if err != nil {
		a.Error = err.Error()
	}
	if status, refused := errors.AsType[StatusError](err); refused {
		a.Status = status.Status
	}
	return a
}

// Remote gives orders to a client elsewhere, over a connection. It is for one
// goroutine at a time.
type Remote struct {
	conn    io.ReadWriteCloser
	answers *bufio.Reader
}

// NewRemote takes a connection whose other end serves. The caller closes it.
func NewRemote(conn io.ReadWriteCloser) *Remote {
	return &Remote{conn: conn, answers: bufio.NewReader(conn)}
}

// Run has a load sent from there.
func (r *Remote) Run(ctx context.Context, load Load) (Result, error) {
	return r.give(ctx, order{Load: load})
}

// Try has one request sent from there.
func (r *Remote) Try(ctx context.Context, load Load) error {
	_, err := r.give(ctx, order{Load: load, Try: true})
	return err
}

func (r *Remote) give(ctx context.Context, o order) (Result, error) {
	defer context.AfterFunc(ctx, func() { _ = r.conn.Close() })()
	a, err := r.exchange(o)
	switch {
	case ctx.Err() != nil:
		return Result{}, ctx.Err()
	case err != nil:
		return Result{}, fmt.Errorf("the client does not answer: %w", err)
	case a.Status != 0:
		return a.Result, StatusError{Status: a.Status}
	case a.Error != "":
		return a.Result, errors.New(a.Error)
	}
	return a.Result, nil
}

func (r *Remote) exchange(o order) (a answer, err error) {
	if err := json.NewEncoder(r.conn).Encode(o); err != nil {
		return a, err
	}
	line, err := r.answers.ReadBytes('\n')
	if err != nil {
		return a, err
	}
	err = json.Unmarshal(line, &a)
	return a, err
}
