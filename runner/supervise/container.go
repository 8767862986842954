package supervise

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"aurorabot/runner"
)

// container drives a container by docker or podman. Off sets its restart policy
// to "no", and On gives the policy back.
type container struct {
	Site
	program string
}

func (c *container) OffShows() []string {
	return []string{c.program + " update --restart=no " + c.Unit}
}
func (c *container) StopShows() []string  { return []string{c.program + " stop -t 60 " + c.Unit} }
func (c *container) StartShows() []string { return []string{c.program + " start " + c.Unit} }

// inspectFormat asks for two JSON values.
const inspectFormat = "{{json .State}} {{json .HostConfig.RestartPolicy}}"

// inspected is what docker and podman say of a container:
// docs.docker.com/reference/api/engine, ContainerInspect (read 2026-12-01); podman 4.3
// answers with the same names.
type inspected struct {
	Status    string
	Running   bool
	Pid       int
	ExitCode  int
	StartedAt time.Time
}

func (c *container) State(ctx context.Context) (State, error) {
	argv := []string{c.program, "inspect", "--type", "container", "--format", inspectFormat, c.Unit}
	out, err := c.look(ctx, "root", argv...)
	if err != nil {
		return State{}, err
	}
	u, err := containerState(argv, out)
	if err != nil || u.Policy == "no" || c.program != "podman" {
		return u, err
	}
	return u, c.canUpdate(ctx)
}

func containerState(argv []string, out runner.Output) (State, error) {
	if out.Exit != 0 {
		return State{}, unclear(argv, out)
	}
	var s inspected
	var policy struct {
		Name              string
		MaximumRetryCount int
	}
	d := json.NewDecoder(strings.NewReader(string(out.Stdout)))
	if err := d.Decode(&s); err != nil {
		return State{}, fmt.Errorf("%w: %w", unclear(argv, out), err)
	}
	if err := d.Decode(&policy); err != nil {
		return State{}, fmt.Errorf("%w: %w", unclear(argv, out), err)
	}
	u := State{Words: s.Status, PID: s.Pid, Exit: s.ExitCode, Since: s.StartedAt.UTC(), Policy: policy.Name}
	if s.StartedAt.Year() <= 1 {
		u.Since = time.Time{} // It never ran.
	}
	switch s.Status {
	case "running", "restarting", "paused", "stopping":
		u.Running, u.Stopping = true, s.Status == "stopping"
	case "created", "configured", "initialized", "exited", "stopped":
	default:
		return u, fmt.Errorf("container in unknown state %q: %w", s.Status, unclear(argv, out))
	}
	switch policy.Name {
	case "", "no":
		u.Policy = "no"
	case "always", "unless-stopped":
		u.Enabled, u.Restarts = true, true
	case "on-failure":
		u.Enabled, u.Restarts = true, true
		if policy.MaximumRetryCount > 0 {
			u.Policy += ":" + strconv.Itoa(policy.MaximumRetryCount)
		}
	default:
		return u, fmt.Errorf("unknown restart policy %q: %w", policy.Name, unclear(argv, out))
	}
	return u, nil
}

var podmanVersion = regexp.MustCompile(`^podman version ([0-9]+)\.([0-9]+)\.`)

// canUpdate is an error where podman cannot change a restart policy: it can from
// 5.1 on (github.com/containers/podman/releases/tag/v5.1.0-rc1, read 2026-12-01).
func (c *container) canUpdate(ctx context.Context) error {
	argv := []string{"podman", "--version"}
	out, err := c.look(ctx, "root", argv...)
	if err != nil {
		return err
	}
	m := podmanVersion.FindStringSubmatch(string(out.Stdout))
	if out.Exit != 0 || m == nil {
		return unclear(argv, out)
	}
	major, _ := strconv.Atoi(m[1])
	minor, _ := strconv.Atoi(m[2])
	if major < 5 || major == 5 && minor < 1 {
		return fmt.Errorf("%s cannot change the restart policy of %s, which 5.1 is the first to do: make the container with --restart=no and let a systemd unit start it, then write supervisor: {kind: systemd, unit: NAME}",
			strings.TrimSpace(string(out.Stdout)), c.Unit)
	}
	return nil
}

func (c *container) Off(ctx context.Context) error { return c.policy(ctx, "no") }

func (c *container) On(ctx context.Context, was State) error {
	if was.Policy == "" {
		return fmt.Errorf("which restart policy %s had is not in the journal", c.Unit)
	}
	return c.policy(ctx, was.Policy)
}

// policy sets the restart policy and looks whether it is set.
func (c *container) policy(ctx context.Context, want string) error {
	u, err := c.State(ctx)
	if err != nil || u.Policy == want {
		return err
	}
	if _, err := c.root(ctx, c.program, "update", "--restart="+want, c.Unit); err != nil {
		return err
	}
	if u, err = c.State(ctx); err == nil && u.Policy != want {
		err = fmt.Errorf("the restart policy of %s is %s after it was set to %s", c.Unit, u.Policy, want)
	}
	return err
}

func (c *container) Stop(ctx context.Context) error {
	_, err := c.root(ctx, c.program, "stop", "-t", "60", c.Unit)
	return err
}

func (c *container) Start(ctx context.Context) error {
	_, err := c.root(ctx, c.program, "start", c.Unit)
	return err
}

func (c *container) Grants(string) [][]string {
	unit := lit(c.Unit)
	g := [][]string{
		{c.program, "inspect", "--type", "container", "--format", lit(inspectFormat), unit},
		{c.program, "update", "--restart=(no|always|unless-stopped|on-failure(:[0-9]{1,9})?)", unit},
		{c.program, "stop", "-t", "60", unit},
		{c.program, "start", unit},
	}
	if c.program == "podman" {
		g = append(g, []string{"podman", "--version"})
	}
	return g
}

func (c *container) Works() []string { return nil }
func (c *container) Runs() []string  { return nil }
