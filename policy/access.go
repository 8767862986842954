package policy

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Rules are what the operator wrote down: who may ask for what, and whose
// consent a gate needs. They do not change while the bot runs.
type Rules struct {
	Teams  []string            `json:"teams"`  // Slack workspaces whose people are ours.
	Lists  map[string][]string `json:"lists"`  // Named lists of user IDs.
	Groups map[string]string   `json:"groups"` // Name of a group -> ID of Slack's user group.
	Access []Rule              `json:"access"` // In order; a matching deny wins over every allow.
	Gates  map[string]GateRule `json:"gates"`  // By gate: "start", "assess", "commit"; "undo" only where it is written down.

	// RequesterMayApprove lets the requester's consent count, as one, and
	// never lowers the number of people needed.
	RequesterMayApprove bool `json:"requester_may_approve"`

	// OSUsers maps the operating system's users to Slack users ("TEAM/USER"):
	// from the command line nobody else approves.
	OSUsers map[string]string `json:"os_users"`

	// IdentityCache is how old an answer of Slack's may be by which somebody decides from
	// the terminal while Slack can't be reached. Zero: not at all.
	IdentityCache time.Duration `json:"identity_cache,omitempty"`
}

// A Rule allows or denies.
type Rule struct {
	Name     string   `json:"name"`
	Who      []string `json:"who"`      // Names of lists or groups, or user IDs; "*" is everybody of our teams.
	Channels []string `json:"channels"` // Channel IDs; "*" everywhere; "cli" is the command line, "dm" direct messages.
	Clusters []string `json:"clusters"` // Names; "*" is every cluster.
	May      []string `json:"may"`      // Permissions; see [Permission].
	Deny     bool     `json:"deny"`
}

// A Permission is what a command needs. "admin" contains "operate" and
// "approve", each of which contains "read".
type Permission string

// The permissions.
const (
	Read    Permission = "read"    // Look: status, backups, assess, report, plan.
	Approve Permission = "approve" // Approve and deny at gates.
	Operate Permission = "operate" // Begin, resume, abort, undo a recovery; drop tasks.
	Admin   Permission = "admin"
)

func (p Permission) contains(q Permission) bool {
	return p == q || p == Admin || q == Read
}

// A Refusal is a "no" with its reason, in words for the person who asked.
type Refusal struct {
	Rule string // Which rule refused, for the audit: "access", "gate", "identity", …
	Why  string
}

// CannotTell is the rule of a refusal that may be none once Slack answers: it
// depends on a user group that could not be asked for.
const CannotTell = "group-unknown"

func (r *Refusal) Error() string { return r.Why }

func refuse(rule, format string, args ...any) *Refusal {
	return &Refusal{Rule: rule, Why: fmt.Sprintf(format, args...)}
}

// Identity refuses whoever is no full member of one of our teams: bots, guests,
// people of other workspaces, deactivated ones.
func (r Rules) Identity(a Actor) error {
	switch {
	case a.UserID == "" || a.TeamID == "":
		return refuse("identity", "it is not known who asks")
	case a.Bot:
		return refuse("identity", "only people decide, and %s is a bot", a.Key())
	case a.Deactivated:
		return refuse("identity", "the account of %s is deactivated", a.Key())
	case a.Guest:
		return refuse("identity", "guests cannot ask for this nor approve it, and %s is a guest", a.Key())
	case a.Foreign || !slices.Contains(r.Teams, a.TeamID):
		return refuse("identity", "people of another workspace cannot ask for this nor approve it: %s is of workspace %s", a.Key(), a.TeamID)
	}
	return nil
}

// Allow reports whether a may do what needs p, on cluster ("" if it concerns
// none), from channel. A deny that matches wins.
func (r Rules) Allow(a Actor, p Permission, cluster, channel string) error {
	_, err := r.Decide(a, p, cluster, channel)
	return err
}

// Decide is Allow, and names the first rule that allows.
func (r Rules) Decide(a Actor, p Permission, cluster, channel string) (rule string, err error) {
	if err := r.Identity(a); err != nil {
		return "", err
	}
	var elsewhere []string              // Channels where it would be allowed.
	var by []string                     // Names of the rules that allow.
	var mayAllow, mayDeny, unsure error // Of the first rule that would, by a group that cannot be told.
	for _, rule := range r.Access {
		doubt := r.doubt(a, rule.Who)
		if !r.is(a, rule.Who) && doubt == "" || !matches(rule.Clusters, cluster) || !rule.may(p) {
			continue
		}
		here := matches(rule.Channels, channel)
		if doubt != "" {
			unsure = refuse(CannotTell, "%s. Rule %q depends on it", doubt, rule.Name)
		}
		switch {
		case !here && !rule.Deny && doubt == "":
			elsewhere = append(elsewhere, rule.Channels...)
		case !here:
		case doubt != "" && rule.Deny:
			mayDeny = cmp.Or(mayDeny, unsure)
		case doubt != "" && a.Lenient:
			by = append(by, rule.Name)
		case doubt != "":
			mayAllow = cmp.Or(mayAllow, unsure)
		case rule.Deny:
			return "", refuse("access", "policy denies %s on %s (rule %q)", p, orAny(cluster), rule.Name)
		default:
			by = append(by, rule.Name)
		}
	}
	switch {
	case mayDeny != nil && (len(by) > 0 || mayAllow != nil):
		return "", mayDeny
	case len(by) == 0 && mayAllow != nil:
		return "", mayAllow
	case len(by) > 0:
		return by[0], nil
	case len(elsewhere) > 0:
		return "", refuse("channel", "not from this channel: %s on %s is allowed in %s only", p, orAny(cluster), r.channels(elsewhere))
	}
	return "", refuse("access", "%s on %s is allowed to %s only", p, orAny(cluster), r.allowed(p, cluster))
}

