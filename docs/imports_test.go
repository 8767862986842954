package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// sources are the imports of every file that is no test, by its package's folder.
func sources(t *testing.T) (imports map[string][]string, docs map[string]int) {
	t.Helper()
	imports, docs = map[string][]string{}, map[string]int{}
	err := filepath.WalkDir(".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || strings.HasPrefix(d.Name(), ".") && p != ".") {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") || strings.HasSuffix(p, "_test.go") {
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), p, nil, parser.ImportsOnly|parser.ParseComments)
		if err != nil {
			return err
		}
		dir := filepath.ToSlash(filepath.Dir(p))
		if f.Doc != nil {
			docs[dir]++
		} else if _, ok := docs[dir]; !ok {
			docs[dir] = 0
		}
		for _, i := range f.Imports {
			imports[dir] = append(imports[dir], unquote(i))
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return imports, docs
}

func unquote(i *ast.ImportSpec) string {
	s, err := strconv.Unquote(i.Path.Value)
	if err != nil {
		return i.Path.Value
	}
	return s
}

func under(dir string, of ...string) bool {
	return slices.ContainsFunc(of, func(o string) bool { return dir == o || strings.HasPrefix(dir, o+"/") })
}

// The arrows of docs/ARCHITECTURE.md, each with its reason. The lab and tests
// are outside of them: nothing but tests imports the lab.
func TestImports(t *testing.T) {
	const (
		slackGo = "github.com/slack-go/slack"
		sshLib  = "golang.org/x/crypto/ssh"
		zkLib   = "github.com/go-zookeeper/zk"
		cobra   = "github.com/spf13/cobra"
		pflag   = "github.com/spf13/pflag"
	)
	imports, _ := sources(t)
	for dir, list := range imports {
		if under(dir, "lab") {
			for _, i := range list {
				own, ok := strings.CutPrefix(i, "aurorabot/")
				codec := under(own, "runner/backup", "runner/replica", "runner/tbinary", "lab", "handlers/files")
				// The program of the lab talks to the bot by its files: events and configuration are data there.
				if ok && !codec {
					t.Errorf("%s imports %s: stand-ins may use the codecs of backups and replicas only, or they would prove themselves", dir, i)
				}
			}
			continue
		}
		for _, i := range list {
			std := !strings.Contains(strings.Split(i, "/")[0], ".") && !strings.HasPrefix(i, "aurorabot")
			for _, rule := range []struct {
				broken bool
				why    string
			}{
				{dir == "runner" && !std, "the centre imports the standard library only"},
				{strings.HasPrefix(i, slackGo) && !under(dir, "bot"), "only bot speaks Slack"},
				{strings.HasPrefix(i, sshLib) && !under(dir, "runner/ssh"), "only runner/ssh speaks SSH"},
				{strings.HasPrefix(i, zkLib) && !under(dir, "runner/zk"), "only runner/zk speaks ZooKeeper"},
				{strings.HasPrefix(i, cobra) && dir != "app" && dir != "scripts", "only app builds the command line, and a script the manual"},
				{i == pflag && dir != "handlers/syntax", "options are read in one place"},
				{i == "aurorabot/config" && dir != "app", "only app knows the configuration"},
				{i == "aurorabot/app" && dir != ".", "nobody but main imports the composition root"},
				{i == "aurorabot/lab" || strings.HasPrefix(i, "aurorabot/lab/"), "nothing but tests imports the lab"},
				{under(dir, "handlers") && dir != "handlers/files" && strings.HasPrefix(i, "aurorabot/runner/") && !slices.Contains([]string{"aurorabot/runner/aurora", "aurorabot/runner/backup/check", "aurorabot/runner/drill", "aurorabot/runner/health"}, i), "handlers know no recipe and no transport: app hands them over; the results of a check and of a drill, and findings, are values"},
				{i == "aurorabot/runner/recovery" && under(dir, "runner") && dir != "runner/recovery/offline", "a recipe rests on what is known of hosts and clusters, and nothing of that on a recipe"},
				{under(strings.TrimPrefix(i, "aurorabot/"), "runner/diagnose", "runner/sudoers", "runner/discover", "runner/backup/check/host") && dir == "runner/node", "one host is below what is made of all"},
				{under(dir, "bot", "handlers/cli", "handlers/cron") && (i == "aurorabot/runner/ssh" || i == "aurorabot/runner/journal"), "surfaces know neither transports nor journals"},
				{dir == "bot" && under(strings.TrimPrefix(i, "aurorabot/"), "handlers/cli", "handlers/cron"), "surfaces do not know each other"},
				{under(dir, "policy", "handlers/view") && slices.Contains([]string{"net", "net/http", "os", "os/exec"}, i), "it is pure: values in, values out"},
			} {
				if rule.broken {
					t.Errorf("%s imports %s: %s", dir, i, rule.why)
				}
			}
		}
	}
}

// The root holds one Go file, and that only hands over.
func TestRoot(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil || !slices.Equal(files, []string{"main.go"}) {
		t.Errorf("the root holds %v, %v; want main.go alone", files, err)
	}
	text, err := os.ReadFile("main.go")
	if n := strings.Count(string(text), "\n"); err != nil || n > 60 {
		t.Errorf("main.go has %d lines, %v; want 60 at most", n, err)
	}
}

// Each package says once what it is.
func TestPackageDocs(t *testing.T) {
	_, docs := sources(t)
	for dir, n := range docs {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want one", path.Base(dir), n)
		}
	}
}

var (
	required = regexp.MustCompile(`(?m)^\t(\S+) v\S+( // indirect)?$`)
	reasoned = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")
)

// Every module that go.mod asks for has a row in docs/adr/0009, in the table of
// what ships if it is in the bot's program, else in the other.
func TestDependenciesHaveReasons(t *testing.T) {
	mod, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("docs/adr/0009-dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	inside := strings.Fields(string(out))
	ships, others, ok := strings.Cut(string(page), "Only for tests")
	if !ok {
		t.Fatal("docs/adr/0009 has no second table")
	}
	named := func(text string) []string {
		var list []string
		for _, m := range reasoned.FindAllStringSubmatch(text, -1) {
			list = append(list, m[1])
		}
		return list
	}
	first, second := named(ships), named(others)
	asked := map[string]bool{}
	for _, m := range required.FindAllStringSubmatch(string(mod), -1) {
		if m[2] != "" {
			continue
		}
		asked[m[1]] = true
		switch in := slices.Contains(inside, m[1]); {
		case in && !slices.Contains(first, m[1]):
			t.Errorf("the bot's program holds %s, and docs/adr/0009 does not say why", m[1])
		case !in && !slices.Contains(second, m[1]):
			t.Errorf("go.mod asks for %s for tests and the lab, and docs/adr/0009 does not say why", m[1])
		}
	}
	for _, m := range slices.Concat(first, second) {
		if !asked[m] {
			t.Errorf("docs/adr/0009 speaks of %s, which go.mod does not ask for", m)
		}
	}
	if len(asked) < 10 {
		t.Errorf("only %d modules were found in go.mod", len(asked))
	}
}
