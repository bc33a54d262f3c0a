package haproxy

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Resources are what HAProxy may use where it runs; 0 is not known.
type Resources struct {
	Files   int   // open files: the hard limit of its processes
	Memory  int64 // bytes: the container's limit, or else all of the machine's
	Machine bool  // the memory is the machine's
}

var maxOpenFiles = regexp.MustCompile(`Max open files\s+\S+\s+(\d+)`)

// ParseResources reads /proc/PID/limits of HAProxy's master, the memory limits of the container's
// control groups (memory.max of version 2, memory.limit_in_bytes of version 1, whose largest number
// means none), and /proc/meminfo.
func ParseResources(limits, cgroups, meminfo string) Resources {
	var r Resources
	if m := maxOpenFiles.FindStringSubmatch(limits); m != nil {
		r.Files = number(m[1])
	}
	if fields := strings.Fields(meminfo); len(fields) > 1 {
		r.Memory, r.Machine = int64(number(fields[1]))<<10, true
	}
	for _, word := range strings.Fields(cgroups) {
		if limit, err := strconv.ParseInt(word, 10, 64); err == nil && (r.Memory == 0 || limit < r.Memory) {
			r.Memory, r.Machine = limit, false
		}
	}
	return r
}

// claim is what a line of a configuration asks for.
type claim struct {
	file  string
	line  int
	text  string
	files float64 // open files
	bytes float64 // memory
	later bool    // the memory is taken bit by bit, as requests need it
	vain  bool    // a limit of one section that has no effect where HAProxy's own is lower
}

// What a line costs. Measured on 3.2.26 and 3.4.7, in bytes of a worker that has just started.
const (
	bytesOfFile       = 64 // the table of open files is made before the limit is looked at
	bytesOfThread     = 512 << 10
	bytesOfTLSSession = 250
	bytesOfTemplate   = 6000 // a server; "haproxy -c" takes it as well
	bytesOfTableEntry = 100  // beside its key, and with little stored
	defaultBufferSize = 16384
	buffersOfRequest  = 2
	filesOfConnection = 2
	fewestAtOnce      = 100 // requests that must fit at the same time, whatever a buffer's size
	bytesOfKey        = 32
	megabyte          = 1 << 20
)

// Overcommitted finds the limits that cannot be had where HAProxy runs. "haproxy -c" accepts them,
// and a worker that is to start with them ends at once, or takes memory until the kernel ends it or
// another process of the container. loaded is what HAProxy has in memory: while it reloads, both
// workers are there. resources is asked only where a line makes it necessary.
func Overcommitted(files, loaded []ConfigFile, resources func() Resources) []Diagnostic {
	claims, strict := claimsOf(files)
	if resources == nil || modest(claims) {
		return nil
	}
	has := resources()
	var found []Diagnostic
	for _, c := range claims {
		if d, fits := c.judge(has, strict); !fits {
			found = append(found, d)
		}
	}
	if !slices.ContainsFunc(found, func(d Diagnostic) bool { return d.Severity == Error }) {
		old, _ := claimsOf(loaded)
		found = append(found, together(claims, old, has, strict)...)
	}
	return found
}

// modest tells that claims fit everywhere, so that the container need not be asked.
func modest(claims []claim) bool {
	var files, bytes float64
	for _, c := range claims {
		files += c.files
		bytes += c.bytes
	}
	return files <= modestFiles && bytes <= modestBytes
}

const (
	modestFiles = 1000
	modestBytes = 32 * megabyte
)

