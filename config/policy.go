package config

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"aurorabot/policy"
)

// names are what who and of may name.
type names struct {
	rules    *policy.Rules
	person   *regexp.Regexp // What a person's ID looks like; without Slack, their name.
	known    []string
	clusters []string
}

// readPolicy reads who may do what. A gate that is left out has commit's rule,
// the strictest: a forgotten line opens nothing. Without Slack, and without teams,
// people are known by names.
func readPolicy(n *node, clusters []string, slackless bool) policy.Rules {
	m := n.fields("teams", "lists", "groups", "access", "gates", "requester_may_approve", "os_users", "identity_cache")
	r := policy.Rules{
		Lists: map[string][]string{}, Groups: map[string]string{}, Gates: map[string]policy.GateRule{}, OSUsers: map[string]string{},
		RequesterMayApprove: m.get("requester_may_approve").truth(false),
	}
	form := "a workspace's ID, such as T0123456789 (in the address of Slack in a browser)"
	who := &names{rules: &r, person: userID, clusters: clusters}
	people := "users' IDs, such as U0123456789 (in a person's profile, \"Copy member ID\")"
	switch t := m.get("teams"); {
	case slackless && !t.given() && !slackIDs(m.get("lists")):
		r.Teams = []string{policy.Local}
		who.person, people = localName, "people's names in small letters, such as ann (with Slack, users' IDs: then teams: and slack: are needed)"
	case t.required("write a list with " + form):
		r.Teams = t.ids(form, func(s string) bool { return teamID.MatchString(s) })
	}
	local := who.person == localName
	form = people
	for _, l := range m.get("lists").named("write a list's name, and " + form) {
		if who.add(l) {
			r.Lists[l.key] = l.ids(people, who.person.MatchString)
		}
	}
	if g := m.get("groups"); local && g.given() {
		g.fail("write lists: with people's names", "user groups are Slack's, and there is no Slack (slack: and teams are left out)")
	}
	form = "a user group's ID, such as S0123456789"
	for _, g := range m.get("groups").named("write a group's name, and " + form) {
		if who.add(g) {
			r.Groups[g.key] = g.id(groupID, form)
		}
	}
	r.Access = who.access(m.get("access"))
	who.gates(m.get("gates"))
	if d := m.get("identity_cache"); d.given() {
		r.IdentityCache = d.duration(0, time.Minute, maxCache)
	}
	form = "TEAM/USER, such as T0123456789/U0123456789"
	if local {
		form = "a person's name in small letters, such as ann"
	}
	for _, u := range m.get("os_users").named("write an account of this machine, and " + form) {
		s := u.text("")
		if local && s != "" {
			s = policy.Local + "/" + s
		}
		team, user, ok := strings.Cut(s, "/")
		switch {
		case s == "":
		case u.key == "root" || u.key == "0":
			u.fail("name the accounts that people log in to", "root is nobody: it could be any of this machine's accounts")
		case local && who.person.MatchString(user):
			r.OSUsers[u.key] = s
		case !ok || local || !teamID.MatchString(team) || !userID.MatchString(user):
			u.fail("write "+form, "%s is none", quoted(strings.TrimPrefix(s, policy.Local+"/")))
		case !slices.Contains(r.Teams, team):
			u.fail("write a team of policy.teams, or add it there", "%s is none of our teams", team)
		default:
			r.OSUsers[u.key] = s
		}
	}
	return r
}

// ids returns a list of texts of a form, each once.
func (n *node) ids(form string, ok func(string) bool) []string {
	var out []string
	for _, i := range n.some("write a list with " + form) {
		switch v := i.text(""); {
		case v == "":
		case !ok(v):
			i.fail("write "+form, "%s is none", quoted(v))
		case slices.Contains(out, v):
			i.fail("write it once", "%s is there twice", quoted(v))
		default:
			out = append(out, v)
		}
	}
	return out
}

