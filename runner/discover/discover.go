// Package discover asks a host of which nothing is known yet for what a
// configuration of its cluster needs.
package discover

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
	"aurorabot/runner/aurora"
	"aurorabot/runner/node"
	"aurorabot/runner/probe"
	"aurorabot/runner/zk"
)

// A Discovery is what the host of one running scheduler tells of its cluster,
// for whoever writes a configuration. Its JSON form is a promise to scripts.
type Discovery struct {
	Cluster     string            `json:"cluster"` // -cluster_name.
	Version     string            `json:"version"` // Of the build, as /vars has it.
	Hostname    string            `json:"hostname"`
	HTTP        string            `json:"http"`
	User        string            `json:"user"`
	Unit        string            `json:"unit"`        // systemd's, without .service.
	ConfigFile  string            `json:"config_file"` // Where the process's flags are written, or the first that is there of those that packages use.
	Firewall    string            `json:"firewall"`    // nft, iptables or none.
	AuroraAdmin string            `json:"aurora_admin"`
	MesosLog    string            `json:"mesos_log"`
	Flags       map[string]string `json:"flags"`    // Of those that decide; see docs of the configuration.
	Peers       []string          `json:"peers"`    // Host names of all candidates in ZooKeeper, this one's too.
	Replicas    []string          `json:"replicas"` // Addresses of the log's group.
	Unknown     []string          `json:"unknown"`  // What could not be found out, and why.
}

// configFiles are where the packages of Aurora keep the flags.
var configFiles = []string{"/etc/default/aurora-scheduler", "/etc/sysconfig/aurora-scheduler", "/etc/sysconfig/aurora"}

// A Stranger is a host of which nothing is known yet but how to log in.
type Stranger struct {
	Host      runner.Host
	Dir       string // A folder that the login account can make, for the helper.
	Helper    node.Helper
	ZooKeeper func(endpoints string, dial zk.Dialer) (node.ZooKeeper, error)
}

// Discover looks as the login account, without sudo, which a host that is not
// set up yet would refuse, and changes nothing: the helper is taken away again.
// An error means that no scheduler was found to ask.
func (s Stranger) Discover(ctx context.Context) (*Discovery, error) {
	name := s.Host.Name()
	facts, err := s.facts(ctx, probe.Request{Processes: true, Paths: configFiles})
	if err != nil {
		return nil, fmt.Errorf("discover %s: %w", name, err)
	}
	if len(facts.Processes) != 1 {
		return nil, fmt.Errorf("discover %s: %d processes have a scheduler's flags; it takes exactly one that runs: start it, or ask another host", name, len(facts.Processes))
	}
	p := facts.Processes[0]
	all, err := aurora.ParseFlags(p.Argv)
	if err != nil {
		return nil, fmt.Errorf("discover %s: arguments of process %d: %w", name, p.PID, err)
	}
	d := &Discovery{Cluster: all["cluster_name"], Hostname: all["hostname"], Flags: map[string]string{}, Peers: []string{}, Replicas: []string{}, Unknown: []string{}}
	for _, f := range node.ShownFlags {
		if value, ok := all[f]; ok {
			d.Flags[f] = value
		}
	}
	if d.Hostname == "" {
		d.Hostname = name
	}
	d.HTTP = net.JoinHostPort("127.0.0.1", all["http_port"])
	if ip := net.ParseIP(all["ip"]); ip != nil {
		d.HTTP = net.JoinHostPort(all["ip"], all["http_port"])
	}
	s.onHost(ctx, p, d)
	s.configFile(ctx, facts, all, d)
	s.version(ctx, d)
	s.peers(ctx, d)
	return d, nil
}

