package routing

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
)

// The path of a request has many spellings: /a, /%61, //a, /a;x, /./a and \a
// lead to the same page of most apps. One of them, the canonical path, is what
// routes are looked up by, and so what their guards count and keep out, what
// their prefixes are stripped from, and by what two labels are found to claim
// the same route. It is decoded twice at most, has / for \, no parameters (;x),
// and neither empty segments nor ".". The app gets the path as it came.
//
// What cannot be made canonical (a broken encoding, a control character, an
// overlong UTF-8 sequence, "..", what is still encoded after two rounds) is
// answered with 400 where the host has routes by path: there it could mean
// several of them. Where all of a host goes the same way, it is passed on.

// oddPath finds what may be another spelling of a path. Most paths have none of
// it, and cost this one look.
const oddPath = `[^A-Za-z0-9._~/-]|/[/.]`

// Variables and conditions of the frontend.
const (
	isOdd      = "{ var(txn.odd) -m found }"
	isStrict   = "{ var(txn.strict) -m found }"
	hasPath    = "{ var(txn.path) -m found }"
	strictName = "strict.map" // hosts that have routes by path
)

// canonicalPath writes the lines that give txn.path.
func (w *writer) canonicalPath(r Routing) {
	w.in("# One canonical path for all spellings of a path: decoded, / for \\, without ;parameters, // and /./ .")
	w.in("http-request set-var(txn.path) path unless { path -m reg %s }", quote(oddPath))
	w.in("http-request set-var(txn.odd) bool(true) unless %s", hasPath)
	w.in("http-request set-var(txn.plain) path,url_dec if %s", isOdd)
	w.in("http-request set-var(txn.plain) var(txn.plain),url_dec if %s { var(txn.plain) -m sub %% }", isOdd)
	w.in(`http-request set-var(txn.path) 'var(txn.plain),regsub(\\\\,/,g),regsub(;[^/]*,,g),regsub("/(?:[.]?/)+",/,g),regsub("/[.]$",/),regsub(" ",%%20,g),regsub([?],%%3F,g)' if %s`, isOdd)
	w.in("# What has none could mean several routes of a host that has routes by path: refused there.")
	strict := w.file(strictName)
	for _, question := range hostQuestions() {
		w.in("http-request set-var(txn.strict) %s,map_str(%s) if %s !%s", question.asked, strict, isOdd, isStrict)
	}
	for _, host := range strictHosts(r.Routes) {
		w.entry(strictName, host, "1")
	}
	w.in("http-request deny deny_status 400 if %s %s !%s", isOdd, isStrict, hasPath)
	w.in("http-request deny deny_status 400 if %s %s { var(txn.plain) -m reg %s }", isOdd, isStrict, quote(forbiddenInPath))
	w.in("http-request deny deny_status 400 if %s %s { var(txn.path) -m reg %s }", isOdd, isStrict, quote(leadsUpwards))
}

// forbiddenInPath is what no decoded path of a strict host may have: control
// characters, overlong forms of shorter UTF-8 sequences (RFC 3629, 3), and what
// is encoded three times.
const forbiddenInPath = `[\x00-\x1f\x7f]|[\xc0\xc1][\x80-\xbf]|\xe0[\x80-\x9f]|\xf0[\x80-\x8f]|%[0-9A-Fa-f]{2}`

// leadsUpwards finds ".." in a canonical path.
const leadsUpwards = `/[.][.](?:/|$)`

// strictHosts are the hosts for which the path decides. A route of any host
// makes all of them so.
func strictHosts(routes []Route) []string {
	var hosts []string
	seen := map[string]bool{}
	for _, route := range routes {
		if (route.Path == Path{Match: Prefix, Value: "/"}) || seen[route.Host] {
			continue
		}
		seen[route.Host] = true
		hosts = append(hosts, route.Host)
	}
	return hosts
}

