package compose

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/docker-haproxy/docker-haproxy/haproxy"
)

// Status is what is to be known of a load balancer at one moment: HAProxy's
// own words, joined with Compose's containers. It is what "status", "top" and
// "server ls" show, each in its own way.
type Status struct {
	Project   string
	Container string // of the load balancer
	Image     string
	State     string // Docker's: running, restarting, exited ...
	Health    string `json:",omitempty"` // Docker's, where the container has a health check
	Restarts  int    // by the container's restart policy

	Version          string        // HAProxy's
	Uptime           time.Duration // of the worker in charge
	Connections      int64         // open now, to clients and to servers
	ConnectionsLimit int64         // maxconn
	SessionRate      int64         // new sessions in the last second
	RequestRate      int64         // requests in the last second

	Workers   []Worker
	Frontends []Frontend
	Backends  []Backend

	Config  ConfigStatus
	Verdict *LastVerdict `json:",omitempty"` // nil where none is known

	// Quarantines are the services that are not served.
	Quarantines []Quarantine `json:",omitempty"`

	// Strangers are the servers whose address is another container's.
	Strangers []Stranger `json:",omitempty"`

	// Warnings are what a person should look at, in the order of their weight:
	// servers that are away, a reload that failed, a signal sent by hand.
	Warnings []string
}

// Worker is a HAProxy process that serves.
type Worker struct {
	PID     int           // in the container
	Current bool          // takes new connections; the others finish the sessions they have
	Since   time.Time     // when it took over; of another one, when the next took over from it
	Uptime  time.Duration // of the process
	// Draining is how long it has been finishing its sessions.
	Draining time.Duration `json:",omitempty"`
	// Sessions it still has; -1 where it could not be asked.
	Sessions int64
}

// Frontend is where requests come in.
type Frontend struct {
	Name     string
	Mode     string // http or tcp
	Status   string // OPEN
	Address  string `json:",omitempty"` // where it is published, such as http://localhost:80
	Sessions int64  // now
	Limit    int64  // of sessions
	// Rate is of new sessions, RequestRate of requests, in the last second.
	Rate, RequestRate int64
	Total             int64 // requests; sessions where the mode is tcp
	BytesIn, BytesOut int64
	Errors            int64 // requests that were no HTTP
	Denied            int64 // by a rule of the configuration
	Responses4xx      int64
	Responses5xx      int64
}

// Backend is a group of servers.
type Backend struct {
	Name              string
	Mode              string
	Status            string        // UP or DOWN
	Since             time.Duration // of Status
	Sessions          int64
	Queue             int64
	Rate              int64 // new sessions in the last second
	Total             int64 // sessions since the worker began
	BytesIn, BytesOut int64
	Errors            int64 // connections, answers and aborts that went wrong
	Responses5xx      int64
	Servers           []Server
}

// Server is one server of a backend, and the container behind it.
type Server struct {
	Backend   string
	Name      string
	Container string `json:",omitempty"` // of this project, by its address
	Service   string `json:",omitempty"`
	Address   string `json:",omitempty"` // IP:PORT; empty while its name resolves to none
	Status    string // HAProxy's: UP, DOWN, MAINT, DRAIN, no check ...
	State     ServerState
	Check     string        `json:",omitempty"` // what the last check found, in words
	Since     time.Duration // of Status
	Weight    int64
	Backup    bool
	Sessions  int64 // now
	Limit     int64 // of sessions; 0: none
	Queue     int64
	Rate      int64 // new sessions in the last second
	Total     int64 // sessions since the worker began
	BytesIn   int64
	BytesOut  int64
	Errors    int64 // connections and answers that went wrong
	Retries   int64
	// Responses5xx are answers of the app with a status of 500 and more.
	Responses5xx int64
	ResponseTime time.Duration // mean of the last 1024
}

// ID names a server as the commands take it: BACKEND/SERVER.
func (s Server) ID() string { return s.Backend + "/" + s.Name }

// ServerState is in one word whether a server takes requests.
type ServerState string

// The states, from well to ill.
const (
	ServerUp          ServerState = "up"          // by its check, or without one
	ServerPending     ServerState = "pending"     // its first check has not ended
	ServerDraining    ServerState = "draining"    // finishes what it has
	ServerMaintenance ServerState = "maintenance" // by an administrator
	ServerNoAddress   ServerState = "no address"  // its name is not in the DNS
	ServerDown        ServerState = "down"
	ServerStranger    ServerState = "stranger" // its address is another container's
)

// ConfigStatus compares the disk with HAProxy's memory.
type ConfigStatus struct {
	Name string // of the base config, for people
	// State: HAProxy has what is on disk, has something else, or nobody knows.
	State   ConfigState
	Changed time.Time // when the newest file was last written
}

// ConfigState is what is known of disk and memory.
type ConfigState string

// The states.
const (
	ConfigLoaded  ConfigState = "loaded"  // HAProxy has what is on disk
	ConfigEdited  ConfigState = "edited"  // the disk was edited since; "reload" applies it
	ConfigUnknown ConfigState = "unknown" // the configuration is not on this machine, or cannot be read
)