// add keeps the name of a list or group.
func (w *names) add(f field) bool {
	switch {
	case slices.Contains(w.known, f.key):
		f.fail("give it another name", "a list is called %s already", quoted(f.key))
	case !nameForm.MatchString(f.key) || userID.MatchString(f.key):
		f.fail("use letters, digits, dot, dash and underscore, and no user's ID", "%s is no name for it", quoted(f.key))
	default:
		w.known = append(w.known, f.key)
		return true
	}
	return false
}

// people reads names of lists or groups, user IDs, or "*".
func (w *names) people(n *node) []string {
	hint := "write a list with names of policy.lists or policy.groups, users' IDs, or \"*\" for everybody of our teams"
	if !n.required(hint) {
		return nil
	}
	return n.oneOf(hint, func(s string) bool { return s == "*" || w.is(s) }, w.known)
}

// oneOf reads a list of words that ok takes or that are in list.
func (n *node) oneOf(hint string, ok func(string) bool, list []string) []string {
	var out []string
	for _, i := range n.some(hint) {
		s := i.text("")
		switch near := nearest(s, list); {
		case s == "":
		case ok(s) || slices.Contains(list, s):
			out = append(out, s)
		case near != "":
			i.fail("did you mean "+near+"?", "%s is not known", quoted(s))
		case len(list) > 0:
			i.fail(hint+"; known here: "+strings.Join(list, ", "), "%s is not known", quoted(s))
		default:
			i.fail(hint, "%s is not known", quoted(s))
		}
	}
	return out
}

// slackIDs reports whether a list holds a user's ID: whoever wrote that has Slack.
func slackIDs(lists *node) bool {
	said := len(lists.d.errs)
	defer func() { lists.d.errs = lists.d.errs[:said] }() // What is wrong is said when it is read.
	for _, l := range lists.pairs("") {
		if list, ok := l.n.(*ast.SequenceNode); ok && slices.ContainsFunc(list.Values, func(v ast.Node) bool {
			s, ok := v.(*ast.StringNode)
			return ok && userID.MatchString(s.Value)
		}) {
			return true
		}
	}
	return false
}

// is reports whether a word means one person: an ID of Slack's, or without Slack a name
// that is in a list.
func (w *names) is(word string) bool {
	if w.person == userID {
		return userID.MatchString(word)
	}
	for _, list := range w.rules.Lists {
		if slices.Contains(list, word) && !slices.Contains(w.known, word) {
			return true
		}
	}
	return false
}

func (w *names) access(n *node) []policy.Rule {
	if !n.required("write a list of rules; without one nobody may do anything") {
		return nil
	}
	var rules []policy.Rule
	items := n.items("write a list of rules, each with name, who, channels, clusters and may")
	allows := false
	for _, i := range items {
		m := i.fields("name", "who", "channels", "clusters", "may", "deny")
		r := policy.Rule{Deny: m.get("deny").truth(false), Who: w.people(m.get("who"))}
		allows = allows || !r.Deny
		if v := m.get("name"); v.required("write what the rule is called: refusals name it") {
			r.Name = v.text("")
			if slices.ContainsFunc(rules, func(o policy.Rule) bool { return o.Name == r.Name }) {
				v.fail("give each rule a name of its own", "%s is there twice", quoted(r.Name))
			}
		}
		hint := "write channels' IDs, cli for the command line, dm for direct messages, or \"*\""
		if v := m.get("channels"); v.required(hint) {
			r.Channels = v.oneOf(hint, channelID.MatchString, []string{"*", "cli", "dm"})
		}
		hint = "write names of clusters, or \"*\""
		if v := m.get("clusters"); v.required(hint) {
			r.Clusters = v.oneOf(hint, func(s string) bool { return s == "*" }, w.clusters)
		}
		hint = "write some of read, approve, operate, admin"
		known := []string{"read", "approve", "operate", "admin"}
		if r.Deny {
			// A permission that is denied contains no other, so "all" has a word of its own.
			hint, known = hint+", or \"*\" for all", append(known, "*")
		}
		if v := m.get("may"); v.required(hint) {
			r.May = v.oneOf(hint, func(string) bool { return false }, known)
		}
		rules = append(rules, r)
	}
	if !allows && n.kind() == "a list" {
		n.fail("write a rule without deny", "no rule allows anything, so nobody may do anything")
	}
	return rules
}