// judge tells whether a claim can be met by itself.
func (c claim) judge(has Resources, strict bool) (d Diagnostic, fits bool) {
	d = Diagnostic{Severity: Error, File: c.file, Line: c.line}
	switch {
	case c.vain:
		d.Severity = Warning
		d.Message = fmt.Sprintf("'%s' limits nothing: with %d open files HAProxy as a whole takes some %d connections", c.text, has.Files, has.Files/filesOfConnection)
		d.Hint = "take a lower number, or leave the line out"
		return d, has.Files == 0 || c.files <= float64(has.Files)
	case strict && has.Files > 0 && c.files > float64(has.Files):
		d.Message = fmt.Sprintf("'%s' needs %.0f open files, and HAProxy may have %d in its container", c.text, c.files, has.Files)
		d.Hint = fewerFiles(has)
		return d, false
	case has.Memory > 0 && c.bytes > float64(has.Memory):
		d.Message = fmt.Sprintf("'%s' needs some %s of memory%s, and %s", c.text, inBytes(c.bytes), c.when(), has.memory())
		d.Hint = "take a lower number"
		return d, false
	}
	return d, true
}

// together tells whether claims that can be met one by one can be met at the same time.
func together(claims, old []claim, has Resources, strict bool) []Diagnostic {
	var files, bytes, before float64
	var most claim
	for _, c := range claims {
		if !c.vain {
			files += c.files
		}
		if c.later {
			continue
		}
		if bytes += c.bytes; c.bytes >= most.bytes {
			most = c
		}
	}
	for _, c := range old {
		if !c.later {
			before += c.bytes
		}
	}
	d := Diagnostic{Severity: Error, File: most.file, Line: most.line}
	switch {
	case strict && has.Files > 0 && files > float64(has.Files):
		d.Message = fmt.Sprintf("the limits of the configuration need %.0f open files together, and HAProxy may have %d in its container", files, has.Files)
		d.Hint = fewerFiles(has)
	case has.Memory > 0 && bytes > float64(has.Memory):
		d.Message = fmt.Sprintf("the limits of the configuration need some %s of memory together, and %s", inBytes(bytes), has.memory())
		d.Hint = "take lower numbers"
	case has.Memory > 0 && before > 0 && bytes+before > float64(has.Memory):
		d.Message = fmt.Sprintf("the new worker needs some %s of memory while the old one still has %s, and %s", inBytes(bytes), inBytes(before), has.memory())
		d.Hint = "take a lower number, or give the container more memory"
	default:
		return nil
	}
	return []Diagnostic{d}
}

func (c claim) when() string {
	if c.later {
		return " once it is used up"
	}
	return " at once"
}

func (r Resources) memory() string {
	if r.Machine {
		return fmt.Sprintf("the machine has %s", inBytes(float64(r.Memory)))
	}
	return fmt.Sprintf("the container may have %s", inBytes(float64(r.Memory)))
}

func fewerFiles(has Resources) string {
	return fmt.Sprintf(`take a lower number (a maxconn of %d fits), leave the line out so that HAProxy chooses itself, or raise "ulimits: nofile:" of the service`, max(1, has.Files*95/200))
}

// inBytes is a number of bytes as people say it.
func inBytes(bytes float64) string {
	if bytes >= 1<<30 {
		return fmt.Sprintf("%.1f GB", bytes/(1<<30))
	}
	return fmt.Sprintf("%.0f MB", max(1, bytes/megabyte))
}

// claimsOf are the claims of a configuration. Where lines may not count (.if) there are none that
// could be relied on. strict tells that HAProxy ends where it cannot have the open files.
func claimsOf(files []ConfigFile) (claims []claim, strict bool) {
	facts := factsOf(files)
	if facts.conditional {
		return nil, false
	}
	for _, file := range files {
		section := ""
		for line, words := range statements(file.Content) {
			if isSection(words[0]) {
				section = words[0]
			} else if c := facts.claim(section, words); c.files > 0 || c.bytes > 0 {
				c.file, c.line, c.text = file.Name, line, strings.Join(words, " ")
				claims = append(claims, c)
			}
		}
	}
	return claims, facts.strict
}

// facts are what claims of other lines depend on.
type facts struct {
	conditional, strict, tls bool
	buffer                   float64 // bytes
}