// facts has the helper answer once.
func (s Stranger) facts(ctx context.Context, req probe.Request) (*probe.Facts, error) {
	machine, err := s.run(ctx, "uname", "-m")
	if err != nil {
		return nil, err
	}
	tool, err := s.Helper.For(machine)
	if err != nil {
		return nil, err
	}
	if _, err := s.run(ctx, "mkdir", "-p", "-m", "0700", "--", s.Dir); err != nil {
		return nil, err
	}
	tool.Path = path.Join(s.Dir, "discover-"+tool.SHA256[:12])
	if err := s.Helper.Put(ctx, s.Host, tool, "", 0o700); err != nil {
		return nil, err
	}
	defer func() {
		// That it stays is no harm: it is the account's own, and the next look writes it anew.
		_, _ = s.run(context.WithoutCancel(ctx), "rm", "-f", "--", tool.Path)
	}()
	facts, err := node.Facts(ctx, s.Host, runner.Command{Argv: []string{tool.Path, "host", "facts"}}, req)
	return &facts, err
}

// run runs a command as the login account and returns what it printed.
func (s Stranger) run(ctx context.Context, argv ...string) (string, error) {
	out, err := s.Host.Run(ctx, runner.Command{Argv: argv, Limit: 20 * time.Second})
	return strings.TrimSpace(string(out.Stdout)), node.Well(argv[0], out, err)
}

func (d *Discovery) unknown(what string, err error) {
	d.Unknown = append(d.Unknown, fmt.Sprintf("%s: %v", what, err))
}

// ofUnit finds the service in a process's control group.
var ofUnit = regexp.MustCompile(`/([^/\n]+)\.service`)

// onHost asks for the process's account and unit, and for the tools.
func (s Stranger) onHost(ctx context.Context, p probe.Process, d *Discovery) {
	var err error
	if d.User, err = s.run(ctx, "id", "-nu", strconv.Itoa(p.UID)); err != nil {
		d.unknown("the scheduler's account", err)
	}
	cgroup := path.Join("/proc", strconv.Itoa(p.PID), "cgroup")
	if text, err := s.run(ctx, "cat", cgroup); err != nil {
		d.unknown("the unit", err)
	} else if m := ofUnit.FindStringSubmatch(text); m == nil {
		d.unknown("the unit", fmt.Errorf("%s names no service of systemd", cgroup))
	} else {
		d.Unit = m[1]
	}
	// Where an account's own PATH lacks what only root calls.
	find := func(program string) string {
		out, err := s.Host.Run(ctx, runner.Command{Argv: []string{"sh", "-c", `PATH="$PATH:/usr/local/sbin:/usr/sbin:/sbin"; command -v "$1"`, "sh", program}})
		if err != nil {
			d.unknown(program, err)
			return ""
		}
		return strings.TrimSpace(string(out.Stdout))
	}
	d.AuroraAdmin, d.MesosLog = find("aurora_admin"), find("mesos-log")
	d.Firewall = "none"
	for _, f := range []string{"iptables", "nft"} {
		if find(f) != "" {
			d.Firewall = f
		}
	}
}

// version asks the scheduler for its release.
func (s Stranger) version(ctx context.Context, d *Discovery) {
	vars, err := (&aurora.Client{Address: d.HTTP, Dial: s.Host.Dial, Limit: 10 * time.Second}).Vars(ctx)
	if err != nil {
		d.unknown("the release of Aurora", err)
		return
	}
	if d.Version = vars["build.version"]; d.Version == "" {
		d.unknown("the release of Aurora", errors.New("/vars has no build.version"))
	}
}

// peers asks ZooKeeper, through the host, for the other schedulers.
func (s Stranger) peers(ctx context.Context, d *Discovery) {
	z, err := s.ZooKeeper(d.Flags["zk_endpoints"], func(_, address string, limit time.Duration) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, limit)
		defer cancel()
		return s.Host.Dial(ctx, address)
	})
	if err == nil {
		candidates, cerr := z.Candidates(ctx, d.Flags["serverset_path"])
		for _, c := range candidates {
			d.Peers = append(d.Peers, c.Host)
		}
		replicas, rerr := z.LogReplicas(ctx, d.Flags["native_log_zk_group_path"])
		for _, p := range replicas {
			d.Replicas = append(d.Replicas, p.Address.String())
		}
		err = errors.Join(cerr, rerr)
	}
	if err != nil {
		d.unknown("the other schedulers, from ZooKeeper at "+d.Flags["zk_endpoints"], err)
	}
	slices.Sort(d.Peers)
	slices.Sort(d.Replicas)
	d.Peers = slices.Compact(d.Peers)
}
