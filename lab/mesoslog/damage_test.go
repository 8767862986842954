package mesoslog

import (
	"aurorabot/runner/golden"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"
)

// recordedDir is one recorded replica folder: what the real replica and the
// real tool made of it.
type recordedDir struct {
	What  string
	Truth struct {
		Status               string
		Promised, Begin, End uint64
		Holes, Unlearned     [][2]uint64
		Readable             bool
	}
	Read, Initialize *struct {
		Exit   int
		Stderr string
		Stdout string `json:"stdout_sha256"`
	}
}

func recordedDirs(t *testing.T) map[string]recordedDir {
	t.Helper()
	b, err := os.ReadFile("testdata/dirs/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]recordedDir
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	return cases
}

// unpack makes a fresh copy of a recorded folder.
func unpack(t *testing.T, name string) string {
	t.Helper()
	return golden.Unpack(t, "testdata/dirs/"+name+".tar.gz")
}

var (
	prefix   = regexp.MustCompile(`(?m)^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d{6} +\d+ `)
	folderOf = regexp.MustCompile(`/lab/t/(?:cli|dirs|small)/(?:_read/)?[a-z0-9/-]+?/([A-Z0-9])`)
)

// masked replaces what differs from run to run: times, thread ids, folders.
func masked(s, path string) string {
	s = prefix.ReplaceAllString(s, "$1 TIME TID ")
	s = strings.ReplaceAll(s, path, "DIR")
	return folderOf.ReplaceAllString(s, "DIR/$1")
}

// Every recorded folder, whole or damaged, must come up as the real replica
// brought it up, and the tool must say what the real tool said.
func TestRecordedFolders(t *testing.T) {
	for name, c := range recordedDirs(t) {
		t.Run(name, func(t *testing.T) {
			for command, want := range map[string]*struct {
				Exit   int
				Stderr string
				Stdout string `json:"stdout_sha256"`
			}{"read": c.Read, "initialize": c.Initialize} {
				if want == nil {
					continue
				}
				path := unpack(t, name)
				var out, errs bytes.Buffer
				exit := Main([]string{"mesos-log", command, "--path=" + path}, nil, &out, &errs, []string{"LIBPROCESS_IP=127.0.0.1"})
				if exit != want.Exit {
					t.Errorf("%s: exit = %d, want %d", command, exit, want.Exit)
				}
				wantErr := strings.ReplaceAll(want.Stderr, "/lab/t/dirs/_read/"+name+"/", "DIR/")
				if got := masked(errs.String(), path); got != masked(wantErr, path) {
					t.Errorf("%s: stderr =\n%swant\n%s", command, got, masked(wantErr, path))
				}
				sum := sha256.Sum256(out.Bytes())
				if got := hex.EncodeToString(sum[:]); got != want.Stdout {
					t.Errorf("%s: stdout differs from the recording:\n%.2000s", command, out.String())
				}
			}
			if c.Truth.Status == "" {
				return
			}
			s, err := openStore(unpack(t, name))
			if err != nil {
				t.Fatal(err)
			}
			defer s.close()
			st, err := s.restore()
			if err != nil {
				t.Fatal(err)
			}
			if st.Status.String() != c.Truth.Status || st.Promised != c.Truth.Promised || st.Begin != c.Truth.Begin || st.End != c.Truth.End {
				t.Errorf("restored %s, promised %d, %d -> %d; want %+v", st.Status, st.Promised, st.Begin, st.End, c.Truth)
			}
			var holes, unlearned spans
			for _, e := range c.Truth.Holes {
				holes = holes.add(e[0], e[1])
			}
			for _, e := range c.Truth.Unlearned {
				unlearned = unlearned.add(e[0], e[1])
			}
			if c.Truth.Readable && (holes.count() != st.Holes.count() || unlearned.count() != st.Unlearned.count()) {
				t.Errorf("holes %v, unlearned %v; want %v and %v", st.Holes, st.Unlearned, holes, unlearned)
			}
		})
	}
}
