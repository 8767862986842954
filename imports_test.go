package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"path/filepath"
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
				{i == "aurorabot/config" && dir != ".", "only main knows the configuration"},
				{i == "aurorabot/lab" || strings.HasPrefix(i, "aurorabot/lab/"), "nothing but tests imports the lab"},
				{under(dir, "handlers") && dir != "handlers/files" && strings.HasPrefix(i, "aurorabot/runner/") && i != "aurorabot/runner/aurora", "handlers know no recipe and no transport: main hands them over"},
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

// Each package says once what it is.
func TestPackageDocs(t *testing.T) {
	_, docs := sources(t)
	for dir, n := range docs {
		if n != 1 {
			t.Errorf("package %s has %d package comments, want one", path.Base(dir), n)
		}
	}
}