// LastVerdict is what HAProxy said last of a configuration that it was to load.
type LastVerdict struct {
	At      time.Time
	Loaded  bool
	What    string // was to be done: "up", "reload", "rollback"
	Summary string // in one line
	// Diagnostics are HAProxy's own words, without the lines of the file.
	Diagnostics []haproxy.Diagnostic `json:",omitempty"`
}

// statusOf joins what HAProxy says with Compose's containers.
func statusOf(s seen, containers []Container) Status {
	status := Status{
		Version:          s.info.Version,
		Uptime:           s.info.Uptime,
		Connections:      s.info.CurrConns,
		ConnectionsLimit: s.info.MaxConn,
		Workers:          workersOf(s),
	}
	byAddress := map[string]Container{}
	for _, c := range containers {
		for _, address := range strings.Fields(c.addresses) {
			byAddress[address] = c
		}
	}
	backends := map[string]*Backend{}
	for _, stat := range s.stats {
		switch stat.Type {
		case haproxy.StatFrontend:
			status.Frontends = append(status.Frontends, frontendOf(stat))
			status.RequestRate += stat.RequestRate
			status.SessionRate += stat.Rate
		case haproxy.StatServer:
			b := backends[stat.Proxy]
			if b == nil {
				b = &Backend{Name: stat.Proxy}
				backends[stat.Proxy] = b
			}
			b.Servers = append(b.Servers, serverOf(stat, byAddress))
		case haproxy.StatBackend: // comes behind its servers
			if b := backends[stat.Proxy]; b != nil {
				status.Backends = append(status.Backends, backendOf(stat, b.Servers))
			}
		case haproxy.StatListener:
		}
	}
	return status
}

func workersOf(s seen) []Worker {
	workers := []Worker{{PID: s.info.PID, Current: true, Since: s.info.StartTime.UTC(), Uptime: s.info.Uptime, Sessions: s.info.CurrConns}}
	for _, old := range s.proc.OldWorkers {
		if sessions, known := s.old[old.PID]; known {
			draining := uptimeOfNext(s.proc, old)
			workers = append(workers, Worker{PID: old.PID, Since: s.at.Add(-draining).UTC().Truncate(time.Second), Uptime: old.Uptime, Draining: draining, Sessions: sessions})
		}
	}
	return workers
}

// uptimeOfNext is the age of the worker that took over from an old one: the next
// newer one, which has seen fewer reloads.
func uptimeOfNext(proc haproxy.Proc, old haproxy.Process) time.Duration {
	next := haproxy.Process{Reloads: -1}
	for _, worker := range slices.Concat(proc.Workers, proc.OldWorkers) {
		if worker.Reloads < old.Reloads && worker.Reloads > next.Reloads {
			next = worker
		}
	}
	return next.Uptime
}

func frontendOf(s haproxy.Stat) Frontend {
	total := s.RequestsTotal
	if s.Mode != "http" {
		total = s.SessionsTotal
	}
	return Frontend{
		Name: s.Proxy, Mode: s.Mode, Status: s.Status,
		Sessions: s.Sessions, Limit: s.SessionsLimit, Rate: s.Rate, RequestRate: s.RequestRate, Total: total,
		BytesIn: s.BytesIn, BytesOut: s.BytesOut,
		Errors: s.RequestErrors, Denied: s.DeniedRequests, Responses4xx: s.Responses4xx, Responses5xx: s.Responses5xx,
	}
}

func backendOf(s haproxy.Stat, servers []Server) Backend {
	return Backend{
		Name: s.Proxy, Mode: s.Mode, Status: s.Status, Since: s.LastChange,
		Sessions: s.Sessions, Queue: s.Queue, Rate: s.Rate, Total: s.SessionsTotal,
		BytesIn: s.BytesIn, BytesOut: s.BytesOut,
		Errors: s.ConnectionErrors + s.ResponseErrors, Responses5xx: s.Responses5xx, Servers: servers,
	}
}

func serverOf(s haproxy.Stat, byAddress map[string]Container) Server {
	server := Server{
		Backend: s.Proxy, Name: s.Server, Address: s.Addr, Status: s.Status, State: serverState(s), Check: s.CheckWords(), Since: s.LastChange,
		Weight: s.Weight, Backup: s.Backup > 0,
		Sessions: s.Sessions, Limit: s.SessionsLimit, Queue: s.Queue, Rate: s.Rate, Total: s.SessionsTotal,
		BytesIn: s.BytesIn, BytesOut: s.BytesOut,
		Errors: s.ConnectionErrors + s.ResponseErrors, Retries: s.Retries, Responses5xx: s.Responses5xx, ResponseTime: s.ResponseTime,
	}
	if host, _, err := net.SplitHostPort(s.Addr); err == nil {
		server.Container, server.Service = byAddress[host].Name, byAddress[host].Service
	}
	return server
}

