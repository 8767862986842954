package simulation

import "aurorabot/runner"

// Rule 2: both lists in ZooKeeper are looked at before any stop, and before
// initialising neither a candidate nor a replica is in them, as far as the bot
// could see when it looked.
func groupsCompared(w *world) *rule {
	r := &rule{name: "2 ZooKeeper's lists before stop and initialise"}
	seen := -1
	looked := map[string]bool{}
	r.look = func(host, thing string) {
		if host == "zookeeper" && (thing == "candidates" || thing == "replicas") {
			seen = len(w.zk.nodes)
			looked[thing] = true
		}
	}
	r.event = func(e runner.Event) {
		if e.Kind == runner.RunRequested {
			looked = map[string]bool{}
		}
	}
	r.act = func(a *act) {
		if a.effect(w) == "stop" && !(looked["candidates"] && looked["replicas"]) {
			w.violated(r.name, "stop on %s, and ZooKeeper's lists were not both looked at in this run", a.host.name)
		}
		if a.kind != "initialize" {
			return
		}
		if seen != 0 {
			w.violated(r.name, "initialize on %s, though ZooKeeper listed %d nodes when it was last looked at", a.host.name, seen)
		}
	}
	return r
}
