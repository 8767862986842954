package config

import (
	"fmt"
	"net"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"aurorabot/policy"
	"aurorabot/runner/aurora"
)

// config reads the whole file.
func (d *document) config(top *node, env func(string) string) *Config {
	m := top.fields("state_dir", "slack", "cli", "ssh", "clusters", "policy", "reports", "alerts", "ping", "retention", "drill", "helpers", "listen", "audit")
	d.env = env
	c := &Config{
		SSH: map[string]map[string]SSH{}, Recipes: map[string]string{}, Helpers: map[string]string{},
	}
	if dir := m.get("state_dir"); dir.required("write the folder that the bot keeps its journals in, such as state_dir: /var/lib/aurorabot") {
		c.StateDir = dir.file()
	}
	c.CLI = readCLI(m.get("cli"), c.StateDir)
	c.Slack = readSlack(m.get("slack"), env)
	d.clusters(m, c)
	names := make([]string, 0, len(c.Clusters))
	for _, k := range c.Clusters {
		names = append(names, k.Name)
	}
	if p := m.get("policy"); p.required("who may do what must be written down; without it nobody may do anything") {
		c.Policy = readPolicy(p, names, !m.get("slack").given() && c.Slack.BotToken == "" && c.Slack.AppToken == "")
	}
	c.Slack.Off = slices.Contains(c.Policy.Teams, policy.Local)
	c.Reports = readReports(m.get("reports"), names, c.Slack.Off)
	c.Alerts, c.Ping = readAlerts(m.get("alerts"), c.Slack.Off), m.get("ping").ping()
	c.Retention = m.get("retention").duration(30*24*time.Hour, time.Minute, 10*365*24*time.Hour)
	c.Drill = readDrill(m.get("drill"), names, c.Slack.Off)
	for _, h := range m.get("helpers").named("write lines such as arm64: /opt/aurorabot/aurorabot-arm64") {
		if !slices.Contains([]string{"amd64", "arm64"}, h.key) {
			h.fail("write amd64 or arm64", "there is no program of ours for %s", quoted(h.key))
			continue
		}
		c.Helpers[h.key] = h.file()
	}
	if l := m.get("listen"); l.given() {
		c.Listen = l.address("")
	}
	c.Audit = readAudit(m.get("audit"))
	return c
}

// readCLI reads where the command line finds the bot that serves.
func readCLI(n *node, stateDir string) CLI {
	m := n.fields("socket", "group")
	c := CLI{Socket: filepath.Join(stateDir, "aurorabot.sock")}
	socket := m.get("socket")
	if socket.given() {
		c.Socket = socket.file()
	}
	g := m.get("group")
	if !g.given() {
		return c
	}
	switch c.Group = g.scalar(); {
	case c.Group != "" && !accountName.MatchString(c.Group):
		g.fail("write the name of a group of this machine, or its number", "%s is none", quoted(c.Group))
	case !socket.given():
		g.fail("write socket: /run/aurorabot/aurorabot.sock beside it (RuntimeDirectory=aurorabot in the unit)", "only the bot's account can enter state_dir, where the socket is otherwise")
	case within(c.Socket, stateDir):
		socket.fail("write /run/aurorabot/aurorabot.sock (RuntimeDirectory=aurorabot in the unit)", "only the bot's account can enter state_dir")
	}
	return c
}

// within reports whether file lies in dir, however deep.
func within(file, dir string) bool {
	rel, err := filepath.Rel(dir, file)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, "../")
}

func readAudit(n *node) Audit {
	m := n.fields("copy_file", "syslog")
	var a Audit
	if f := m.get("copy_file"); f.given() {
		a.CopyFile = f.file()
	}
	if s := m.get("syslog"); s.given() {
		a.Syslog = s.text("")
		u, err := url.Parse(a.Syslog)
		if a.Syslog != "unix" && (err != nil || u.Scheme != "udp" && u.Scheme != "tcp" || u.Port() == "" || u.Hostname() == "" || u.Path != "" || u.User != nil) {
			s.fail("write unix, udp://host:514 or tcp://host:514", "%s is no address of a syslog", quoted(a.Syslog))
		}
	}
	return a
}