// Canonical is the canonical spelling of a path that a label names, as the
// frontend makes it of a request's; ok is false where there is none.
func Canonical(value string) (path string, ok bool) {
	plain, err := url.PathUnescape(value)
	if err != nil {
		return value, false
	}
	if again, err := url.PathUnescape(plain); err == nil {
		plain = again
	}
	path = parameters.ReplaceAllString(strings.ReplaceAll(plain, `\`, "/"), "")
	path = lastDot.ReplaceAllString(slashes.ReplaceAllString(path, "/"), "/")
	path = strings.NewReplacer(" ", "%20", "?", "%3F").Replace(path)
	return path, !forbidden.MatchString(latin1(plain)) && !upwards.MatchString(path)
}

var (
	parameters = regexp.MustCompile(`;[^/]*`)
	slashes    = regexp.MustCompile(`/(?:[.]?/)+`)
	lastDot    = regexp.MustCompile(`/[.]$`)
	forbidden  = regexp.MustCompile(forbiddenInPath)
	upwards    = regexp.MustCompile(leadsUpwards)
)

// latin1 has a character for each byte of a text: HAProxy's expressions are
// about bytes, Go's about characters.
func latin1(text string) string {
	characters := make([]rune, len(text))
	for i := range len(text) {
		characters[i] = rune(text[i])
	}
	return string(characters)
}

// canonical is the path of a route by which it stands in a map.
func (p Path) canonical() string {
	path, _ := Canonical(p.Value)
	if p.NoCase {
		path = strings.ToLower(path)
	}
	return path
}

// below is a prefix with a slash at its end, as the paths that it is compared
// with have one: /api must not take /apix.
func (p Path) below() string { return strings.TrimSuffix(p.canonical(), "/") + "/" }

// canonicalForApp is the canonical path as requests have paths: encoded.
const canonicalForApp = `var(txn.path),regsub(%20," ",g),regsub(%3F,?,g),url_enc,regsub(%2F,/,g)`

// encoded is what canonicalForApp makes of a canonical path.
func encoded(canonical string) string {
	canonical = strings.NewReplacer("%20", " ", "%3F", "?").Replace(canonical)
	return strings.NewReplacer("%2F", "/", "+", "%20").Replace(url.QueryEscape(canonical))
}

// regexKey is a regular expression on PATH?HOST (no canonical path has a
// question mark) that looks for another one in the path, and may not reach into
// the host.
func regexKey(path Path, host string) string {
	literal := strings.NewReplacer(".", `\.`, "*", `\*`).Replace(host)
	flags := ""
	if path.NoCase {
		flags = "(?i)"
	}
	return flags + `(?=[^?]*\?` + literal + `$)(?:` + endAtQuestionMark(decodedRegex(path.Value)) + `)(?=[^?]*\?)`
}

// encodedByte is a percent-encoded byte in a regular expression, where it is
// neither escaped nor what a canonical path has encoded as well.
var encodedByte = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// decodedRegex lets a regular expression that was written for encoded paths look
// into canonical ones, which are decoded.
func decodedRegex(regex string) string {
	return encodedByte.ReplaceAllStringFunc(regex, func(found string) string {
		b, err := strconv.ParseUint(found[1:], 16, 8)
		switch {
		case err != nil || b < 0x21 || b == 0x7f || b == '?':
			return strings.ToUpper(found)
		case b < 0x80:
			return regexp.QuoteMeta(string(rune(b)))
		}
		return string([]byte{byte(b)})
	})
}

// endAtQuestionMark lets the $ of a regular expression mean the end of the path.
func endAtQuestionMark(regex string) string {
	var out strings.Builder
	class, escaped := 0, false  // class counts the characters of a class, from its [
	for i := range len(regex) { // bytes: a decoded one may be a part of a character
		b := regex[i]
		switch {
		case escaped:
			escaped = false
			class += min(class, 1)
		case b == '\\':
			escaped = true
		case class == 1 && b == '^': // [^
		case class > 1 && b == ']':
			class = 0
		case class > 0: // a ] that comes first is one of the class
			class++
		case b == '[':
			class = 1
		case b == '$':
			out.WriteString(`(?=\?)`)
			continue
		}
		out.WriteByte(b)
	}
	return out.String()
}
