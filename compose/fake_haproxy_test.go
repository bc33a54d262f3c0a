package compose

import (
	"bufio"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// fakeHAProxy is what a relay's shell and HAProxy's master CLI behind it do, in
// a load balancer's container. Its fields are set before the first exec.
type fakeHAProxy struct {
	checkExit int
	checkSays string
	onCheck   func()
	onCommand func(string) // that the master CLI got
	verdict   string       // the master's answer to reload; "" hangs up
	master    string       // the answer to "look": cmdline, environ, children
	writable  []string     // folders
	network   string       // the answer to "network"; "" knows nothing
	sums      string       // the answer to "sums"; "" tells of no file
	missing   []string     // files that are not in the container
	workers   []fakeWorker

	refuses string   // commands that begin so
	conns   []string // rows of show servers conn, one answer after the other; the last one stays

	mu       sync.Mutex
	reloads  int
	commands []string // that the master CLI got, "reload" among them
	saved    []string // files: "NAME: CONTENT"
	summed   string   // names of the files whose sums were asked for last
}

// fakeWorker is what one worker after the other answers; the last one stays.
type fakeWorker struct {
	servers string // rows of show servers state: "web s1 …"
	stats   string // rows of show stat
}

const (
	statColumns  = "# pxname,svname,type,status,check_status,weight\n"
	connColumns  = "# bkname/svname bkid/svid addr port - purge_delay used_cur used_max need_est unsafe_nb safe_nb idle_lim idle_cur idle_per_thr[1]\n"
	stateColumns = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_fqdn srv_port\n"
	serving      = "front,FRONTEND,0,OPEN,,\nweb,s1,2,UP,L4OK,1\n"
	notServing   = "front,FRONTEND,0,OPEN,,\nweb,s1,2,DOWN,L4CON,1\n"
	oneServer    = "3 web 1 s1 10.0.0.1 2 0 1 1 web1 80\n"
	loadedWell   = "Success=1\n--\n[NOTICE]   (1) : New worker (12) forked\n\n"
)

// exec is the program of a fakeEngine's execs.
func (f *fakeHAProxy) exec(p *fakeProcess) int {
	if p.Argv[0] == "haproxy" { // a check without a relay
		return f.check(p.Err)
	}
	mark := p.Argv[3]
	connected := false
	for lines := bufio.NewScanner(p.Stdin); lines.Scan(); {
		line := lines.Text()
		if connected {
			if connected = f.master1(p, line); !connected {
				p.Out("\x01" + mark + " 0\n")
			}
			continue
		}
		exitCode := 0
		order, folder, _ := strings.Cut(line, " ")
		switch order {
		case "writable":
			if !slices.Contains(f.writable, folder) {
				exitCode = 1
			}
		case "network":
			p.Out(f.network)
		case "exists":
			if slices.Contains(f.missing, folder) {
				exitCode = 1
			}
		case "sums":
			f.asked(folder, lines)
			p.Out(f.sums)
		case "save":
			size, name, _ := strings.Cut(folder, " ")
			f.save(name, size, lines)
		case "look":
			p.Out(f.master)
		case "check":
			exitCode = f.check(p.Out)
		case "connect":
			connected = true
			continue
		default:
			continue
		}
		p.Out(fmt.Sprintf("\x01%s %d\n", mark, exitCode))
	}
	return 0
}

// save takes a file's content off the shell's input.
func (f *fakeHAProxy) save(name, size string, lines *bufio.Scanner) {
	content := taken(size, lines)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.saved = append(f.saved, name+": "+content)
}

// asked takes the names of files off the shell's input.
func (f *fakeHAProxy) asked(size string, lines *bufio.Scanner) {
	names := taken(size, lines)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.summed = names
}

func taken(size string, lines *bufio.Scanner) string {
	length, _ := strconv.Atoi(size)
	var content strings.Builder
	for content.Len() < length && lines.Scan() {
		content.WriteString(lines.Text() + "\n")
	}
	return content.String()
}

func (f *fakeHAProxy) check(say func(string)) int {
	if f.onCheck != nil {
		f.onCheck()
	}
	if f.checkSays != "" {
		say(f.checkSays)
	}
	return f.checkExit
}

// master1 answers one line of a session; false ends it.
func (f *fakeHAProxy) master1(p *fakeProcess, line string) (goesOn bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commands = append(f.commands, line)
	if f.onCommand != nil {
		f.onCommand(line)
	}
	generation := min(f.reloads, len(f.workers)-1)
	worker, pid := fakeWorker{}, 9+f.reloads
	if generation >= 0 {
		worker = f.workers[generation]
	}
	answer := ""
	switch _, command, _ := strings.Cut(line, fmt.Sprintf("@!%d ", pid)); {
	case line == "prompt":
	case line == "quit":
		p.Out("\n") // as HAProxy does
		return false
	case line == "reload":
		if strings.HasPrefix(f.verdict, "Success=1") {
			f.reloads++
		}
		p.Out(f.verdict)
		return false
	case line == "show proc":
		answer = fmt.Sprintf("#<PID> <type> <reloads> <uptime> <version>\n1 master %d [failed: 0] 0d00h00m05s 3.2.26-1\n# workers\n%d worker 0 0d00h00m05s 3.2.26-1\n", f.reloads, pid)
	case command == "show info":
		answer = fmt.Sprintf("Version: 3.2.26-1\nPid: %d\nStart_time_sec: %d\n", pid, midday.Unix())
	case command == "show stat":
		answer = statColumns + worker.stats
	case command == "show servers conn":
		answer = connColumns
		if len(f.conns) > 0 {
			answer += f.conns[0]
			f.conns = f.conns[min(1, len(f.conns)-1):]
		}
	case command == "show servers state":
		answer = stateColumns + worker.servers
	case f.refuses != "" && strings.HasPrefix(command, f.refuses):
		answer = "Unknown map identifier."
	}
	p.Out(answer + "\nmaster> ")
	return true
}

// sent are the commands that begin with a word, without the worker's address.
func (f *fakeHAProxy) sent(word string) []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var found []string
	for _, command := range f.commands {
		if _, rest, addressed := strings.Cut(command, " "); addressed && strings.HasPrefix(command, "@!") {
			command = rest
		}
		if strings.HasPrefix(command, word) {
			found = append(found, command)
		}
	}
	return found
}