func readSlack(n *node, env func(string) string) Slack {
	m := n.fields("api_url", "bot_token_file", "app_token_file", "announce", "links", "direct_messages")
	s := Slack{
		APIURL: m.get("api_url").apiURL(),
		Links:  m.get("links").number(2, 1, 10), // Slack allows ten per app.

		DirectMessages: m.get("direct_messages").truth(false),
	}
	if ch := m.get("announce"); ch.given() {
		s.Announce = ch.id(channelID, "a channel's ID, such as C0123456789 (in the channel's details)")
	}
	s.BotToken, s.BotFrom = m.get("bot_token_file").token("SLACK_BOT_TOKEN", "xoxb-", env)
	s.AppToken, s.AppFrom = m.get("app_token_file").token("SLACK_APP_TOKEN", "xapp-", env)
	return s
}

func (n *node) apiURL() string {
	s := n.text("https://slack.com/api/")
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "http" && u.Scheme != "https":
		n.fail("write it as https://slack.com/api/", "%s is no address of a Web API", quoted(s))
	case u.Scheme == "http" && !loopback(u.Hostname()):
		n.fail("use https; http is for 127.0.0.1 only", "http would send the tokens in clear")
	}
	if !strings.HasSuffix(s, "/") {
		s += "/"
	}
	return s
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// token returns a token from the environment, else from the file that n names, and
// which of them it was.
func (n *node) token(variable, prefix string, env func(string) string) (token, from string) {
	check := func(token string) string {
		switch {
		case !strings.HasPrefix(token, prefix):
			n.fail("Slack's page of the app lists it; the bot's begins with xoxb-, the app-level one with xapp-", "what it gives does not begin with %s", prefix)
		case strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }):
			n.fail("it is one line without blanks", "what it gives is no token")
		default:
			return token
		}
		return ""
	}
	if t := env(variable); t != "" {
		n.path = "$" + variable // What is wrong with it is not the file's.
		return check(strings.TrimSpace(t)), "$" + variable
	}
	if !n.given() {
		return "", ""
	}
	file := n.file()
	if file == "" {
		return "", ""
	}
	st, err := os.Stat(file)
	switch {
	case err != nil:
		n.fail("write the token into it with mode 0600, or set "+variable, "%s: %v", file, bare(err))
	case !st.Mode().IsRegular() || st.Size() > 4096:
		n.fail("name a file that holds the token and nothing else", "%s is no file with one token", file)
	case st.Mode().Perm()&0o077 != 0:
		n.fail("chmod 0600 "+file, "%s can be read by others than its owner (mode %04o)", file, st.Mode().Perm())
	default:
		text, err := os.ReadFile(file)
		if err != nil {
			n.fail("it must belong to the bot's account", "%s: %v", file, bare(err))
			return "", ""
		}
		return check(strings.TrimSpace(string(text))), file
	}
	return "", ""
}

// file returns a path on the bot, absolute, or "".
func (n *node) file() string {
	s := n.text("")
	switch {
	case s == "":
		return ""
	case strings.HasPrefix(s, "~"):
		n.fail("write the whole path", "~ is not expanded")
		return ""
	case looksSecret.MatchString(s):
		n.fail("write the name of a file that holds it", "it looks like a secret, not like a path")
		return ""
	case !filepath.IsAbs(s):
		s = filepath.Join(n.d.dir, s)
	}
	return filepath.Clean(s)
}

// files returns a list of them.
func (n *node) files(hint string) []string {
	var out []string
	for _, i := range n.some(hint) {
		if f := i.file(); f != "" {
			out = append(out, f)
		}
	}
	return out
}

// remote returns a path on a host: absolute, without "..".
func (n *node) remote(def string) string {
	s := n.text(def)
	if s != def && (!path.IsAbs(s) || path.Clean(s) != s) {
		if strings.HasPrefix(s, "~") {
			n.fail("write the whole path", "~ is not expanded")
		} else {
			n.fail("write it from / on, without . and .. and a slash at its end", "%s is no whole path on the host", quoted(s))
		}
		return def
	}
	return s
}

