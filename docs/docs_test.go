package docs

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aurorabot/app"
	"aurorabot/handlers"
	"aurorabot/lab/cluster"
	"aurorabot/lab/script"
)

// TestMain lets all tests here begin at the root: what they look at is the whole tree.
func TestMain(m *testing.M) {
	if err := os.Chdir(".."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

// documents are all texts for people, by path.
func documents(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "testdata" || d.Name() == "node_modules"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		all[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 10 {
		t.Fatalf("only %d documents were found", len(all))
	}
	return all
}

var (
	mdLink  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`(?m)^#+ +(.+)$`)
	notSlug = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// Links within the tree lead somewhere, and their anchors too. Those to the
// world are looked at by `make audit`.
func TestDocumentLinks(t *testing.T) {
	all := documents(t)
	for path, text := range all {
		for _, m := range mdLink.FindAllStringSubmatch(text, -1) {
			link := m[1]
			if strings.Contains(link, "://") || strings.HasPrefix(link, "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(link, "#")
			target := path
			if file != "" {
				target = filepath.Join(filepath.Dir(path), file)
				if _, err := os.Stat(target); err != nil {
					t.Errorf("%s links to %s: %v", path, link, err)
					continue
				}
			}
			if anchor != "" && filepath.Ext(target) == ".md" && !slices.Contains(anchors(all[target]), anchor) {
				t.Errorf("%s links to %s, and there is no such heading", path, link)
			}
		}
	}
}

// anchors are the headings as links name them.
func anchors(text string) []string {
	var list []string
	for _, h := range heading.FindAllStringSubmatch(text, -1) {
		slug := notSlug.ReplaceAllString(strings.ToLower(strings.TrimSpace(h[1])), "")
		list = append(list, strings.ReplaceAll(slug, " ", "-"))
	}
	return list
}

var (
	block    = regexp.MustCompile("(?s)```[a-z]*\n(.*?)```")
	span     = regexp.MustCompile("`([^`\n]+)`")
	ours     = regexp.MustCompile(`(?:^|[;&|] *|^\$ )(?:\./)?(?:aurorabot|/aurora)((?: +[^\s|;&>]+)*)`)
	shown    = regexp.MustCompile(`^([a-z]+(?: [a-z]+)? (?:DIR|FILE|[A-Z]{3,})\b.*)$`) // As tables of commands show them: no name before.
	makeGoal = regexp.MustCompile(`(?:^|[;&] *)make +([a-z][a-z-]*)`)
	comment  = regexp.MustCompile(`\s+#\s.*$`)
)

// said are the command lines that a text shows: lines of its blocks, and what
// stands between backquotes.
func said(text string) []string {
	var list []string
	for _, b := range block.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(b[1]) {
			list = append(list, comment.ReplaceAllString(strings.TrimSpace(line), ""))
		}
	}
	for _, s := range span.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
		list = append(list, s[1])
	}
	return list
}

// Every command that a document shows exists and takes the words that stand
// there; every goal of make does.
func TestDocumentCommands(t *testing.T) {
	makefile, err := os.ReadFile("Makefile")
	if err != nil {
		t.Fatal(err)
	}
	goals, commands := 0, 0
	for path, text := range documents(t) {
		for _, line := range said(text) {
			for _, m := range makeGoal.FindAllStringSubmatch(line, -1) {
				goals++
				if !regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(m[1]) + `:`).Match(makefile) {
					t.Errorf("%s says `%s`: there is no goal %s", path, line, m[1])
				}
			}
			if strings.Contains(line, "/aurora failed with the error") || strings.Contains(line, " ALL=(") {
				continue // What Slack itself says; a line of sudoers.
			}
			found := ours.FindAllStringSubmatch(line, -1)
			if found == nil && !strings.HasPrefix(line, "cat ") {
				found = shown.FindAllStringSubmatch(line, -1)
			}
			for _, m := range found {
				words := strings.Fields(strings.NewReplacer("[", "", "]", "", "…", "").Replace(m[1]))
				if len(words) == 0 {
					continue
				}
				commands++
				if why := understood(t, words); why != "" {
					t.Errorf("%s says `%s`: %s", path, line, why)
				}
			}
		}
	}
	if goals < 5 || commands < 20 {
		t.Errorf("only %d goals of make and %d commands were found", goals, commands)
	}
}

// understood says why a command line is none, or "". It is done without a
// configuration: what needs one gets no further than its words. A command without
// what belongs behind it is only named.
func understood(t *testing.T, words []string) string {
	t.Helper()
	if words = slices.Clone(words); words[0] == "backup" || words[0] == "log" {
		words = slices.DeleteFunc(words, func(w string) bool { return w == "--json" }) // Tables show it before what is required.
	}
	for i := range words {
		if words[i] == "DIR" {
			words[i] = "/DIR" // Some want it absolute.
		}
		if one, ok := map[string]string{"GROUP": "look", "COMMAND": "status"}[words[i]]; ok && words[0] == "help" {
			words[i] = one
		}
	}
	var said bytes.Buffer
	run := func(more ...string) int {
		said.Reset()
		none := func(string) string { return "" }
		return app.Run(t.Context(), append(slices.Clone(words), more...), app.World{In: strings.NewReader(""), Out: &said, Err: &said, Env: none, Now: time.Now})
	}
	named := len(words) == 1 || len(words) == 2 && slices.Contains([]string{"backup", "config", "log", "plan", "recover"}, words[0])
	if named || words[0] == "config" && words[1] == "discover" { // Hosts that are not here.
		words = slices.DeleteFunc(words, func(w string) bool { return w == "--help" || w == "-h" })
		if len(words) == 0 || run("--help") == handlers.ExitDone {
			return ""
		}
		return said.String()
	}
	if run() == handlers.ExitUsage {
		return said.String()
	}
	return ""
}

var (
	labRun  = regexp.MustCompile(`(?:^|[;&] *)(?:go run \./lab|lab/lab|lab)((?: +\S+)*)$`)
	labFlag = regexp.MustCompile(`f\.[A-Z][A-Za-z]+Var\(&[a-z.A-Z]+, "([a-z-]+)"`)
	goTest  = regexp.MustCompile(`(?:^|[;&] *)(?:[A-Z_]+=\S+ +)*go (?:test|run|build)((?: +\S+)*)`)
	program = regexp.MustCompile(`^(?:(?:runner|handlers|bot|config|policy|app|lab|docs|scripts|deploy|bench)/[A-Za-z0-9_./*-]+|Makefile|Dockerfile)$`)
)

// The rehearsal lab takes the options that documents show, the tests that they
// name are there, and so are the files and folders that they speak of.
func TestDocumentsNameWhatIsThere(t *testing.T) {
	source, err := os.ReadFile("lab/main.go")
	if err != nil {
		t.Fatal(err)
	}
	options := map[string]bool{}
	for _, m := range labFlag.FindAllSubmatch(source, -1) {
		options[string(m[1])] = true
	}
	labs, tests, names := 0, 0, 0
	for path, text := range documents(t) {
		for _, line := range said(text) {
			if m := labRun.FindStringSubmatch(line); m != nil {
				labs++
				words := strings.Fields(m[1])
				for i, word := range words {
					if i > 0 {
						if err := labValue(words[i-1], strings.Trim(word, "]'")); err != nil {
							t.Errorf("%s says `%s`: %v", path, line, err)
						}
					}
					name, is := strings.CutPrefix(strings.TrimLeft(word, "["), "--")
					name, _, _ = strings.Cut(strings.TrimRight(name, "]"), "=")
					if is && !options[name] {
						t.Errorf("%s says `%s`: the lab has no option --%s", path, line, name)
					}
				}
			}
			if m := goTest.FindStringSubmatch(line); m != nil {
				tests++
				if why := runs(strings.Fields(m[1])); why != "" {
					t.Errorf("%s says `%s`: %s", path, line, why)
				}
			}
			if place := strings.TrimPrefix(line, "./"); program.MatchString(place) && !strings.HasPrefix(path, "CHANGELOG") {
				names++
				if found, err := filepath.Glob(place); err != nil || len(found) == 0 {
					t.Errorf("%s speaks of `%s`, which is not there", path, line)
				}
			}
		}
	}
	if labs < 5 || tests < 3 || names < 50 {
		t.Errorf("only %d calls of the lab, %d of go and %d names of files were found", labs, tests, names)
	}
}

// labValue says why a value of an option of the lab is none. Words in capitals
// stand for one.
func labValue(option, value string) error {
	if value == strings.ToUpper(value) || strings.ContainsAny(value, "…[") {
		return nil
	}
	switch strings.TrimLeft(option, "[") {
	case "--damage":
		_, err := cluster.ParseDamage(value, 3)
		return err
	case "--cheat":
		return script.CheckCheat(value)
	}
	return nil
}

// runs says why the words behind `go test` make no sense here, or "".
func runs(words []string) string {
	var tests *regexp.Regexp
	var folders []string
	for i, w := range words {
		switch {
		case (w == "-run" || w == "-bench") && i+1 < len(words):
			if words[i+1] == "'^$'" {
				continue // No test: a benchmark is meant.
			}
			re, err := regexp.Compile(strings.Trim(words[i+1], "'"))
			if err != nil {
				return err.Error()
			}
			tests = re
		case w == "." || strings.HasPrefix(w, "./"):
			dir := strings.TrimSuffix(w, "/...")
			if _, err := os.Stat(dir); err != nil {
				return err.Error()
			}
			folders = append(folders, dir)
		}
	}
	if tests == nil {
		return ""
	}
	for _, dir := range folders {
		found, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			return err.Error()
		}
		for _, f := range found {
			text, err := os.ReadFile(f)
			if err != nil {
				return err.Error()
			}
			for _, m := range testName.FindAllSubmatch(text, -1) {
				if tests.Match(m[1]) {
					return ""
				}
			}
		}
	}
	return "no test there is called so"
}

var testName = regexp.MustCompile(`(?m)^func ((?:Test|Benchmark)\w+)\(`)

// A file holds one thought: at most 500 lines, but for what docs/adr/0015
// gives a reason for.
// Pictures, recordings and what a tool writes are no thoughts.
func TestFileLength(t *testing.T) {
	adr, err := os.ReadFile("docs/adr/0015-what-is-generated.md")
	if err != nil {
		t.Fatal(err)
	}
	excused := func(path string) bool {
		return regexp.MustCompile("(?m)^\\| `" + regexp.QuoteMeta(path) + "` \\|.*\\| yes: .+\\|$").Match(adr)
	}
	err = filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && d.Name() == ".git" {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "node_modules") {
			return filepath.SkipDir
		}
		if d.IsDir() || !slices.Contains([]string{".go", ".md", ".sh", ".js", ".mjs", ".css", ".html", ".py", ".yaml", ".yml"}, filepath.Ext(path)) {
			return nil
		}
		text, err := os.ReadFile(path)
		if n := bytes.Count(text, []byte("\n")); n > 500 && !excused(path) {
			t.Errorf("%s has %d lines, more than 500, and docs/adr/0015 gives no reason", path, n)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
