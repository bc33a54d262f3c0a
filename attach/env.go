package attach

import (
	"bytes"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/consts"
	"github.com/compose-spec/compose-go/v2/dotenv"
)

// .env is not YAML, but it is the user's all the same: what is there stays as it
// is, byte for byte, and what init adds can be cut out again without a trace.

// envComment stands above the line that init adds.
const envComment = `# Added by "docker haproxy init", so that Compose reads ` + FileName + ` as well. "docker haproxy init --remove" takes both lines away.`

// errEnv is an environment file that cannot be extended safely.
var errEnv = errors.New("COMPOSE_FILE in .env cannot be changed safely")

// extendEnv makes COMPOSE_FILE name one file more. Where the variable is not
// set, all is the value to set it to, in a line of its own; where it is, the
// entry is put at the end of the user's value, and changed is true.
func extendEnv(env []byte, all, entry, separator string) (extended []byte, changed bool, err error) {
	before, err := readEnv(env)
	if err != nil {
		return nil, false, err
	}
	want := maps.Clone(before)
	if value, ok := before[consts.ComposeFilePath]; ok {
		_, end, found := assignment(env)
		if !found {
			return nil, false, errEnv
		}
		extended = insert(env, end, separator+entry)
		want[consts.ComposeFilePath] = value + separator + entry
		return extended, true, proven(extended, want)
	}
	eol := lineEnd(env)
	block := envComment + eol + consts.ComposeFilePath + "=" + all + eol
	if env != nil {
		block = eol + block // an empty line, or the end of a line that has none
	}
	extended = append(bytes.Clone(env), block...)
	want[consts.ComposeFilePath] = all
	return extended, false, proven(extended, want)
}

// reduceEnv takes away what extendEnv added. all is the value that init set
// where there was none; a value that was edited since loses the entry only.
// A file that init made is nil again.
func reduceEnv(env []byte, all, entry, separator string) (reduced []byte, found bool, err error) {
	if begin := bytes.Index(env, []byte(envComment)); begin >= 0 {
		if reduced, cut := cutBlock(env, begin, all); cut {
			return reduced, true, nil
		}
		end := begin + len(envComment) // the line below was edited, and is the user's now
		end += len(leadingEOL(env[end:]))
		env, found = append(bytes.Clone(env[:begin]), env[end:]...), true
	}
	before, err := readEnv(env)
	if err != nil {
		return nil, false, err
	}
	value, set := before[consts.ComposeFilePath]
	names := strings.Split(value, separator)
	if !set || !slices.Contains(names, entry) {
		return env, found, nil
	}
	begin, end, ok := assignment(env)
	if !ok {
		return nil, false, errEnv
	}
	raw := string(env[begin:end])
	for _, cut := range []string{separator + entry, entry + separator, entry} {
		if i := strings.LastIndex(raw, cut); i >= 0 {
			raw = raw[:i] + raw[i+len(cut):]
			break
		}
	}
	reduced = append(append(bytes.Clone(env[:begin]), raw...), env[end:]...)
	want := maps.Clone(before)
	names = slices.DeleteFunc(names, func(name string) bool { return name == entry })
	want[consts.ComposeFilePath] = strings.Join(names, separator)
	return reduced, true, proven(reduced, want)
}

// cutBlock cuts the lines that init added out, if they are as they were added.
func cutBlock(env []byte, begin int, all string) ([]byte, bool) {
	rest := env[begin+len(envComment):]
	eol := leadingEOL(rest)
	line := eol + consts.ComposeFilePath + "=" + all
	if eol == "" || !bytes.HasPrefix(rest, []byte(line)) {
		return nil, false
	}
	rest = rest[len(line):]
	after := leadingEOL(rest)
	if after == "" && len(rest) > 0 {
		return nil, false // the value goes on
	}
	rest = rest[len(after):]
	if begin == 0 && len(rest) == 0 {
		return nil, true
	}
	kept := bytes.TrimSuffix(env[:begin], []byte(eol))
	return append(bytes.Clone(kept), rest...), true
}

// lineEnd is how the lines of a file end.
func lineEnd(text []byte) string {
	if i := bytes.IndexByte(text, '\n'); i > 0 && text[i-1] == '\r' {
		return "\r\n"
	}
	return "\n"
}

func leadingEOL(text []byte) string {
	for _, eol := range []string{"\r\n", "\n"} {
		if bytes.HasPrefix(text, []byte(eol)) {
			return eol
		}
	}
	return ""
}

// assigned finds the lines that set COMPOSE_FILE.
var assigned = regexp.MustCompile(`(?m)^[ \t]*(?:export[ \t]+)?COMPOSE_FILE[ \t]*[=:][ \t]*`)

// assignment is where the value of COMPOSE_FILE, without its quotes, begins and
// ends; of several the last one, for that is the one that counts.
func assignment(env []byte) (begin, end int, found bool) {
	all := assigned.FindAllIndex(env, -1)
	if len(all) == 0 {
		return 0, 0, false
	}
	begin = all[len(all)-1][1]
	line := env[begin:]
	if i := bytes.IndexByte(line, '\n'); i >= 0 {
		line = line[:i]
	}
	if len(line) > 0 && (line[0] == '"' || line[0] == '\'') {
		closing := bytes.IndexByte(line[1:], line[0])
		if closing < 0 {
			return 0, 0, false
		}
		return begin + 1, begin + 1 + closing, true
	}
	if i := bytes.Index(line, []byte(" #")); i >= 0 {
		line = line[:i]
	}
	return begin, begin + len(bytes.TrimRight(line, " \t\r\v\f")), true
}

func insert(text []byte, at int, more string) []byte {
	return append(append(bytes.Clone(text[:at]), more...), text[at:]...)
}

// readEnv reads an environment file as Compose does. Variables of the process
// stand for themselves, so that two readings can be compared.
func readEnv(env []byte) (map[string]string, error) {
	return dotenv.ParseWithLookup(bytes.NewReader(env), func(name string) (string, bool) { return "<" + name + ">", true })
}

// proven makes sure that an environment file says what it should.
func proven(env []byte, want map[string]string) error {
	got, err := readEnv(env)
	if err != nil {
		return errors.Join(errEnv, err)
	}
	if !maps.Equal(got, want) {
		return errEnv
	}
	return nil
}