// program returns a program on a host: a whole path, or a name that PATH finds.
func (n *node) program(def string) string {
	if s := n.text(def); strings.Contains(s, "/") || strings.HasPrefix(s, "~") {
		return n.remote(def)
	} else if !plainWord.MatchString(s) {
		n.fail("write a whole path, or one name", "%s is no program", quoted(s))
		return def
	} else {
		return s
	}
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.+-]*$`)
	// accountName is what useradd(8) takes, or a number.
	accountName = regexp.MustCompile(`^[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$`)
	hostName    = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$`)
	channelID   = regexp.MustCompile(`^[CGD][A-Z0-9]+$`)
	userID      = regexp.MustCompile(`^[UW][A-Z0-9]+$`)
	teamID      = regexp.MustCompile(`^[TE][A-Z0-9]+$`)
	// localName is a person at a site without Slack. Slack's IDs have capitals, so that
	// none is taken for a name.
	localName = regexp.MustCompile(`^[a-z][a-z0-9._-]{0,63}$`)
	groupID   = regexp.MustCompile(`^S[A-Z0-9]+$`)
)

// id returns a value of a form; what says which, for the hint.
func (n *node) id(form *regexp.Regexp, what string) string {
	s := n.text("")
	if s != "" && !form.MatchString(s) {
		n.fail("write "+what, "%s is none", quoted(s))
		return ""
	}
	return s
}

// address returns "host:port". port is what is added where there is none; ""
// means that it must be there.
func (n *node) address(port string) string {
	s := n.text("")
	if s == "" {
		return ""
	}
	form := "write it as 192.0.2.1:8081 or s1.example.com:8081, IPv6 as [2001:db8::1]:8081"
	if port != "" && (!strings.Contains(s, ":") || strings.HasSuffix(s, "]") || net.ParseIP(s) != nil) {
		s = net.JoinHostPort(strings.Trim(s, "[]"), port)
	}
	host, p, err := net.SplitHostPort(s)
	if err != nil || net.ParseIP(host) == nil && !hostName.MatchString(host) {
		n.fail(form, "%s is no host and port", quoted(s))
		return ""
	}
	if v, err := strconv.ParseUint(p, 10, 16); err != nil || port != "" && v == 0 {
		n.fail(form, "%s is no port", quoted(p))
		return ""
	}
	return s
}

// master checks an address that no Mesos master has. It must not need a name
// server: one that is down, or that answers for every name, would change what
// a scheduler does with it.
func (n *node) master() string {
	def := "zk://127.0.0.1:2/nonexistent/mesos"
	s := n.text(def)
	u, err := url.Parse(s)
	hint := "write it as " + def + ": an address of which every host refuses connections"
	switch {
	case err != nil || u.Scheme != "zk" || u.User != nil || u.RawQuery != "" || u.Fragment != "":
		n.fail(hint, "%s is no ZooKeeper address", quoted(s))
	case net.ParseIP(u.Hostname()) == nil:
		n.fail(hint, "%s needs a name server; one IP address is wanted", quoted(u.Host))
	case u.Port() == "" || u.Port() == "0":
		n.fail(hint, "%s has no port", quoted(u.Host))
	case len(u.Path) < 2:
		n.fail(hint, "%s has no path", quoted(s))
	default:
		return s
	}
	return def
}

// amount returns a duration as Aurora's flags write it. Both forms are read.
func (n *node) amount(def string, least int64) string {
	s := n.text(def)
	v, err := aurora.ParseAmount(s)
	if err != nil {
		v, err = time.ParseDuration(s)
	}
	hint := "write it as 360mins, 6hrs or 6h"
	switch secs := int64(v.Seconds()); {
	case err != nil:
		n.fail(hint, "%s is no duration", quoted(s))
	case secs < least:
		n.fail(hint, "%s is too short: at least %d minutes are needed", s, least/60)
	case v.Seconds() != float64(secs):
		n.fail(hint, "%s is no whole number of seconds", s)
	case secs%60 == 0:
		return fmt.Sprintf("%dmins", secs/60)
	default:
		return fmt.Sprintf("%dsecs", secs)
	}
	return def
}
