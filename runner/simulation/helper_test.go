package simulation

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/backup"
	"aurorabot/runner/health"
	"aurorabot/runner/probe"
	"aurorabot/runner/replica"
)

// helper is the bot's own program on the host. It only looks, but for salvage,
// which writes where it is told, and the folders of a run.
func (h *host) helper(a []string, stdin []byte) runner.Output {
	if h.fs.at(a[0]) == nil {
		return runner.Output{Exit: 127, Stderr: []byte(a[0] + ": not found\n")}
	}
	p := a[len(a)-1]
	switch strings.Join(a[1:3], " ") {
	case "host facts":
		return h.facts(stdin)
	case "host run-folder":
		leaf, now := a[len(a)-2], h.w.now()
		h.fs.mkdir(path.Dir(path.Dir(leaf)), 0o755, 0, 0, now)
		h.fs.mkdir(path.Dir(leaf), 0o755, 0, 0, now)
		h.fs.mkdir(leaf, 0o750, userID, userID, now)
		return runner.Output{}
	case "log inspect":
		n := h.fs.at(p)
		if n == nil {
			return printed(replica.Report{Path: p, State: replica.StateMissing})
		}
		if n.log == nil {
			return printed(replica.Report{Path: p, State: replica.StateNotALog, Error: "no log"})
		}
		out := printed(n.log.report(p))
		if n.log.damage != "" {
			out.Exit = 1
		}
		return out
	case "log salvage":
		n := h.fs.at(a[len(a)-3])
		if n == nil || n.log == nil {
			return fail("no log")
		}
		s, _ := n.log.replay()
		content := backupOf(s)
		h.fs.put(p, &node{content: content, mode: 0o644, uid: userID, gid: userID})
		sum := fmt.Sprintf("%x", sha256.Sum256(content))
		h.w.truth.salvaged[sum] = s
		return printed(map[string]any{"sha256": sum, "position": n.log.replayed()})
	case "log scan":
		seconds, _ := strconv.ParseInt(a[slices.Index(a, "--since")+1], 10, 64)
		return h.scan(time.Unix(seconds, 0))
	case "backup inspect":
		n := h.fs.at(p)
		if n == nil {
			return fail("no such file")
		}
		r, err := backup.Inspect(bytes.NewReader(n.content), backup.Options{Name: p, Size: int64(len(n.content)), Now: h.w.now()})
		if err != nil {
			return fail("%v", err)
		}
		out := printed(r)
		if !r.Valid {
			out.Exit = 1
		}
		return out
	}
	h.w.violated("the simulation knows every command", "%s: %q", h.name, a)
	return fail("usage")
}

// scan is what the scheduler's log says since a time: of its election, of what
// it began with, and of the replicated log.
func (h *host) scan(since time.Time) runner.Output {
	found := []health.Match{}
	say := func(id string, at time.Time, example string) {
		at = at.Add(h.skew)
		if at.Before(since) {
			return
		}
		i := slices.IndexFunc(found, func(m health.Match) bool { return m.Finding == id })
		if i < 0 {
			i = len(found)
			found = append(found, health.Match{Finding: id, Severity: health.Look(id).Severity, Example: example})
		}
		if found[i].Count++; found[i].Count == 1 || at.Before(found[i].FirstAt) {
			found[i].First, found[i].FirstAt = at.Format(time.RFC3339), at
		}
		found[i].Last, found[i].LastAt = at.Format(time.RFC3339), at
	}
	for _, p := range h.procs {
		if p.elected.IsZero() {
			continue
		}
		say("elected", p.elected, "Elected as leading scheduler!")
		if !p.began.IsZero() {
			say("snapshot-applied", p.elected, "Applying snapshot taken on "+p.began.UTC().Format("Mon Jan _2 15:04:05 MST 2006"))
		}
	}
	if n := h.fs.at(logPath); n != nil && n.log != nil && !n.log.votes() {
		found = append(found, health.Match{Finding: "log-empty", Severity: health.Critical, Count: 1, Example: "Replica is in EMPTY status"})
	}
	return printed(found)
}

func (h *host) facts(stdin []byte) runner.Output {
	var q probe.Request
	if err := json.Unmarshal(stdin, &q); err != nil {
		return fail("%v", err)
	}
	f := probe.Facts{Now: h.w.now().Add(h.skew).UTC(), Arch: "amd64", UID: userID, GID: userID}
	if q.Processes {
		h.w.looked(h.name, "processes")
		for _, p := range h.procs {
			if p.alive {
				f.Processes = append(f.Processes, probe.Process{PID: p.pid, Start: p.start, Since: p.since, UID: userID, Argv: p.argv, Parent: 1, Listens: p.http})
				if h.w.now().Before(p.forked) {
					f.Processes = append(f.Processes, probe.Process{PID: p.fork, Start: p.start, Since: p.since, UID: userID, Argv: p.argv, Parent: p.pid})
				}
			}
		}
	}
	if len(q.Paths) > 0 {
		f.Paths = map[string]probe.Path{}
	}
	for _, p := range q.Paths {
		f.Paths[p] = h.fs.look(p)
	}
	if len(q.Trees) > 0 {
		f.Trees = map[string]probe.Tree{}
	}
	for _, p := range q.Trees {
		f.Trees[p] = h.fs.tree(p)
	}
	if q.Backups != "" {
		for _, name := range h.fs.names(q.Backups) {
			n := h.fs.at(path.Join(q.Backups, name))
			f.Backups = append(f.Backups, probe.File{Name: name, Size: int64(len(n.content)), MTime: n.mtime})
		}
	}
	if len(q.Dials) > 0 {
		f.Dials = map[string]string{}
	}
	for _, d := range q.Dials {
		f.Dials[d] = "refused"
		if strings.HasSuffix(d, ":8081") && h.listener() != nil {
			f.Dials[d] = "open"
		}
	}
	return printed(f)
}

var helperProgram = []byte("the bot's own program")
