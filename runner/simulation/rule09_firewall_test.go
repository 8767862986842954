package simulation

import (
	"strings"
)

// Rule 9: the firewall's rules carry a tag, never block anything but the HTTP
// port, let loopback through, and end by themselves; in the end they are gone.
func firewallIsALease(w *world) *rule {
	r := &rule{name: "9 the firewall is a lease"}
	r.act = func(a *act) {
		if a.kind != "nft" {
			return
		}
		for _, want := range []string{`comment "aurorabot:` + w.journ.run() + `"`, `iifname "lo" accept`, "flags timeout", "elements = { 8081 timeout 43200s }", "tcp dport @blocked drop", "policy accept"} {
			if !strings.Contains(a.what, want) {
				w.violated(r.name, "%s: nft's script lacks %q", a.host.name, want)
			}
		}
		if n := strings.Count(a.what, "drop"); n != 1 {
			w.violated(r.name, "%s: nft's script drops %d times", a.host.name, n)
		}
	}
	r.end = func() {
		for _, h := range w.hosts {
			for name := range h.tables {
				w.violated(r.name, "%s: table %s is left", h.name, name)
			}
		}
	}
	return r
}
