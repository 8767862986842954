package auroraadmin

import (
	"fmt"
	"strings"

	"aurorabot/runner/tbinary"
)

// Response codes of the API.
const (
	codeOK        = 1
	codeLocked    = 5
	codeTransient = 6
)

var codes = map[int32]string{
	0: "INVALID_REQUEST", codeOK: "OK", 2: "ERROR", 3: "WARNING", 4: "AUTH_FAILED",
	codeLocked: "JOB_UPDATING_ERROR", codeTransient: "ERROR_TRANSIENT",
}

// messages joins what a response says.
func messages(resp *tbinary.Struct) string {
	var all []string
	for d := range resp.List(6).Structs() {
		text := d.Str(1)
		if text == "" {
			text = "Unknown error"
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}

// call is what a command works with.
type call struct {
	*admin
	client  *client
	options map[string]string
}

// report logs what the scheduler answered. It gives the exit status: 1 unless
// the answer is OK.
func (c call) report(resp *tbinary.Struct) int {
	code := resp.I32(1)
	name := codes[code]
	if code == codeLocked && c.release.before(0, 13) {
		name = "LOCK_ERROR"
	}
	c.log("INFO", "Response from scheduler: %s (message: %s)", name, messages(resp))
	if code != codeOK {
		if name == "LOCK_ERROR" {
			c.log("INFO", "%s", lockedWarning)
		}
		return 1
	}
	return 0
}

const lockedWarning = `
Note: if the scheduler detects that a job update is in progress (or was not
properly completed) it will reject subsequent updates.  This is because your
job is likely in a partially-updated state.  You should only begin another
update if you are confident that nobody is updating this job, and that
the job is in a state suitable for an update.

After checking on the above, you may release the update lock on the job by
invoking cancel_update.
`

// command is one of aurora_admin's commands.
type command struct {
	usage    string
	min, max int // Number of arguments, the cluster included.
	switches []string
	settings []string
	run      func(c call, args []string) (status int, err error)
	frames   []frame // Of the traceback, when a call fails.
}

// plain is a command that makes one call and reports the answer.
func plain(usage, method string, adminLine int, adminSource string, apiLine int, apiName, apiCall string) command {
	name, args, _ := strings.Cut(usage, " ")
	n := 1 + strings.Count(args, " ")
	return command{
		usage: usage, min: n, max: n,
		run: func(c call, args []string) (int, error) {
			var fields []tbinary.Field
			if len(args) > 0 {
				fields = append(fields, text(1, args[0]))
			}
			resp, err := c.client.call(method, false, fields...)
			if err != nil {
				return 1, err
			}
			return c.report(resp), nil
		},
		frames: []frame{
			{adminFile, adminLine, name, adminSource},
			{apiFile, apiLine, apiName, apiCall},
		},
	}
}

func text(id int16, s string) tbinary.Field {
	return tbinary.Field{ID: id, Type: tbinary.TypeString, Value: []byte(s)}
}

func structure(id int16, fields ...tbinary.Field) tbinary.Field {
	return tbinary.Field{ID: id, Type: tbinary.TypeStruct, Value: &tbinary.Struct{Fields: fields}}
}

func set(id int16, elem tbinary.Type, values ...any) tbinary.Field {
	return tbinary.Field{ID: id, Type: tbinary.TypeSet, Value: &tbinary.List{Elem: elem, Values: values}}
}

const adminClient = "make_admin_client_with_options(cluster)"

var commands = map[string]command{
	"get_scheduler": {
		usage: "get_scheduler CLUSTER", min: 1, max: 1, run: getScheduler,
		frames: []frame{{adminFile, 571, "get_scheduler", adminClient + ".scheduler_proxy.scheduler_client().raw_url)"}},
	},
	"scheduler_backup_now": plain("scheduler_backup_now cluster", "performBackup",
		274, "check_and_log_response("+adminClient+".perform_backup())",
		347, "perform_backup", "return self._scheduler_proxy.performBackup()"),
	"scheduler_list_backups": {
		usage: "scheduler_list_backups cluster", min: 1, max: 1, run: listBackups,
		frames: []frame{
			{adminFile, 284, "scheduler_list_backups", "resp = " + adminClient + ".list_backups()"},
			{apiFile, 350, "list_backups", "return self._scheduler_proxy.listBackups()"},
		},
	},
	"scheduler_stage_recovery": plain("scheduler_stage_recovery cluster backup_id", "stageRecovery",
		299, "check_and_log_response("+adminClient+".stage_recovery(backup_id))",
		353, "stage_recovery", "return self._scheduler_proxy.stageRecovery(backup_id)"),
	"scheduler_print_recovery_tasks": {
		usage: "scheduler_print_recovery_tasks cluster", min: 1, max: 1, run: printRecoveryTasks,
		frames: []frame{
			{adminFile, 310, "scheduler_print_recovery_tasks", "TaskQuery(statuses=ACTIVE_STATES))"},
			{apiFile, 356, "query_recovery", "return self._scheduler_proxy.queryRecovery(query)"},
		},
	},
	"scheduler_delete_recovery_tasks": {
		usage: "scheduler_delete_recovery_tasks cluster task_ids", min: 2, max: 2, run: deleteRecoveryTasks,
		frames: []frame{
			{adminFile, 332, "scheduler_delete_recovery_tasks", "TaskQuery(taskIds=ids)))"},
			{apiFile, 360, "delete_recovery_tasks", "return self._scheduler_proxy.deleteRecoveryTasks(query)"},
		},
	},
	"scheduler_commit_recovery": plain("scheduler_commit_recovery cluster", "commitRecovery",
		342, "check_and_log_response("+adminClient+".commit_recovery())",
		363, "commit_recovery", "return self._scheduler_proxy.commitRecovery()"),
	"scheduler_unload_recovery": plain("scheduler_unload_recovery cluster", "unloadRecovery",
		352, "check_and_log_response("+adminClient+".unload_recovery())",
		366, "unload_recovery", "return self._scheduler_proxy.unloadRecovery()"),
	"scheduler_snapshot": plain("scheduler_snapshot cluster", "snapshot",
		362, "check_and_log_response("+adminClient+".snapshot())",
		369, "snapshot", "return self._scheduler_proxy.snapshot()"),
	"get_cluster_config": {
		usage: "get_cluster_config [--sh] [--export] CLUSTER", min: 1, max: 1,
		switches: []string{"--sh", "--export"}, run: getClusterConfig,
	},
	"query": {
		usage: "query [--force]", min: 1, max: 3, run: query,
		switches: []string{"--force"}, settings: []string{"--shards", "--states", "-l", "--listformat"},
	},
	"set_quota": {
		usage: "set_quota cluster role cpu ram[MGT] disk[MGT]", min: 5, max: 5, run: setQuota,
	},
}

func getScheduler(c call, _ []string) (int, error) {
	if err := c.client.find(); err != nil {
		return 1, err
	}
	_, _ = fmt.Fprintf(c.out, "Found leading scheduler at: %s\n", c.client.uri)
	return 0, nil
}

func listBackups(c call, _ []string) (int, error) {
	resp, err := c.client.call("listBackups", false)
	if err != nil {
		return 1, err
	}
	if status := c.report(resp); status != 0 {
		return status, nil
	}
	var names []string
	for name := range resp.Struct(3).Struct(6).List(1).Strings() {
		names = append(names, name)
	}
	_, _ = fmt.Fprintf(c.out, "%d available backups:\n", len(pyOrder(names)))
	for _, name := range pyOrder(names) {
		_, _ = fmt.Fprintln(c.out, name)
	}
	return 0, nil
}

func deleteRecoveryTasks(c call, args []string) (int, error) {
	var ids []any
	for _, id := range pyOrder(strings.Split(args[0], ",")) {
		ids = append(ids, []byte(id))
	}
	resp, err := c.client.call("deleteRecoveryTasks", false, structure(1, set(4, tbinary.TypeString, ids...)))
	if err != nil {
		return 1, err
	}
	return c.report(resp), nil
}
