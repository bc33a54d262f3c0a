package haproxy

import "path"

// StateFile is where a configuration tells HAProxy to look for the state of its servers
// (configuration manual, "server-state-file"); "" where it does not, or where the path is relative
// to a folder that we do not know.
func StateFile(files []ConfigFile) string {
	file, base := "", ""
	for _, f := range files {
		section := ""
		for _, words := range statements(f.Content) {
			switch {
			case isSection(words[0]):
				section = words[0]
			case section != "global" || len(words) < 2:
			case words[0] == "server-state-file":
				file = words[1]
			case words[0] == "server-state-base":
				base = words[1]
			}
		}
	}
	if file != "" && !path.IsAbs(file) {
		file = path.Join(base, file)
	}
	if !path.IsAbs(file) {
		return ""
	}
	return file
}