func factsOf(files []ConfigFile) facts {
	f := facts{strict: true, buffer: defaultBufferSize}
	for _, file := range files {
		for _, words := range statements(file.Content) {
			switch {
			case words[0] == ".if":
				f.conditional = true
			case words[0] == "no" && slices.Contains(words, "strict-limits"):
				f.strict = false
			case words[0] == "bind" && slices.Contains(words, "ssl"):
				f.tls = true
			case words[0] == "tune.bufsize" && len(words) > 1:
				f.buffer = max(f.buffer, amount(words[1]))
			}
		}
	}
	return f
}

// claim is what one line asks for; nothing where it asks for nothing, or is not understood.
func (f facts) claim(section string, words []string) claim {
	if section == "global" && len(words) > 1 {
		return f.ofProcess(words[0], amount(words[1]))
	}
	switch {
	case words[0] == "stick-table" || section == "peers" && words[0] == "table":
		return claim{bytes: amount(after(words, "size")) * (bytesOfTableEntry + keySize(words)), later: true}
	case words[0] == "server-template" && len(words) > 2:
		return claim{bytes: slotCount(words[2]) * bytesOfTemplate}
	case section == "cache" && words[0] == "total-max-size" && len(words) > 1:
		return claim{bytes: amount(words[1]) * megabyte}
	case section == "ring" && words[0] == "size" && len(words) > 1:
		return claim{bytes: amount(words[1]), later: true}
	case words[0] == "maxconn" && len(words) > 1:
		return claim{files: filesOfConnection * amount(words[1]), vain: true}
	case words[0] == "bind" && len(words) > 1:
		return claim{files: portCount(words[1])}
	}
	return claim{}
}

// ofProcess is what a setting of section global asks for.
func (f facts) ofProcess(keyword string, n float64) claim {
	switch keyword {
	case "maxconn":
		return claim{files: filesOfConnection * n, bytes: filesOfConnection * n * bytesOfFile}
	case "maxpipes":
		return claim{files: 2 * n}
	case "ulimit-n":
		return claim{files: n}
	case "nbthread":
		return claim{bytes: n * bytesOfThread}
	case "tune.bufsize":
		return claim{bytes: n * buffersOfRequest * fewestAtOnce, later: true}
	case "tune.buffers.reserve":
		return claim{bytes: n * f.buffer}
	case "tune.ssl.cachesize":
		if f.tls {
			return claim{bytes: n * bytesOfTLSSession}
		}
	}
	return claim{}
}

// amount reads a number with a unit, as "100k"; 0 where it is none, such as a variable.
func amount(text string) float64 {
	text = strings.Trim(text, `"'`)
	digits := strings.TrimRight(text, "kKmMgG")
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || n < 0 || strings.Trim(digits, "0123456789") != "" || len(text) > len(digits)+1 {
		return 0
	}
	switch strings.ToLower(text[len(digits):]) {
	case "k":
		n *= 1 << 10
	case "m":
		n *= 1 << 20
	case "g":
		n *= 1 << 30
	}
	return n
}

// after is the word behind another one; "" where there is none.
func after(words []string, word string) string {
	if i := slices.Index(words, word); i >= 0 && i+1 < len(words) {
		return words[i+1]
	}
	return ""
}

// keySize is the size of a stick table's keys.
func keySize(words []string) float64 {
	if length := amount(after(words, "len")); length > 0 {
		return length
	}
	return bytesOfKey
}

// slotCount is the number of servers that a template makes: "10" or "1-10".
func slotCount(text string) float64 {
	first, last, isRange := strings.Cut(strings.Trim(text, `"'`), "-")
	if !isRange {
		return amount(first)
	}
	return max(0, amount(last)-amount(first)+1)
}

// portCount is the number of ports that a bind line opens.
func portCount(addresses string) (count float64) {
	for address := range strings.SplitSeq(addresses, ",") {
		if l, understood := parseListening(strings.Trim(address, `"'`)); understood && l.socket == "" {
			count += float64(l.last - l.port + 1)
		}
	}
	return count
}
