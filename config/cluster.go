package config

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"aurorabot/runner/aurora"
	"aurorabot/runner/flagfile"
	"aurorabot/runner/supervise"
)

// nameForm is what clusters and schedulers are called: people type it in chat,
// and files are named by it.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$`)

// unitForm is a systemd unit without its suffix.
var unitForm = regexp.MustCompile(`^[A-Za-z0-9:_][A-Za-z0-9:_.@-]*$`)

// accountForm is an account of a host.
var accountForm = regexp.MustCompile(`^[a-z_][a-z0-9_.-]{0,31}$`)

// clusters reads all of them, and what must not be the same in two.
func (d *document) clusters(top *mapping, c *Config) {
	defaults := top.get("ssh").sshFields()
	n := top.get("clusters")
	if !n.required("write at least one cluster, by its name") {
		return
	}
	fields := n.named("write a cluster's name, and its settings below it")
	if len(fields) == 0 && n.kind() == "a mapping" {
		n.fail("write at least one cluster, by its name", "is empty")
	}
	seen := map[string]string{} // Who has an SSH address, or a folder of copies.
	for _, f := range fields {
		if !nameForm.MatchString(f.key) {
			f.fail("use letters, digits, dot, dash and underscore", "%s is no name for a cluster", quoted(f.key))
			continue
		}
		k, hosts, recipe := f.cluster(f.key, defaults, seen)
		if k == nil {
			continue
		}
		c.Clusters = append(c.Clusters, k)
		c.SSH[k.Name], c.Recipes[k.Name] = hosts, recipe
	}
	slices.SortFunc(c.Clusters, func(a, b *aurora.Cluster) int { return cmp.Compare(a.Name, b.Name) })
}

func (n *node) cluster(name string, defaults *mapping, seen map[string]string) (*aurora.Cluster, map[string]SSH, string) {
	if n.kind() == "nothing" {
		n.fail("write at least version and schedulers below it", "the cluster is empty")
		return nil, nil, ""
	}
	m := n.fields("version", "schedulers", "aurora_name", "recipe", "ssh", "supervisor", "configuration", "firewall", "admin",
		"api", "aurora_admin", "mesos_log", "recovery_tool", "user", "group", "fake_master", "registration_wait", "zookeeper", "zookeeper_session",
		"proof_wait", "log_files", "max_backup_age", "max_clock_skew", "firewall_lease", "backup_copies", "keep_backups", "mesos_tasks")
	if n.kind() != "a mapping" {
		return nil, nil, ""
	}
	k := &aurora.Cluster{Name: name}
	k.AdminName = m.get("aurora_name").text(name)
	recipe := ""
	k.Version, recipe = m.version()
	k.Firewall = m.get("firewall").choice("nft", "iptables", "none")
	k.Admin = m.get("admin").choice("aurora_admin", "api")
	k.API = m.get("api").access()
	k.AdminPath = m.get("aurora_admin").program("aurora_admin")
	k.MesosLogPath = m.get("mesos_log").program("mesos-log")
	readRecoveryTool(m.get("recovery_tool"), k, recipe)
	k.User = m.get("user").account("aurora")
	k.Group = m.get("group").account(k.User)
	k.FakeMaster = m.get("fake_master").master()
	// A gate ends half an hour before the disabled leader gives up.
	k.RegistrationWait = m.get("registration_wait").amount("360mins", 3600)
	k.ZooKeeper = m.get("zookeeper").choice("bot", "host", "none")
	k.SessionLimit = m.get("zookeeper_session").duration(15*time.Second, time.Second, 10*time.Minute)
	k.ProofWait = m.get("proof_wait").duration(3*time.Minute, 5*time.Second, time.Hour)
	for _, f := range m.get("log_files").some("name the files, or leave the key out where systemd's journal has the log") {
		if s := f.remote(""); s != "" {
			k.LogFiles = append(k.LogFiles, s)
		}
	}
	k.MaxBackupAge = m.get("max_backup_age").duration(26*time.Hour, time.Minute, 365*24*time.Hour)
	k.MaxClockSkew = m.get("max_clock_skew").duration(30*time.Second, time.Second, time.Hour)
	k.FirewallLease = m.get("firewall_lease").duration(12*time.Hour, 30*time.Minute, 7*24*time.Hour)
	readCopies(m, k, seen)
	k.MesosTasks = m.get("mesos_tasks").truth(true)
	readSupervisor(m.get("supervisor"), k)
	conf := m.get("configuration").fields("kind", "path")
	k.Configuration = conf.get("kind").choice(flagfile.Kinds...)
	file := conf.get("path").remote("/etc/default/aurora-scheduler")
	own := m.get("ssh")
	own.shape = "ssh" // The same keys as in the common one.
	login := own.sshFields().over(defaults)
	hosts := m.get("schedulers").schedulers(k, file, login, seen)
	return k, hosts, recipe
}

