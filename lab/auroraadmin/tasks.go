package auroraadmin

import (
	"bufio"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"aurorabot/runner/tbinary"
)

// statuses are the states of a task, by their numbers in the API.
var statuses = map[int32]string{
	0: "PENDING", 1: "STARTING", 2: "RUNNING", 3: "FINISHED", 4: "FAILED", 5: "KILLED", 6: "KILLING", 7: "LOST",
	9: "ASSIGNED", 11: "INIT", 12: "RESTARTING", 13: "PREEMPTING", 16: "THROTTLED", 17: "DRAINING", 18: "PARTITIONED",
}

// activeStates are those of tasks that hold or want resources, in the order
// in which the real client sends them.
var activeStates = []int32{0, 1, 2, 6, 9, 12, 13, 16, 17, 18}

func states(id int16, numbers []int32) tbinary.Field {
	var values []any
	for _, n := range numbers {
		values = append(values, n)
	}
	return set(id, tbinary.TypeI32, values...)
}

func printRecoveryTasks(c call, _ []string) (int, error) {
	resp, err := c.client.call("queryRecovery", false, structure(1, states(5, activeStates)))
	if err != nil {
		return 1, err
	}
	if status := c.report(resp); status != 0 {
		return status, nil
	}
	// A table of 100,000 rows goes out in one piece, not in 100,000.
	w := bufio.NewWriter(c.err)
	defer func() { _ = w.Flush() }()
	_, _ = fmt.Fprintf(w, " INFO] Role\tJob\tShard\tStatus\tTask ID\n")
	for task := range resp.Struct(3).Struct(9).List(1).Structs() {
		assigned := task.Struct(1)
		job := assigned.Struct(4).Struct(28)
		if job == nil {
			_ = w.Flush()
			return 1, noJobKey(c)
		}
		_, _ = fmt.Fprintf(w, " INFO] %s\t%s\t%d\t%s\t%s\n",
			job.Str(1), job.Str(3), assigned.I32(6), statuses[task.I32(2)], assigned.Str(1))
	}
	return 0, nil
}

// noJobKey is how the real one fails on a task of a backup from before 0.6.
func noJobKey(c call) error {
	frames := []frame{{adminFile, 316, "scheduler_print_recovery_tasks", `log.info('\t'.join((conf.job.role,`}}
	_, err := fmt.Fprint(c.err, traceback(slices.Concat(outer, frames), "AttributeError: 'NoneType' object has no attribute 'role'"))
	return err
}

var formatKey = regexp.MustCompile(`%(\w+)%`)

// query lists tasks by role, job, shard and state.
func query(c call, args []string) (int, error) {
	wanted, status := c.queriedStates()
	if status != 0 {
		return status, nil
	}
	fields := []tbinary.Field{}
	if len(args) > 1 {
		fields = append(fields, text(2, args[1]))
	}
	fields = append(fields, states(5, wanted))
	shards, err := shardSet(c.options["--shards"])
	if err != nil {
		return c.die("%v", err), nil
	}
	fields = append(fields, shards)
	if len(args) > 0 {
		fields = append(fields, text(14, args[0]))
	}
	if c.options["--force"] == "" {
		for i, what := range []string{"role", "job"} {
			if len(args) <= i {
				return c.die("--force is required for expensive queries (no %s specified)", what), nil
			}
		}
	}
	resp, err := c.client.call("getTasksStatus", true, structure(1, fields...))
	if err != nil {
		return 1, err
	}
	if resp.I32(1) != codeOK {
		return c.die("Failed to query scheduler: %s", messages(resp)), nil
	}
	format := "%role%/%jobName%/%instanceId% %status%"
	for _, name := range []string{"-l", "--listformat"} {
		if v, ok := c.options[name]; ok {
			format = v
		}
	}
	w := bufio.NewWriter(c.out)
	defer func() { _ = w.Flush() }()
	for task := range resp.Struct(3).Struct(3).List(1).Structs() {
		assigned := task.Struct(1)
		job := assigned.Struct(4).Struct(28)
		values := map[string]string{
			"role": job.Str(1), "environment": job.Str(2), "name": job.Str(3), "jobName": job.Str(3),
			"instanceId": strconv.Itoa(int(assigned.I32(6))), "status": statuses[task.I32(2)],
			"taskId": assigned.Str(1), "slaveHost": assigned.Str(3),
		}
		line := formatKey.ReplaceAllStringFunc(format, func(key string) string { return values[strings.Trim(key, "%")] })
		_, _ = fmt.Fprintln(w, line)
	}
	return 0, nil
}

