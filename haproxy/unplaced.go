package haproxy

import (
	"regexp"
	"slices"
)

// unplaced are messages that HAProxy gives without a position, and that name a keyword and its value.
var unplaced = []*regexp.Regexp{ //nolint:gochecknoglobals // compiled once
	regexp.MustCompile(`unable to find required (\S+?):? '([^']+)'`),
	regexp.MustCompile(`^Cannot (chroot)\(([^)]+)\)`),
}

// Place returns the report with positions for diagnostics that came without one, as far as the
// configuration has a line that says what they are about. With several, it is the first.
func (r Report) Place(files []ConfigFile) Report {
	placed := slices.Clone(r.Diagnostics)
	for i, d := range placed {
		if d.Line != 0 {
			continue
		}
		for _, message := range unplaced {
			if named := message.FindStringSubmatch(d.Message); named != nil {
				placed[i].File, placed[i].Line = d.place(files, named[1], named[2])
				break
			}
		}
	}
	r.Diagnostics = placed
	return r
}

// place finds the line in which a keyword is followed by a value.
func (d Diagnostic) place(files []ConfigFile, keyword, value string) (file string, line int) {
	for _, file := range files {
		for line, words := range statements(file.Content) {
			at := slices.Index(words, keyword)
			if at >= 0 && at+1 < len(words) && words[at+1] == value {
				return file.Name, line
			}
		}
	}
	return d.File, 0
}
