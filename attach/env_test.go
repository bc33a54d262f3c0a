package attach

import (
	"bytes"
	"cmp"
	"strings"
	"testing"

	"gotest.tools/v3/assert"
)

const (
	ownFiles  = "compose.yaml:compose.override.yaml"
	allOfThem = ownFiles + ":" + FileName
)

func TestTheEnvironmentFileIsExtendedAndMadeWhatItWas(t *testing.T) {
	t.Parallel()
	block := envComment + "\nCOMPOSE_FILE=" + allOfThem + "\n"
	windows := strings.ReplaceAll(block, "\n", "\r\n")
	for name, c := range map[string]struct {
		before    string // "-" is no file
		separator string // "" is :
		after     string
		changed   bool // a value of the user's
	}{
		"no file":                {before: "-", after: block},
		"an empty file":          {before: "", after: "\n" + block},
		"lines":                  {before: "A=1\n# b\nB=\"2\n3\"\n", after: "A=1\n# b\nB=\"2\n3\"\n\n" + block},
		"no LF at the end":       {before: "A=1", after: "A=1\n" + block},
		"empty lines at the end": {before: "A=1\n\n\n", after: "A=1\n\n\n\n" + block},
		"CRLF":                   {before: "A=1\r\nB=2\r\n", after: "A=1\r\nB=2\r\n\r\n" + windows},
		"CRLF, none at the end":  {before: "A=1\r\nB=2", after: "A=1\r\nB=2\r\n" + windows},
		"a comment at the end":   {before: "A=1 # x", after: "A=1 # x\n" + block},
		"a commented variable":   {before: "#COMPOSE_FILE=x\n", after: "#COMPOSE_FILE=x\n\n" + block},
		"another variable":       {before: "MY_COMPOSE_FILE=x\nCOMPOSE_FILES=y\n", after: "MY_COMPOSE_FILE=x\nCOMPOSE_FILES=y\n\n" + block},

		"set":                {before: "COMPOSE_FILE=a.yaml:b.yaml\n", after: "COMPOSE_FILE=a.yaml:b.yaml:" + FileName + "\n", changed: true},
		"set, no LF":         {before: "COMPOSE_FILE=a.yaml", after: "COMPOSE_FILE=a.yaml:" + FileName, changed: true},
		"set, CRLF":          {before: "A=1\r\nCOMPOSE_FILE=a.yaml\r\nB=2", after: "A=1\r\nCOMPOSE_FILE=a.yaml:" + FileName + "\r\nB=2", changed: true},
		"set in quotes":      {before: "COMPOSE_FILE=\"a.yaml\" # mine\nB=2\n", after: "COMPOSE_FILE=\"a.yaml:" + FileName + "\" # mine\nB=2\n", changed: true},
		"set in apostrophes": {before: "COMPOSE_FILE='a.yaml'", after: "COMPOSE_FILE='a.yaml:" + FileName + "'", changed: true},
		"set with a comment": {before: "  export COMPOSE_FILE = a.yaml  # mine\n", after: "  export COMPOSE_FILE = a.yaml:" + FileName + "  # mine\n", changed: true},
		"set by a variable":  {before: "D=x\nCOMPOSE_FILE=${D}/a.yaml\n", after: "D=x\nCOMPOSE_FILE=${D}/a.yaml:" + FileName + "\n", changed: true},
		"set twice":          {before: "COMPOSE_FILE=a.yaml\nCOMPOSE_FILE=b.yaml\n", after: "COMPOSE_FILE=a.yaml\nCOMPOSE_FILE=b.yaml:" + FileName + "\n", changed: true},
		"set with semicolons": {
			before: "COMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=a.yaml;b.yaml\n", separator: ";",
			after: "COMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=a.yaml;b.yaml;" + FileName + "\n", changed: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, separator := []byte(c.before), cmp.Or(c.separator, ":")
			if c.before == "-" {
				before = nil
			}
			after, changed, err := extendEnv(before, allOfThem, FileName, separator)
			assert.NilError(t, err)
			assert.Equal(t, string(after), c.after)
			assert.Equal(t, changed, c.changed)

			again, found, err := reduceEnv(after, allOfThem, FileName, separator)
			assert.NilError(t, err)
			assert.Assert(t, found)
			assert.Assert(t, (again == nil) == (before == nil), "a file that was not there must go, an empty one stay")
			assert.Equal(t, string(again), string(before))

			again, found, err = reduceEnv(before, allOfThem, FileName, separator)
			assert.NilError(t, err)
			assert.Assert(t, !found)
			assert.Equal(t, string(again), string(before))
		})
	}
}

