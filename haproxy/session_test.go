package haproxy

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"
)

// step is one exchange of a scripted master CLI: the line that it expects, or the lines of a command
// with a payload, and the chunks it answers.
type step struct {
	expect string
	chunks []string
	hangUp bool // close the connection after the chunks
}

const (
	prompt    = "\nmaster> "
	procTable = "#<PID>          <type>          <reloads>       <uptime>        <version>      \n" +
		"1               master          0 [failed: 0]   0d00h00m03s     3.2.26-1       \n" +
		"# workers\n" +
		"9               worker          0               0d00h00m03s     3.2.26-1       \n\n"
)

var askProc = step{expect: "show proc", chunks: []string{procTable, prompt[1:]}}

// open returns a session with a master CLI that follows the script, which begins after the
// session's own "prompt".
func open(t *testing.T, script ...step) *Session {
	t.Helper()
	script = append([]step{{expect: "prompt", chunks: []string{"mas", "ter> "}}}, script...)
	client := Client{Dial: func(context.Context) (net.Conn, error) { return play(t, script), nil }}
	s, err := client.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func play(t *testing.T, script []step) net.Conn {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan struct{})
	t.Cleanup(func() { ours.Close(); <-done })
	go func() {
		defer close(done)
		defer theirs.Close()
		lines := bufio.NewReader(theirs)
		for _, step := range script {
			line := ""
			for range strings.Count(step.expect, "\n") + 1 {
				next, err := lines.ReadString('\n')
				if err != nil {
					t.Errorf("%q was never asked: %v", step.expect, err)
					return
				}
				line += next
			}
			if line != step.expect+"\n" {
				t.Errorf("asked %q, the script expects %q", line, step.expect)
				return
			}
			for _, chunk := range step.chunks {
				if _, err := io.WriteString(theirs, chunk); err != nil {
					return // the test has given up on purpose
				}
			}
			if step.hangUp {
				return
			}
		}
		io.Copy(io.Discard, lines)
	}()
	return ours
}

func TestSession(t *testing.T) {
	t.Parallel()
	s := open(t,
		step{expect: "show startup-logs", chunks: []string{"a log\n", "\nmas", "ter> "}},
		askProc,
		step{expect: "@!9 show version", chunks: []string{"3.2.26-1\n" + prompt}},
		step{expect: "@!9 get weight be/s1", chunks: []string{prompt}}, // the worker is known by now
		step{expect: "@!9 set server be/s1 state drain", chunks: []string{prompt}},
		step{expect: "@!9 set server be/s2 state ready", chunks: []string{"No such server.\n" + prompt}},
		step{expect: "@!9 add server be/s3 10.0.0.3:80 check", chunks: []string{"New server registered.\n" + prompt}},
		step{expect: "@!9 del server be/s3", chunks: []string{"Server still has connections attached to it, cannot remove it.\n" + prompt}},
		step{expect: "nosuch", chunks: []string{"Unknown command: 'nosuch', but maybe one of …\n  quit\n" + prompt}},
	)
	for _, test := range []struct {
		ask    func(context.Context, string) (string, error)
		ed     string
		answer string
	}{
		{s.Master, "show startup-logs", "a log"},
		{s.Worker, "show version", "3.2.26-1"},
		{s.Worker, "get weight be/s1", ""},
	} {
		if got, err := test.ask(t.Context(), test.ed); got != test.answer || err != nil {
			t.Errorf("%s: %q, %v", test.ed, got, err)
		}
	}
	if err := s.SetServerMode(t.Context(), "be", "s1", ModeDrain); err != nil {
		t.Error(err)
	}
	if err := s.SetServerMode(t.Context(), "be", "s2", ModeReady); !errors.Is(err, ErrNoSuchServer) {
		t.Error(err)
	}
	if err := s.AddServer(t.Context(), "be", "s3", "10.0.0.3:80", "check"); err != nil {
		t.Error(err)
	}
	if err := s.DeleteServer(t.Context(), "be", "s3"); !errors.Is(err, ErrStillConnected) {
		t.Error(err)
	}
	if _, err := s.Master(t.Context(), "nosuch"); !errors.Is(err, ErrUnknownCommand) || strings.Contains(err.Error(), "\n") {
		t.Error(err)
	}
}

func TestRefusedCommandsAreNotSent(t *testing.T) {
	t.Parallel()
	s := open(t)
	if _, err := s.Worker(t.Context(), "show stat\nreload"); !errors.Is(err, ErrBadCommand) {
		t.Error(err)
	}
	if _, err := s.Master(t.Context(), "show proc; reload"); !errors.Is(err, ErrBadCommand) {
		t.Error(err)
	}
	for _, reload := range []string{"reload", "hard-reload", " reload", "reload\tx", `\reload`, `rel\oad now`, "\vreload", `hard\-reload`} {
		if _, err := s.Master(t.Context(), reload); !errors.Is(err, ErrBareReload) {
			t.Errorf("%q: %v", reload, err)
		}
	}
}

