package simulation

import (
	"bytes"
	"path"

	"aurorabot/runner"
)

// Rule 7: the original configuration stays on the host, root's and 0600; a file
// that somebody else edited is never overwritten; in the end it is the original.
func configurationBack(w *world) *rule {
	r := &rule{name: "7 the configuration comes back"}
	r.event = func(e runner.Event) {
		if e.Kind != runner.StepDone || e.Step != "prepare/change-configuration" {
			return
		}
		h := w.host(e.Host)
		for _, p := range h.fs.below(runDir) {
			if n := h.fs.at(p); path.Base(p) == "original-configuration" && n.mode == 0o600 && n.uid == 0 && bytes.Equal(n.content, h.was.config.content) {
				return
			}
		}
		w.violated(r.name, "%s: the original is not kept as it was, root's and 0600", h.name)
	}
	r.end = func() {
		for _, h := range w.hosts {
			n := h.fs.at(configFile)
			if h.touched["config"] {
				continue
			}
			if !bytes.Equal(n.content, h.was.config.content) || n.mode != h.was.config.mode || n.uid != h.was.config.uid || n.gid != h.was.config.gid {
				w.violated(r.name, "%s: %s is not what it was", h.name, configFile)
			}
		}
	}
	return r
}