// version reads the version, and the recipe that it must have.
func (m *mapping) version() (aurora.Version, string) {
	n := m.get("version")
	r := m.get("recipe")
	if !n.required("write the release of Aurora that runs there, such as version: 0.22.0") {
		return aurora.Version{}, r.text("")
	}
	s := n.scalar()
	if s == "" {
		return aurora.Version{}, ""
	}
	v, err := aurora.ParseVersion(s)
	var p aurora.Profile
	if err == nil {
		p, err = aurora.ProfileOf(v)
	}
	if err != nil {
		n.fail("write the release of Aurora that runs there, such as 0.22.0", "%v", err)
		return v, ""
	}
	recipe := r.text(p.Recipes[0])
	if !slices.Contains(p.Recipes, recipe) {
		r.fail("write one of "+strings.Join(p.Recipes, ", "), "Aurora %s has no recipe %s", v, quoted(recipe))
	}
	return v, recipe
}

// access reads what the schedulers' HTTP servers want of who asks. The files are read
// when the bot starts.
func (n *node) access() (a aurora.Access) {
	m := n.fields("user", "password_file", "ca_file", "server_name")
	if u := m.get("user"); u.given() {
		if a.User = u.text(""); strings.ContainsAny(a.User, ":\n") {
			u.fail("write the user's name in shiro.ini", "a user has no colon")
		}
		if p := m.get("password_file"); p.required("name the file that holds the user's password and nothing else, mode 0600") {
			a.PasswordFile = p.file()
		}
	} else if p := m.get("password_file"); p.given() {
		p.fail("write user: too", "a password is of a user")
	}
	if ca := m.get("ca_file"); ca.given() {
		a.CAFile = ca.file()
	}
	a.ServerName = m.get("server_name").text("")
	return a
}

// readRecoveryTool: without the key only a cluster whose recipe needs it has the tool.
func readRecoveryTool(n *node, k *aurora.Cluster, recipe string) {
	switch {
	case n.given() && k.Version != (aurora.Version{}) && !k.Version.At(0, 21):
		n.fail("leave it out: the recipe offline is documented from 0.21 on", "Aurora %s has no recipe offline", k.Version)
	case n.given() || recipe == "offline":
		k.RecoveryTool = n.program("recovery-tool")
	}
}

func (n *node) account(def string) string {
	s := n.text(def)
	if !accountForm.MatchString(s) {
		n.fail("write an account of the hosts, such as aurora", "%s is no account", quoted(s))
		return def
	}
	return s
}

func readSupervisor(n *node, k *aurora.Cluster) {
	commands := []string{"stop", "start", "disable", "enable", "is_running", "is_enabled"}
	m := n.fields(append([]string{"kind", "unit"}, commands...)...)
	k.Supervisor = m.get("kind").choice(append([]string{"systemd", "commands"}, supervise.Kinds()...)...)
	if k.Supervisor != "commands" {
		k.Unit = "aurora-scheduler"
		if u := m.get("unit"); u.given() {
			k.Unit = u.text(k.Unit)
			switch {
			case k.Supervisor != "systemd":
				k.Unit = u.id(nameForm, "the name of "+k.Supervisor+"'s service, program or container, such as aurora-scheduler")
			case strings.HasSuffix(k.Unit, ".service") || !unitForm.MatchString(k.Unit):
				u.fail("write it without .service, such as aurora-scheduler", "%s is no unit's name", quoted(k.Unit))
			}
		}
		for _, c := range commands {
			if v := m.get(c); v.given() {
				v.fail("leave it out, or write kind: commands", "belongs to kind commands, not to %s", k.Supervisor)
			}
		}
		return
	}
	if u := m.get("unit"); u.given() {
		u.fail("leave it out, or write kind: systemd or another one that has units", "belongs to kind systemd, not to commands")
	}
	into := map[string]*[]string{
		"stop": &k.Commands.Stop, "start": &k.Commands.Start, "disable": &k.Commands.Disable, "enable": &k.Commands.Enable,
		"is_running": &k.Commands.IsRunning, "is_enabled": &k.Commands.IsEnabled,
	}
	for _, c := range commands {
		hint := fmt.Sprintf("write a list of arguments, such as %s: [monit, %s, aurora-scheduler]; no shell reads it", c, c)
		if v := m.get(c); v.required(hint) {
			*into[c] = v.texts(hint)
		}
	}
}

