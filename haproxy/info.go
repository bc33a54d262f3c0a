package haproxy

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Info is what a worker says of itself.
type Info struct {
	Version   string
	PID       int
	StartTime time.Time // to the second
	Uptime    time.Duration
	CurrConns int64
	MaxConn   int64
	Stopping  bool

	// Tainted is a bit set of what may have harmed the process, such as experimental directives
	// (HAProxy management guide, "show info").
	Tainted uint64

	Values map[string]string // everything, by HAProxy's names
}

// Info asks the worker in charge for its state.
func (s *Session) Info(ctx context.Context) (Info, error) {
	answer, err := s.Worker(ctx, "show info")
	if err != nil {
		return Info{}, err
	}
	return ParseInfo(answer)
}

// ParseInfo reads the answer of "show info".
func ParseInfo(answer string) (Info, error) {
	info := Info{Values: map[string]string{}}
	for line := range strings.Lines(answer) {
		if name, value, ok := strings.Cut(line, ":"); ok {
			info.Values[name] = strings.TrimSpace(value)
		}
	}
	if info.Version = info.Values["Version"]; info.Version == "" {
		return Info{}, fmt.Errorf("%w: show info names no version", ErrUnexpectedAnswer)
	}

	var firstErr error
	value := func(name string) int64 {
		text, ok := info.Values[name]
		if !ok {
			return 0
		}
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil && firstErr == nil {
			firstErr = fmt.Errorf("%w: show info has %q for %s", ErrUnexpectedAnswer, text, name)
		}
		return n
	}
	info.PID = int(value("Pid"))
	info.StartTime = time.Unix(value("Start_time_sec"), 0)
	info.Uptime = time.Duration(value("Uptime_sec")) * time.Second
	info.CurrConns = value("CurrConns")
	info.MaxConn = value("Maxconn")
	info.Stopping = value("Stopping") != 0
	info.Tainted = uint64(value("Tainted"))
	if firstErr != nil {
		return Info{}, firstErr
	}
	return info, nil
}

// Number is one of the Values; 0 when it is absent or no number.
func (i Info) Number(name string) int64 {
	n, _ := strconv.ParseInt(i.Values[name], 0, 64)
	return n
}