// allowed says to whom policy allows what needs p, and where.
func (r Rules) allowed(p Permission, cluster string) string {
	var words []string
	for _, rule := range r.Access {
		if rule.Deny || !matches(rule.Clusters, cluster) || !rule.may(p) {
			continue
		}
		who := "everybody of the workspace"
		if !slices.Contains(rule.Who, "*") {
			who = strings.Join(rule.Who, ", ")
		}
		if w := who + " (" + r.channels(rule.Channels) + ")"; !slices.Contains(words, w) {
			words = append(words, w)
		}
	}
	if len(words) == 0 {
		return "nobody"
	}
	return strings.Join(words, "; ")
}

// channels names channels as policy does; a surface shows "TEAM/CHANNEL" by its name.
func (r Rules) channels(list []string) string {
	var words []string
	for _, c := range list {
		switch {
		case c == "*":
			c = "every channel"
		case c == "cli":
			c = "the command line"
		case c == "dm":
			c = "direct messages"
		case len(r.Teams) > 0:
			c = r.Teams[0] + "/" + c
		}
		if !slices.Contains(words, c) {
			words = append(words, c)
		}
	}
	return strings.Join(words, ", ")
}

func orAny(cluster string) string {
	if cluster == "" {
		return "the bot"
	}
	return cluster
}

func (rule Rule) may(p Permission) bool {
	return slices.ContainsFunc(rule.May, func(m string) bool {
		if rule.Deny {
			return Permission(m) == p || m == "*"
		}
		return Permission(m).contains(p)
	})
}

func matches(list []string, v string) bool {
	return v == "" || slices.Contains(list, v) || slices.Contains(list, "*")
}

// is reports whether a is meant by one of the names.
func (r Rules) is(a Actor, names []string) bool {
	return slices.ContainsFunc(names, func(n string) bool {
		if n == "*" || n == a.UserID {
			return true
		}
		if slices.Contains(r.Lists[n], a.UserID) {
			return true
		}
		id := r.Groups[n]
		return id != "" && slices.Contains(a.Groups, id)
	})
}

// doubt says of which group among the names it cannot be told whether a is in it,
// and why. "": of none, or a is meant by another name.
func (r Rules) doubt(a Actor, names []string) string {
	if r.is(a, names) {
		return ""
	}
	for _, n := range names {
		id := r.Groups[n]
		if why, unknown := a.Unknown[id]; unknown && id != "" {
			return fmt.Sprintf("whether %s is in the user group %s (%s) can't be told: %s", a.UserID, n, id, why)
		}
	}
	return ""
}

// OSAccount returns the identity of an account of the operating system: by its uid,
// or by its name, "" if it has none. A name of digits could be another one's uid,
// and counts for nothing.
func (r Rules) OSAccount(uid int, name string) (team, user string, err error) {
	if uid == 0 {
		return "", "", refuse("identity", "root is nobody: it could be any of this machine's accounts. Use an account of your own that policy.os_users names")
	}
	key := strconv.Itoa(uid)
	if _, ok := r.OSUsers[key]; ok {
		return r.OSUser(key)
	}
	if _, err := strconv.Atoi(name); err == nil || name == "" {
		return "", "", refuse("identity", "uid %d of this machine is mapped to nobody in Slack: policy.os_users takes uids and names", uid)
	}
	return r.OSUser(name)
}

// OSUser returns the identity of a user of the operating system, by a key of os_users.
func (r Rules) OSUser(name string) (team, user string, err error) {
	key, ok := r.OSUsers[name]
	if !ok {
		return "", "", refuse("identity", "the operating system's user %q is mapped to nobody in Slack: policy.os_users", name)
	}
	team, user, ok = strings.Cut(key, "/")
	if !ok {
		return "", "", refuse("identity", "policy.os_users.%s is %q, not TEAM/USER", name, key)
	}
	return team, user, nil
}