var gateNames = []string{"start", "assess", "commit", "undo"}

func (w *names) gates(n *node) {
	if !n.required("write at least gates: {commit: {factors: [...]}}; start and assess take its rule") {
		return
	}
	m := n.fields(gateNames...)
	if !m.get("commit").required("write who approves the commit; start and assess take its rule where they are left out") {
		return
	}
	for _, name := range gateNames {
		if g := m.get(name); g.given() {
			w.rules.Gates[name] = w.gate(name, g)
		}
	}
	for _, name := range gateNames {
		// An undo that is left out needs one person and no gate: else every undo at
		// every site would need two in the middle of an outage.
		if !m.get(name).given() && name != "undo" {
			w.rules.Gates[name] = w.rules.Gates["commit"]
		}
	}
}

// maxCache is how long an answer of Slack's may count at most.
const maxCache = 24 * time.Hour

// maxExpiry is how long an approval may count at most.
const maxExpiry = 24 * time.Hour

func (w *names) gate(name string, n *node) policy.GateRule {
	n.shape = "policy.gates.*" // All gates have the same keys.
	m := n.fields("factors", "expires", "remind")
	g := policy.GateRule{Expires: m.get("expires").duration(30*time.Minute, time.Minute, maxExpiry)}
	if r := m.get("remind"); r.given() {
		g.Remind = []time.Duration{}
		for _, i := range r.items("write remind: [5m, 15m], or [] for no reminders") {
			g.Remind = append(g.Remind, i.duration(0, time.Minute, maxExpiry))
		}
		slices.Sort(g.Remind)
	}
	f := m.get("factors")
	hint := "write factors: [{count: 1, of: [LIST]}]"
	if !f.required(hint) {
		return g
	}
	before := len(n.d.errs)
	for _, i := range f.items(hint) {
		fm := i.fields("count", "of")
		c := policy.Factor{Of: w.people(fm.get("of"))}
		if v := fm.get("count"); v.required("write how many people of them") {
			c.Count = v.number(1, 1, 20)
		}
		g.Factors = append(g.Factors, c)
	}
	if len(n.d.errs) > before || f.kind() != "a list" {
		return g // What follows counts people, and would count wrong.
	}
	switch {
	case g.Needed() == 0:
		f.fail(hint, "the %s gate needs nobody's consent; at least one person must be asked", name)
	case name == "commit" && g.Needed() < 2:
		f.fail("raise a count, or add a factor", "commit needs at least two different people, but %d is asked for", g.Needed())
	default:
		w.possible(name, f, g)
	}
	return g
}

// possible reports a gate that no set of people can open: factors that need
// more people than they have between them (Hall's condition). Groups are not
// judged, as only Slack knows who is in them.
func (w *names) possible(name string, n *node, g policy.GateRule) {
	if len(g.Factors) > 10 {
		n.fail("ten factors will do", "%d factors", len(g.Factors))
		return
	}
	for set := 1; set < 1<<len(g.Factors); set++ {
		people, count, known := map[string]bool{}, 0, true
		var words []string
		for i, f := range g.Factors {
			if set&(1<<i) == 0 {
				continue
			}
			count += f.Count
			words = append(words, f.String())
			for _, of := range f.Of {
				switch list, isList := w.rules.Lists[of]; {
				case isList:
					for _, id := range list {
						people[id] = true
					}
				case w.is(of):
					people[of] = true
				default:
					known = false
				}
			}
		}
		if known && len(people) < count {
			n.fail("add people to the lists, or lower a count", "the %s gate can never open: %s needs %s, and there are %d",
				name, strings.Join(words, " and "), plural(count), len(people))
			return
		}
	}
}

func plural(n int) string {
	if n == 1 {
		return "1 person"
	}
	return fmt.Sprintf("%d different people", n)
}
