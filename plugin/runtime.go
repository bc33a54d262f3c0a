package plugin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/docker/cli/cli/command"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/docker-haproxy/docker-haproxy/compose"
	"github.com/docker-haproxy/docker-haproxy/haproxy"
	"github.com/docker-haproxy/docker-haproxy/internal/regular"
	"github.com/docker-haproxy/docker-haproxy/plugin/visible"
)

type runtimeOptions struct {
	words  []string
	master bool
}

func newRuntimeCommand(dockerCLI command.Cli, project *projectOptions) *cobra.Command {
	var opts runtimeOptions
	cmd := &cobra.Command{
		Use:   "runtime [OPTIONS] [COMMAND...]",
		Short: "Send commands to HAProxy's Runtime API",
		Long: `Send a command to HAProxy's Runtime API and print the answer, or commands
separated by ";". Without a command there is a prompt with a history; commands
that come through a pipe are run line by line, until one is refused.

Commands go to the worker that takes the traffic, with --master to the master
process. "help" lists them; HAProxy's management guide explains them.`,
		Example: `  docker haproxy runtime show info
  docker haproxy runtime "show stat; show errors"
  docker haproxy runtime --master show proc
  docker haproxy runtime`,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(cmd *cobra.Command, args []string) error {
			opts.words = args
			return runRuntime(cmd.Context(), dockerCLI, project, opts)
		},
	}
	cmd.Flags().BoolVar(&opts.master, "master", false, "Speak to the master process")
	cmd.Flags().SetInterspersed(false) // what follows the command is HAProxy's
	return cmd
}

func runRuntime(ctx context.Context, dockerCLI command.Cli, options *projectOptions, opts runtimeOptions) error {
	engine, project, err := options.attend(ctx, dockerCLI, false)
	if err != nil {
		return err
	}
	running, err := engine.RunningBalancer(ctx, project)
	if err != nil {
		return err
	}
	live, err := engine.Live(ctx, project, running)
	if err != nil {
		return err
	}
	defer func() { _ = live.Close() }()
	ask := asker{out: dockerCLI.Out(), send: sender(live, opts.master), timeout: runtimeTimeout}.ask
	switch {
	case len(opts.words) > 0:
		return ask(ctx, strings.Join(opts.words, " "))
	case dockerCLI.In().IsTerminal() && dockerCLI.Out().IsTerminal():
		return promptRuntime(ctx, dockerCLI, project, opts, ask)
	}
	for lines := bufio.NewScanner(dockerCLI.In()); lines.Scan(); {
		if err := ask(ctx, lines.Text()); err != nil {
			return err
		}
	}
	return nil
}

// sender sends a command to the worker that takes the traffic, or to the master.
func sender(live *compose.Live, master bool) func(context.Context, string) (string, error) {
	return func(ctx context.Context, command string) (answer string, err error) {
		err = live.Do(ctx, func(session *haproxy.Session) (err error) {
			if master {
				answer, err = session.Master(ctx, command)
			} else {
				answer, err = session.Worker(ctx, command)
			}
			return err
		})
		return answer, err
	}
}

// asker runs commands and prints their answers.
type asker struct {
	out     io.Writer
	send    func(ctx context.Context, command string) (answer string, err error)
	timeout time.Duration // for each
}

// runtimeTimeout bounds a command whose answer does not end. The slowest ones that
// do are those that wait for something, such as "wait 60s".
const runtimeTimeout = 5 * time.Minute

// ask runs commands one after the other.
func (a asker) ask(ctx context.Context, commands string) error {
	for _, one := range splitCommands(commands) {
		answer, err := a.one(ctx, one)
		if err != nil {
			return err
		}
		if answer != "" {
			fprintln(a.out, answer)
		}
	}
	return nil
}