// schedulers reads the hosts of a cluster into k, and how each is reached.
func (n *node) schedulers(k *aurora.Cluster, file string, login *mapping, seen map[string]string) map[string]SSH {
	hint := "write a list of hosts, each with name and address"
	if !n.required(hint) {
		return nil
	}
	hosts := map[string]SSH{}
	common := login.ssh()
	items := n.items(hint)
	for _, i := range items {
		m := i.fields("name", "address", "hostname", "http", "https", "config_file", "run_dir", "runtime_dir")
		s := aurora.Scheduler{
			HTTP:       "127.0.0.1:8081",
			ConfigFile: m.get("config_file").remote(file),
			RunDir:     m.get("run_dir").remote("/var/lib/aurorabot"),
			RuntimeDir: m.get("runtime_dir").remote(cmp.Or(supervise.Dir(k.Supervisor), "/run/systemd/system")),
		}
		if v := m.get("name"); v.required("write what people call the host") {
			s.Name = v.id(nameForm, "letters, digits, dot, dash and underscore")
		}
		s.Hostname = s.Name
		if v := m.get("hostname"); v.given() {
			s.Hostname = v.id(hostName, "what -hostname gives, which ZooKeeper's nodes show")
		}
		if v := m.get("http"); v.given() {
			s.HTTP = v.address("")
		}
		if v := m.get("https"); v.given() {
			s.HTTPS = v.address("")
		}
		login := common.SSH
		if v := m.get("address"); v.required("write where its SSH server listens, such as 192.0.2.1:22") {
			login = common.to(v)
			who := k.Name + "/" + s.Name
			if was := seen[login.Address]; was != "" && login.Address != "" {
				v.fail("one host is one scheduler of one cluster", "%s is the address of %s already", login.Address, was)
			}
			seen[login.Address] = who
		}
		if s.Name != "" && k.Scheduler(s.Name) != nil {
			m.get("name").fail("give each scheduler a name of its own", "%s is there twice", quoted(s.Name))
		} else if s.Hostname != "" && k.ByHostname(s.Hostname) != nil {
			m.get("hostname").fail("write what each host's -hostname gives", "%s is the hostname of %s already", quoted(s.Hostname), k.ByHostname(s.Hostname).Name)
		}
		k.Schedulers = append(k.Schedulers, s)
		hosts[s.Name] = login
	}
	if c := len(items); n.kind() == "a list" && c%2 == 0 {
		n.fail("name every scheduler of the cluster: 1, 3 or 5 of them, as -native_log_quorum_size is half of them, rounded down, plus 1",
			"%d schedulers: the log's quorum needs an odd number", c)
	}
	return hosts
}

// over returns m with the values of below where m has none.
func (m *mapping) over(below *mapping) *mapping {
	both := &mapping{m.node, maps.Clone(below.values)}
	maps.Copy(both.values, m.values)
	if !m.given() {
		both.node = below.node
	}
	return both
}

// readCopies reads where copies of backups lie, and how many the bot keeps
// there. Its retention goes by the folder: two clusters would take each other's
// copies away, and names of backups are no more than minutes.
func readCopies(m *mapping, k *aurora.Cluster, seen map[string]string) {
	b, n := m.get("backup_copies"), m.get("keep_backups")
	if b.given() {
		k.BackupCopies = b.file()
	}
	if n.given() {
		f := n.fields("count", "for")
		k.KeepCopies, k.KeepFor = f.get("count").number(48, 1, 10000), f.get("for").duration(14*24*time.Hour, time.Hour, 3650*24*time.Hour)
		if k.BackupCopies == "" {
			n.fail("write backup_copies: and a folder beside it", "copies are to be kept, but there is no folder for them")
		}
	}
	if k.BackupCopies == "" {
		return
	}
	used, kept := "copies in "+k.BackupCopies, "kept in "+k.BackupCopies
	if other := cmp.Or(seen[kept], seen[used]); other != "" && (n.given() || seen[kept] != "") {
		b.fail("give every cluster a folder of its own", "cluster %s has the same folder, and copies are kept in it", other)
	}
	seen[used] = k.Name
	if n.given() {
		seen[kept] = k.Name
	}
}
