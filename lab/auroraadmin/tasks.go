package auroraadmin

import (
	"bufio"
	"fmt"
	"slices"

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