func (a asker) one(ctx context.Context, command string) (string, error) {
	if err := sendable(command); err != nil {
		return "", err
	}
	bounded, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	answer, err := a.send(bounded, command)
	refusal, refused := errors.AsType[*haproxy.Refusal](err)
	switch {
	case refused:
		return "", problem(refusal.Error(), `"docker haproxy runtime help" lists the commands.`)
	case errors.Is(err, haproxy.ErrBareReload):
		return "", problem(haproxy.Keyword(command)+" is not sent as it is: an unchecked configuration may end HAProxy", `"docker haproxy reload" checks first, and tells the verdict.`)
	case ctx.Err() == nil && bounded.Err() != nil:
		return "", problem(fmt.Sprintf("HAProxy's answer to %q did not end within %s", command, a.timeout), "A command that goes on for ever, as with -w, cannot be sent here.")
	}
	return answer, err
}

// sendable refuses what has no answer that ends.
func sendable(command string) error {
	switch {
	case haproxy.Keyword(command) == "prompt":
		return problem("prompt is not sent: answers could not be told from prompts any more", `"docker haproxy runtime" without a command has a prompt of its own.`)
	case strings.HasSuffix(command, "<<"):
		return problem("a command with a payload (<<) cannot be sent here", `Use the form of the command that takes its value in the line, such as "add map #0 key value".`)
	}
	return nil
}

// splitCommands splits at semicolons that no backslash protects, and leaves out
// what is empty.
func splitCommands(line string) []string {
	var commands []string
	begin := 0
	add := func(one string) {
		if one = strings.TrimSpace(one); one != "" {
			commands = append(commands, one)
		}
	}
	for i := 0; i < len(line); i++ {
		switch line[i] {
		case '\\':
			i++
		case ';':
			add(line[begin:i])
			begin = i + 1
		}
	}
	add(line[min(begin, len(line)):])
	return commands
}

// promptRuntime asks for commands until Ctrl-D, "quit" or "exit".
func promptRuntime(ctx context.Context, dockerCLI command.Cli, project *compose.Project, opts runtimeOptions, ask func(context.Context, string) error) error {
	fd := int(dockerCLI.In().FD())
	cooked, err := term.MakeRaw(fd)
	if err != nil {
		return err
	}
	restore := func() { _ = term.Restore(fd, cooked) }
	defer restore()
	terminal := term.NewTerminal(struct {
		io.Reader
		io.Writer
	}{dockerCLI.In(), dockerCLI.Out()}, promptOf(opts.master))
	if width, height, err := term.GetSize(fd); err == nil {
		_ = terminal.SetSize(width, height)
	}
	past := readHistory(project.StateFile(historyName))
	for _, line := range past {
		terminal.History.Add(visible.Text(line)) // the file may hold anything
	}
	for ctx.Err() == nil {
		line, err := terminal.ReadLine()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch line = strings.TrimSpace(line); line {
		case "":
			continue
		case "quit", "exit":
			return nil
		}
		if !secret(line) {
			past = append(past, line)
			_ = project.WriteState(historyName, strings.Join(past[max(0, len(past)-historyLength):], "\n")+"\n")
		}
		// HAProxy's answers are for a terminal that is not raw, and so is Ctrl-C.
		restore()
		if err := ask(ctx, line); err != nil {
			fprintln(dockerCLI.Err(), err)
		}
		if _, err := term.MakeRaw(fd); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func promptOf(master bool) string {
	if master {
		return "master> "
	}
	return "haproxy> "
}

const (
	historyName   = "runtime_history"
	historyLength = 500
)

func readHistory(file string) []string {
	text, err := regular.Read(file)
	if err != nil {
		return nil
	}
	return strings.FieldsFunc(string(text), func(r rune) bool { return r == '\n' })
}

// secret tells whether a command may hold a key or a password, which no file
// shall keep.
func secret(line string) bool {
	for _, word := range []string{"ssl", "cert", "key", "password", "secret", "userlist", "acme", "tls"} {
		if strings.Contains(strings.ToLower(line), word) {
			return true
		}
	}
	return false
}