func TestAnEnvironmentFileThatCannotBeExtendedSafelyStaysAsItIs(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]string{
		"a value over lines":       "COMPOSE_FILE=\"a.yaml:\nb.yaml\"\n",
		"an escaped quote":         "COMPOSE_FILE=\"a\\\".yaml\"\n",
		"a value in another value": "A=\"\nCOMPOSE_FILE=x\n\"\nCOMPOSE_FILE=a\nB='\nCOMPOSE_FILE=y\n'\n",
		"a variable without value": "A",
		"unterminated":             "A=\"x\n",
	} {
		_, _, err := extendEnv([]byte(before), allOfThem, FileName, ":")
		assert.Assert(t, err != nil, name)
	}
}

func TestLinesWrittenAfterOursStayWhenOursGo(t *testing.T) {
	t.Parallel()
	after, _, err := extendEnv([]byte("A=1\n"), allOfThem, FileName, ":")
	assert.NilError(t, err)
	reduced, found, err := reduceEnv(append(after, "B=2\n"...), allOfThem, FileName, ":")
	assert.NilError(t, err)
	assert.Assert(t, found)
	assert.Equal(t, string(reduced), "A=1\nB=2\n")

	made, _, err := extendEnv(nil, allOfThem, FileName, ":")
	assert.NilError(t, err)
	reduced, found, err = reduceEnv(append(made, "B=2\n"...), allOfThem, FileName, ":")
	assert.NilError(t, err)
	assert.Assert(t, found)
	assert.Equal(t, string(reduced), "B=2\n")
}

func TestALineOfOursThatWasEditedLosesOurFileOnly(t *testing.T) {
	t.Parallel()
	after, _, err := extendEnv([]byte("A=1\n"), allOfThem, FileName, ":")
	assert.NilError(t, err)
	edited := bytes.Replace(after, []byte(FileName+"\n"), []byte(FileName+":more.yaml\n"), 1)
	reduced, found, err := reduceEnv(edited, allOfThem, FileName, ":")
	assert.NilError(t, err)
	assert.Assert(t, found)
	assert.Equal(t, string(reduced), "A=1\n\nCOMPOSE_FILE="+ownFiles+":more.yaml\n")
}

func FuzzWhatIsAddedToAnEnvironmentFileCanBeTakenAwayWithoutATrace(f *testing.F) {
	for _, text := range []string{
		"", "A=1", "A=1\n", "A=1\r\n", "COMPOSE_FILE=a", "COMPOSE_FILE=\"a:b\"\r\nB", "export COMPOSE_FILE=a #b\n", "COMPOSE_FILE: a\n",
		"COMPOSE_FILE=$A$\n", "\xef\xbb\xbfA=1\n", "COMPOSE_FILE=\n", "COMPOSE_FILE=''\n", "A='\n'", "COMPOSE_FILE=a\\\n", envComment, envComment + "\nCOMPOSE_FILE=x\n",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, before []byte) {
		if bytes.Contains(before, []byte(FileName)) {
			return // it is there already
		}
		original := bytes.Clone(before)
		after, changed, err := extendEnv(before, allOfThem, FileName, ":")
		if err != nil {
			return
		}
		if !changed && !bytes.HasPrefix(after, before) {
			t.Fatalf("%q became %q", before, after)
		}
		again, found, err := reduceEnv(after, allOfThem, FileName, ":")
		if err != nil || !found || !bytes.Equal(again, original) || !bytes.Equal(before, original) {
			t.Fatalf("%q became %q, and then %q (%t, %v)", original, after, again, found, err)
		}
	})
}