func TestBrokenAnswers(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		last step
		want error
		not  error
	}{
		"gone":           {step{expect: "show proc", hangUp: true}, ErrHungUp, ErrTruncated},
		"half an answer": {step{expect: "show proc", chunks: []string{procTable}, hangUp: true}, ErrTruncated, ErrHungUp},
		"half a prompt":  {step{expect: "show proc", chunks: []string{procTable, "master>"}, hangUp: true}, ErrTruncated, ErrHungUp},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := open(t, test.last)
			if _, err := s.Proc(t.Context()); !errors.Is(err, test.want) || errors.Is(err, test.not) || !errors.Is(err, io.EOF) {
				t.Errorf("got %v", err)
			}
			if _, err := s.Proc(t.Context()); !errors.Is(err, ErrSessionBroken) || !errors.Is(err, test.want) {
				t.Errorf("the next command: %v", err)
			}
		})
	}
}

func TestDeadlineBreaksTheSession(t *testing.T) {
	t.Parallel()
	s := open(t, step{expect: "show proc", chunks: []string{"#<PID>"}})
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Proc(ctx); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrTruncated) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Proc(t.Context()); !errors.Is(err, ErrSessionBroken) {
		t.Errorf("the next command: %v", err)
	}
}

func TestCancelledBeforeItIsAsked(t *testing.T) {
	t.Parallel()
	s := open(t, askProc)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Proc(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if _, err := s.Proc(t.Context()); err != nil {
		t.Errorf("nothing was sent, so the session still works: %v", err)
	}
}

func TestClose(t *testing.T) {
	t.Parallel()
	s := open(t, step{expect: "show proc"})
	failed := make(chan error)
	go func() {
		_, err := s.Proc(t.Context())
		failed <- err
	}()
	time.Sleep(10 * time.Millisecond)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-failed; !errors.Is(err, ErrSessionClosed) {
		t.Errorf("the command under way: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("a second time: %v", err)
	}
	if _, err := s.Proc(t.Context()); !errors.Is(err, ErrSessionClosed) {
		t.Errorf("the next command: %v", err)
	}
}

func TestOpenFails(t *testing.T) {
	t.Parallel()
	client := Client{Dial: func(context.Context) (net.Conn, error) { return nil, os.ErrNotExist }}
	if _, err := client.Open(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
	client.Dial = func(context.Context) (net.Conn, error) {
		return play(t, []step{{expect: "prompt", hangUp: true}}), nil
	}
	if _, err := client.Open(t.Context()); !errors.Is(err, ErrHungUp) {
		t.Errorf("got %v", err)
	}
}

func TestSurvivorOfAFailedReload(t *testing.T) {
	t.Parallel()
	s := open(t,
		step{expect: "show proc", chunks: []string{
			"#<PID>  <type>  <reloads>  <uptime>  <version>\n1  master  2 [failed: 1]  0d00h02m20s  3.2.26-1\n" +
				"# workers\n# old workers\n31  worker  5  0d00h09m02s  3.2.26-1\n43  worker  1  0d00h00m02s  3.2.26-1\n" +
				"\nmaster[ReloadFailed]> ",
		}},
		step{expect: "@!43 show version", chunks: []string{"3.2.26-1\n\nmaster[ReloadFailed]> "}},
	)
	if got, err := s.Worker(t.Context(), "show version"); got != "3.2.26-1" || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestReload(t *testing.T) {
	t.Parallel()
	const loaded = "Success=1\n--\n[NOTICE]   (1) : Initializing new worker (18)\n[NOTICE]   (1) : Loading success.\n\n"
	for name, test := range map[string]step{
		"connection stays open": {chunks: []string{loaded[:20], loaded[20:]}},
		"connection ends":       {chunks: []string{loaded}, hangUp: true},
		"no empty line":         {chunks: []string{strings.TrimSuffix(loaded, "\n")}, hangUp: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.expect = "reload"
			s := open(t, test)
			verdict, err := s.Reload(t.Context())
			if err != nil || !verdict.Loaded || verdict.Worker != 18 {
				t.Errorf("got %+v, %v", verdict, err)
			}
			if _, err := s.Proc(t.Context()); !errors.Is(err, ErrSessionClosed) {
				t.Errorf("the next command: %v", err)
			}
		})
	}
	for name, test := range map[string]struct {
		step
		want error
	}{
		"crash":     {step{hangUp: true}, ErrHungUp},
		"half":      {step{chunks: []string{"Succ"}, hangUp: true}, ErrTruncated},
		"not known": {step{chunks: []string{"Permission denied\n" + prompt}}, ErrPermission},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test.expect = "reload"
			if verdict, err := open(t, test.step).Reload(t.Context()); !errors.Is(err, test.want) || verdict.Loaded {
				t.Errorf("got %+v, %v", verdict, err)
			}
		})
	}
}
