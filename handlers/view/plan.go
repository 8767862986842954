package view

import (
	"fmt"
	"slices"
	"strings"

	"aurorabot/runner"
	"aurorabot/runner/health"
)

// planHosts are the hosts of a plan, without the bot and the leader to be.
func planHosts(p runner.Plan) []string {
	var hosts []string
	for _, ph := range p.Phases {
		for _, st := range ph.Steps {
			for _, h := range st.Hosts {
				if h.Host != runner.Bot && h.Host != "leader" && !slices.Contains(hosts, h.Host) {
					hosts = append(hosts, h.Host)
				}
			}
		}
	}
	slices.Sort(hosts)
	return hosts
}

// Plan is what will be done: the steps in the message, every command and file
// change per host in the file that goes along.
func Plan(p runner.Plan, loss health.Loss) Message {
	steps, changes, committed := 0, 0, false
	var oneWays []string
	t := Table{Rows: [][]string{{"Step", "Where", "Way back"}}}
	for _, ph := range p.Phases {
		t.Rows = append(t.Rows, []string{ph.Title, "", ""})
		for _, st := range ph.Steps {
			steps++
			if !st.ReadOnly {
				changes++
			}
			if st.OneWay != "" && st.Skip == "" {
				oneWays = append(oneWays, "Cannot be undone: "+quote(st.OneWay)+".")
			}
			row := planRow(st)
			if committed && row[2] == "undo" {
				row[2] = "none: after the commit" // Undo is refused once it was sent.
			}
			committed = committed || st.Gate == "commit"
			t.Rows = append(t.Rows, row)
		}
		if ph.Undoes != "" {
			t.Rows = append(t.Rows, []string{"  Put back what " + heading(p, ph.Undoes) + " changed, newest first, traffic last", "", ""})
		}
	}
	m := Message{
		Tone: Plain,
		Head: fmt.Sprintf("Plan for %s: %s on %s, %s something", p.Request.Cluster, count(steps, "step"), count(len(planHosts(p)), "host"), ofThem(changes)),
		Fields: []Field{
			{backupName, quote(p.Request.Backup)}, {"Hosts", list(planHosts(p), 24)},
			{"Recipe", fmt.Sprintf("%s, version %d", p.Recipe, p.Version)},
		},
		Lines:  append(lost(&loss), oneWays...),
		Tables: []Table{t},
		Files:  []File{{Name: "plan.txt", Text: planText(p)}},
	}
	if len(loss.Jobs) > shownJobs {
		m.Files = append(m.Files, File{Name: lossName, Text: lossFile(&loss, nil)})
	}
	if p.Request.Reason != "" {
		m.Fields = append(m.Fields, Field{"Reason", quote(cut(p.Request.Reason, 300))})
	}
	m.Foot = "digest " + p.Digest
	if len(p.Phases) == 0 {
		m.Tables, m.Files = nil, nil
		m.Lines = []string{"The plan is empty."}
	}
	return headed(m)
}

func ofThem(n int) string {
	if n == 1 {
		return "1 of them changes"
	}
	return fmt.Sprintf("%d of them change", n)
}

// lost is what a plan knows of the loss, and how sure that is.
func lost(loss *health.Loss) []string {
	lines := []string{sentence(killed(loss, shownJobs))}
	if words := knows(loss.Sources); words != "" {
		lines = append(lines, "How sure: "+sentence(words))
	}
	return lines
}

// Against is the plan with what speaks against it at its top: how the cluster stands,
// in our own words, if that is in the way, and where pre-flight would stop.
func Against(plan Message, standing string, against []runner.Obstacle) Message {
	if len(against) == 0 && standing == "" {
		return plan
	}
	lines := []string{"Warning: as things are, a recovery stops before it changes anything."}
	if standing != "" {
		lines = append(lines, "Warning: "+standing)
	}
	for i, o := range against {
		if i == 12 {
			lines = append(lines, more(len(against)-i))
			break
		}
		why := cut(o.Why, 1000)
		switch {
		case o.Open:
			why = "Cannot tell what happens on " + o.Host + ": " + why + ". Its part of the plan is left open"
		case o.Host != runner.Bot:
			why = o.Host + ": " + why
		}
		lines = append(lines, "Warning: "+sentence(quote(why)))
	}
	plan.Tone, plan.Lines = Warn, append(lines, plan.Lines...)
	return plan
}

func planRow(st runner.PlanStep) []string {
	var hosts []string
	for _, h := range st.Hosts {
		name := h.Host
		if name == runner.Bot {
			name = "the cluster"
		}
		if h.Unknown != "" {
			name += " (cannot tell)"
		}
		hosts = append(hosts, name)
	}
	back := "undo"
	switch {
	case st.Skip != "":
		back = "not planned: " + quote(st.Skip)
	case st.ReadOnly:
		back = "only looks"
	case st.OneWay != "":
		back = "none"
	}
	what := "  " + st.Title
	if st.Gate != "" {
		what = "  [" + st.Gate + " gate] " + st.Title
	}
	return []string{what, list(hosts, 6), back}
}

// planText is the whole plan: nothing is cut.
func planText(p runner.Plan) string {
	var b strings.Builder
	fmt.Fprintf(&b, "Plan of run %s\nCluster: %s\nBackup: %s\nRecipe: %s, version %d\nDigest: %s\n", p.Run, p.Request.Cluster, p.Request.Backup, p.Recipe, p.Version, p.Digest)
	for _, ph := range p.Phases {
		fmt.Fprintf(&b, "\n%s (%s)\n", ph.Title, ph.Source)
		for _, st := range ph.Steps {
			if st.Gate != "" {
				fmt.Fprintf(&b, "\n  == %s gate: people decide ==\n", st.Gate)
			}
			fmt.Fprintf(&b, "\n  %s\n    %s, %s\n", st.Title, st.ID, st.Source)
			switch {
			case st.Skip != "":
				fmt.Fprintf(&b, "    not planned: %s\n", st.Skip)
			case st.ReadOnly:
				b.WriteString("    only looks\n")
			case st.OneWay != "":
				fmt.Fprintf(&b, "    no way back: %s\n", st.OneWay)
			}
			does := map[string]string{}
			for _, h := range st.Hosts {
				text := strings.Join(h.Does, "\n")
				if h.Unknown != "" {
					text = "cannot tell: " + first(h.Unknown)
				}
				if h.Done {
					text = strings.TrimSpace("done already\n" + text)
				}
				does[h.Host] = text
			}
			for _, g := range gather(does) {
				if g.text == "" && st.ReadOnly {
					continue
				}
				fmt.Fprintf(&b, "    on %s:\n", strings.Join(g.hosts, ", "))
				for line := range strings.SplitSeq(g.text, "\n") {
					if line != "" {
						fmt.Fprintf(&b, "      %s\n", line)
					}
				}
			}
		}
		if ph.Undoes != "" {
			fmt.Fprintf(&b, "\n  Put back what %s changed, newest first; traffic opens last.\n", heading(p, ph.Undoes))
		}
	}
	return b.String()
}