// serverState puts the lists of a Readiness into one word.
func serverState(s haproxy.Stat) ServerState {
	b := haproxy.Serving([]haproxy.Stat{s}).Backends[0]
	for _, list := range []struct {
		servers []haproxy.Stat
		state   ServerState
	}{
		{b.Up, ServerUp},
		{b.Unchecked, ServerUp},
		{b.Pending, ServerPending},
		{b.Draining, ServerDraining},
		{b.Maintenance, ServerMaintenance},
		{b.NoAddress, ServerNoAddress},
		{b.Strangers, ServerStranger},
	} {
		if len(list.servers) > 0 {
			return list.state
		}
	}
	return ServerDown
}

// describe adds what the project and the engine know.
func (p *Project) describe(status *Status, balancer Balancer) {
	status.Project = p.Name
	status.Container = balancer.Name
	status.Image = p.balancer.Image
	status.State = balancer.State
	status.Health = balancer.Health
	status.Restarts = balancer.Restarts
	status.Config = ConfigStatus{Name: p.ConfigName(), State: ConfigUnknown}
	status.Verdict = p.LastVerdict(balancer)
	status.Warnings = append(status.Warnings, p.slipWarnings(p.Quarantined())...)
	for _, address := range p.Addresses() {
		i := slices.IndexFunc(status.Frontends, func(f Frontend) bool { return f.Name == address.Frontend && f.Address == "" })
		if i >= 0 {
			status.Frontends[i].Address = orDefault(address.URL, address.HostPort)
		}
	}
}

// judge compares the disk with HAProxy's memory, and says what a person should
// look at.
func (p *Project) judge(status *Status, balancer Balancer, s seen) {
	config, err := p.ReadConfig()
	switch {
	case err != nil:
		status.Warnings = append(status.Warnings, err.Error())
	case config.Hash == "": // part of the image
	case p.Drift(balancer, s.info.PID, s.info.StartTime, config):
		status.Config.State, status.Config.Changed = ConfigEdited, config.Changed.UTC()
	default:
		status.Config.State, status.Config.Changed = ConfigLoaded, config.Changed.UTC()
	}
	status.Quarantines = p.Quarantined()
	for _, q := range status.Quarantines {
		status.Warnings = append(status.Warnings, q.String())
	}
	status.Warnings = append(status.Warnings, Troubles(Process{Stats: s.stats}, status.Strangers)...)
	for _, kept := range p.keptAddresses() {
		status.Warnings = append(status.Warnings, fmt.Sprintf("%s:%d: %s; %s", kept.File, kept.Line, kept.Message, kept.Hint))
	}
	failed := s.proc.Master.FailedReloads > 0
	ours := status.Verdict != nil && p.knowsFailure(balancer, haproxy.Master{Reloads: s.proc.Master.Reloads})
	switch {
	case failed && ours:
		status.Warnings = append(status.Warnings, fmt.Sprintf("the last reload failed, and HAProxy serves with the configuration before: mend %s, or \"docker haproxy rollback\"", p.ConfigName()))
	case failed:
		status.Warnings = append(status.Warnings, handmade)
	}
	if status.Config.State == ConfigEdited {
		status.Warnings = append(status.Warnings, fmt.Sprintf(`%s was edited since HAProxy loaded it: "docker haproxy diff" shows how, "docker haproxy reload" applies it`, p.ConfigName()))
	}
	if balancer.Restarts > 0 {
		status.Warnings = append(status.Warnings, fmt.Sprintf("container %s was restarted %d times after it had ended by itself: see \"docker haproxy logs\"", balancer.Name, balancer.Restarts))
	}
}

// handmade warns of a reload that failed and was not ours.
const handmade = `somebody reloaded HAProxy by hand, such as with "docker kill -s HUP", and it failed: HAProxy kept the configuration before, and only its log says why. "docker haproxy reload" checks first and tells; on HAProxy 3.4 such a signal with a truncated file can crash it`

// Status looks once. Where HAProxy does not run or does not answer, the status
// says what is known all the same, and the error why.
func (e *Engine) Status(ctx context.Context, p *Project) (Status, error) {
	status := Status{}
	balancer, err := e.Balancer(ctx, p)
	if err != nil {
		return status, err
	}
	if balancer == nil {
		p.describe(&status, Balancer{})
		return status, e.notRunning(ctx, p, nil)
	}
	p.describe(&status, *balancer)
	if !balancer.Running() {
		return status, e.notRunning(ctx, p, balancer)
	}
	live, err := e.Live(ctx, p, *balancer)
	if err != nil {
		return status, err
	}
	defer func() { _ = live.Close() }()
	looked, err := live.Look(ctx)
	if err != nil {
		return status, err
	}
	containers, err := e.inspected(ctx, p)
	for _, l := range p.lacks(containers) {
		looked.Warnings = append(looked.Warnings, l.String()+`; "docker haproxy up" connects it as the Compose file says`)
	}
	return looked, err
}

// OldWorkers are the workers that finish their sessions.
func (s Status) OldWorkers() []Worker {
	return slices.DeleteFunc(slices.Clone(s.Workers), func(w Worker) bool { return w.Current })
}

// Servers are those of all backends.
func (s Status) Servers() []Server {
	var servers []Server
	for _, b := range s.Backends {
		servers = append(servers, b.Servers...)
	}
	return servers
}
