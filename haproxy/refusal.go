package haproxy

import (
	"errors"
	"fmt"
	"strings"
)

// Refusal is HAProxy's complaint about a command. [errors.Is] tells the known ones apart.
type Refusal struct {
	Command string
	Answer  string // HAProxy's words
}

// What HAProxy complains about.
var (
	ErrNoSuchServer     = errors.New("no such server")
	ErrNoSuchBackend    = errors.New("no such backend")
	ErrNoSuchProxy      = errors.New("no such proxy")
	ErrServerExists     = errors.New("the backend already has a server of this name")
	ErrNotInMaintenance = errors.New("the server is not in maintenance")
	ErrStillConnected   = errors.New("the server still has connections")
	ErrNotDynamic       = errors.New("not possible for a server that is added at run time")
	ErrStaticBalance    = errors.New("the backend's balance algorithm does not allow servers to be added at run time")
	ErrUnknownCommand   = errors.New("HAProxy does not know the command")
	ErrPermission       = errors.New("the socket does not allow the command")
	ErrExperimental     = errors.New("the command needs experimental-mode on")
	ErrExpert           = errors.New("the command needs expert-mode on")
	ErrNoWorker         = errors.New("HAProxy has no worker process")
)

// refusals are HAProxy's words for its complaints, measured on 3.2.26 and 3.4.7 but for those about
// permission and expert mode (in 3.4 those of "wait" follow "Failed. "). ofCommand marks those that no answer with data can begin with.
var refusals = []struct { //nolint:gochecknoglobals // a table that nobody writes to
	words     string
	err       error
	ofCommand bool
}{
	{"No such server.", ErrNoSuchServer, false},
	{"No such backend.", ErrNoSuchBackend, false},
	{"Can't find backend.", ErrNoSuchBackend, false},
	{"No such proxy.", ErrNoSuchProxy, false},
	{"No such frontend.", ErrNoSuchProxy, false},
	{"Already exists a server with the same name in backend.", ErrServerExists, false},
	{"Only servers in maintenance mode can be deleted.", ErrNotInMaintenance, false},
	{"Server still has connections attached to it, cannot remove it.", ErrStillConnected, false},
	{"option is not accepted for dynamic server", ErrNotDynamic, false},
	{"Backend must use a dynamic load balancing", ErrStaticBalance, false}, // 3.2
	{"uses a non dynamic load balancing method", ErrStaticBalance, false},  // 3.4
	{"Unknown command", ErrUnknownCommand, true},
	{"Permission denied", ErrPermission, true},
	{"This command is restricted to experimental mode only.", ErrExperimental, true},
	{"This command is restricted to expert mode only.", ErrExpert, true},
	{"Can't find the target PID", ErrNoWorker, true},
}

func (r *Refusal) Error() string {
	answer, _, _ := strings.Cut(r.Answer, "\n") // an unknown command is followed by a list of others
	return fmt.Sprintf("HAProxy refused %q: %s", r.Command, answer)
}

// Unwrap returns the sentinel of the complaint, nil when it is not a known one.
func (r *Refusal) Unwrap() error {
	for _, known := range refusals {
		if strings.Contains(r.Answer, known.words) {
			return known.err
		}
	}
	return nil
}

func (r *Refusal) isOfCommand() bool {
	for _, known := range refusals {
		if known.ofCommand && strings.HasPrefix(r.Answer, known.words) {
			return true
		}
	}
	return false
}

// refusal tells whether an error is HAProxy's complaint about a command.
func refusal(err error) (*Refusal, bool) { return errors.AsType[*Refusal](err) }
