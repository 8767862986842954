package simulation

import (
	"path"
	"strings"
)

// Rule 19: the helper on a host is root's, named by its hash, and runs only if
// it is what was uploaded.
func helperByHash(w *world) *rule {
	r := &rule{name: "19 the helper is root's and named by its hash"}
	r.act = func(a *act) {
		if a.kind != "issue" {
			return
		}
		if a.what == "helper" && (a.cmd.User != "root" || a.cmd.Argv[1] != helperAt()) {
			w.violated(r.name, "%s: it is written to %s as %q", a.host.name, a.cmd.Argv[1], a.cmd.User)
		}
		for _, word := range a.cmd.Argv {
			if !strings.HasPrefix(word, path.Join(runDir, "bin")+"/") || a.what != "" || a.cmd.Argv[0] == "sha256sum" {
				continue
			}
			if n := a.host.fs.at(word); n != nil && (n.uid != 0 || !strings.HasSuffix(word, n.hash()[:16])) {
				w.violated(r.name, "%s: %s runs, which is not what was uploaded", a.host.name, word)
			}
		}
	}
	return r
}
