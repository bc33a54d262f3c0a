package haproxy

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"strings"
)

// Client speaks HAProxy's Runtime API through the master CLI (haproxy -S).
type Client struct {
	// Dial returns a connection to the master CLI's socket. Closing it must unblock its reads
	// and writes, and it must report an end of file when HAProxy closes its side.
	Dial func(ctx context.Context) (net.Conn, error)

	// Asking, where it is not nil, is told of each command before it is sent. It gives the context
	// that bounds the command, and what is to be called with its result, whose error counts.
	Asking func(ctx context.Context, command string) (context.Context, func(error) error)
}

// Open starts an interactive session. The caller closes it.
func (c *Client) Open(ctx context.Context) (*Session, error) {
	conn, err := c.Dial(ctx)
	if err != nil {
		return nil, fmt.Errorf("connect to HAProxy's master CLI: %w", err)
	}
	s := newSession(conn)
	s.asking = c.Asking
	if _, err := s.exchange(ctx, "prompt"); err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open a session on HAProxy's master CLI: %w", err)
	}
	return s, nil
}

// Quote escapes an argument of a command: HAProxy splits a line at spaces and at semicolons, takes
// "<<" at the end for the beginning of a payload, and takes a backslash before any character for
// that character. Measured on 3.2.26 and 3.4.7. An empty argument and one with a line break cannot
// be written at all; the latter is refused when the command is sent.
func Quote(argument string) string {
	var b strings.Builder
	for _, r := range []byte(argument) {
		if strings.IndexByte("\\ \t;<", r) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(r)
	}
	return b.String()
}

// Keyword is the first word of a command as HAProxy reads it: it takes the backslashes away.
func Keyword(command string) string {
	words := strings.Fields(strings.ReplaceAll(command, `\`, ""))
	if len(words) == 0 {
		return ""
	}
	return words[0]
}

// opensPayload matches a last word, not escaped, that makes HAProxy wait for further lines.
var opensPayload = regexp.MustCompile(`(?:^|[^\\])<<\S*\s*$`)

// checkCommand refuses what would not be one command with one answer.
func checkCommand(command string) error {
	refuse := func(why string) error {
		return fmt.Errorf("%w: %q %s", ErrBadCommand, command, why)
	}
	switch {
	case strings.TrimSpace(command) == "":
		return refuse("is empty")
	case strings.ContainsAny(command, "\n\r\x00"):
		return refuse("has a line break; send one command at a time")
	case strings.HasPrefix(Keyword(command), "@"):
		return refuse("names a process; use Master or Worker to choose it")
	case Keyword(command) == "prompt":
		return refuse("changes what ends an answer; the session has its prompt already")
	case opensPayload.MatchString(command):
		return refuse("begins a payload; use Quote for its arguments")
	}
	for i := 0; i < len(command); i++ {
		switch command[i] {
		case '\\':
			i++
		case ';':
			return refuse("has a semicolon; send one command at a time, or use Quote for its arguments")
		}
	}
	return nil
}

var (
	// ErrBadCommand means that a command was not sent, since it would not be one command.
	ErrBadCommand = errors.New("not a single Runtime API command")

	// ErrBareReload means that a reload was not sent as a command: its answer is a verdict, and
	// ends the session. [Session.Reload] is made for that.
	ErrBareReload = errors.New("a reload is not sent as a command")

	// ErrSessionClosed means that the session was used after its Close or its Reload.
	ErrSessionClosed = errors.New("the session with HAProxy is closed; open another")

	// ErrSessionBroken means that an earlier command failed in a way that leaves the next answer
	// uncertain: a deadline, a cancellation, a lost connection.
	ErrSessionBroken = errors.New("the session with HAProxy is broken; open another")

	// ErrHungUp means that HAProxy closed the connection without a word: it stops, it crashed, or
	// another reload is under way.
	ErrHungUp = errors.New("HAProxy closed the connection without an answer")

	// ErrTruncated means that the connection ended in the middle of an answer.
	ErrTruncated = errors.New("HAProxy's answer is incomplete")

	// ErrUnexpectedAnswer means that an answer does not have the format that it should have.
	ErrUnexpectedAnswer = errors.New("HAProxy's answer is not understood")
)

// promptLine is how the master CLI asks for the next command. After a failed reload and in special
// modes it says so. Measured on 3.2.26 and 3.4.7: "master> ", "master[ReloadFailed]> ",
// "master(x)> ", "master[ReloadFailed](xed)> ".
var promptLine = regexp.MustCompile(`^master(?:\[\w+\])?(?:\(\w+\))?> $`)

// promptMax bounds the length of a prompt.
const promptMax = 64

// answerReader reads the answers of an interactive session.
type answerReader struct {
	from  io.Reader
	chunk [32 << 10]byte
}

// next reads until complete finds an answer in what was received, and returns it. When the stream
// ends first, it returns what there was with the error, such as io.EOF.
func (a *answerReader) next(complete func(received []byte) (answer []byte, ok bool)) ([]byte, error) {
	var received []byte
	for {
		n, err := a.from.Read(a.chunk[:])
		received = append(received, a.chunk[:n]...)
		if n > 0 {
			if answer, ok := complete(received); ok {
				return answer, nil
			}
		}
		if err != nil {
			return received, err
		}
	}
}

// cutPrompt finds an answer that is ended by a prompt.
//
// An answer has no length and no other end than the prompt, on a line of its own. The prompt only
// counts as the last thing that was received: one command is sent at a time, so that nothing can
// follow it, and the text of an answer may contain it. Only the end is looked at, so that reading
// takes linear time.
func cutPrompt(received []byte) (answer []byte, ok bool) {
	if !bytes.HasSuffix(received, []byte("> ")) {
		return nil, false
	}
	tail := max(0, len(received)-promptMax)
	lineBreak := bytes.LastIndexByte(received[tail:], '\n')
	if lineBreak < 0 && tail > 0 {
		return nil, false
	}
	start := tail + lineBreak + 1
	if !promptLine.Match(received[start:]) {
		return nil, false
	}
	return received[:max(0, start-1)], true
}

// cutVerdict finds the answer of a reload, which is followed by an empty line, and then by the end
// of the connection. That end is not waited for: what relays the connection may keep it open (socat
// does, for the seconds of its -t). A prompt ends the answer too; then there was no reload.
func cutVerdict(received []byte) (answer []byte, ok bool) {
	if bytes.HasPrefix(received, []byte("Success=")) && bytes.HasSuffix(received, []byte("\n\n")) {
		return received, true
	}
	return cutPrompt(received)
}