func (c call) queriedStates() ([]int32, int) {
	asked, ok := c.options["--states"]
	if !ok {
		asked = "RUNNING"
	}
	var wanted []int32
	for name := range strings.SplitSeq(asked, ",") {
		found := false
		for number, n := range statuses {
			if n == name {
				wanted, found = append(wanted, number), true
			}
		}
		if !found {
			var names []string
			for _, n := range statuses {
				names = append(names, n)
			}
			slices.Sort(names)
			return nil, c.die("Unknown state '%s' specified.  Valid states are:\n%s", name, strings.Join(names, ","))
		}
	}
	slices.Sort(wanted)
	return wanted, 0
}

func shardSet(list string) (tbinary.Field, error) {
	var values []any
	if list != "" {
		for s := range strings.SplitSeq(list, ",") {
			n, err := strconv.ParseInt(s, 10, 32)
			if err != nil {
				return tbinary.Field{}, fmt.Errorf("invalid literal for int() with base 10: '%s'", s)
			}
			values = append(values, int32(n))
		}
	}
	return set(7, tbinary.TypeI32, values...), nil
}

// getClusterConfig prints a cluster's entry, with the defaults of the keys
// that the real one knows.
func getClusterConfig(c call, _ []string) (int, error) {
	values := map[string]string{}
	keys := slices.Clone(c.client.cluster.keys)
	for k, v := range c.client.cluster.values {
		values[k] = string(v)
	}
	defaults := []struct{ key, value string }{{"auth_mechanism", `"UNAUTHENTICATED"`}, {"zk_port", "2181"}}
	for _, d := range defaults {
		if _, ok := values[d.key]; !ok {
			keys = append(keys, d.key)
			values[d.key] = d.value
		}
	}
	if c.options["--sh"] == "true" {
		export := ""
		if c.options["--export"] == "true" {
			export = "export "
		}
		for _, k := range pyCopyOrder(keys) {
			var s any
			_ = json.Unmarshal([]byte(values[k]), &s) // the values were parsed before
			_, _ = fmt.Fprintf(c.out, "%sAURORA_CLUSTER_%s=%v\n", export, strings.ToUpper(k), s)
		}
		return 0, nil
	}
	var parts []string
	for _, k := range pyCopyOrder(keys) {
		parts = append(parts, fmt.Sprintf("%q: %s", k, values[k]))
	}
	_, _ = fmt.Fprintf(c.out, "{%s}", strings.Join(parts, ", "))
	return 0, nil
}

// setQuota sets a role's quota.
func setQuota(c call, args []string) (int, error) {
	cpu, err := strconv.ParseFloat(args[1], 64)
	ram, ok1 := megabytes(args[2])
	disk, ok2 := megabytes(args[3])
	if err != nil || !ok1 || !ok2 {
		return c.die("invalid quota: %s", strings.Join(args[1:], " ")), nil
	}
	c.log("INFO", "Setting quota for user:%s cpu:%f ram:%d disk: %d", args[0], cpu, ram, disk)
	resource := func(id int16, t tbinary.Type, v any) *tbinary.Struct {
		return &tbinary.Struct{Fields: []tbinary.Field{{ID: id, Type: t, Value: v}}}
	}
	quota := structure(2, set(4, tbinary.TypeStruct,
		resource(1, tbinary.TypeDouble, cpu), resource(2, tbinary.TypeI64, ram), resource(3, tbinary.TypeI64, disk)))
	if c.release.before(0, 16) {
		quota = structure(2, tbinary.Field{ID: 1, Type: tbinary.TypeDouble, Value: cpu},
			tbinary.Field{ID: 2, Type: tbinary.TypeI64, Value: ram}, tbinary.Field{ID: 3, Type: tbinary.TypeI64, Value: disk})
	}
	resp, err := c.client.call("setQuota", false, text(1, args[0]), quota)
	if err != nil {
		return 1, err
	}
	return c.report(resp), nil
}

// megabytes reads an amount such as 64G.
func megabytes(s string) (int64, bool) {
	factors := map[string]int64{"M": 1, "G": 1 << 10, "T": 1 << 20}
	digits := strings.TrimRight(s, "MGTB")
	n, err := strconv.ParseInt(digits, 10, 64)
	factor, ok := factors[strings.TrimSuffix(s[len(digits):], "B")]
	return n * factor, err == nil && ok
}
