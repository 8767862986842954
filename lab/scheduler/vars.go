package scheduler

import (
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
)

// vars are the variables that the stand-in can answer for, by the real names.
// The real scheduler has about 700 at a leader, most of them timings.
func (s *scheduler) vars() map[string]any {
	now := s.clock()
	v := map[string]any{
		"jvm_uptime_secs":           int64(now.Sub(s.started).Seconds()),
		"jvm_time_ms":               now.UnixMilli(),
		"jvm_available_processors":  runtime.NumCPU(),
		"jvm_prop_user.timezone":    s.log.zone.String(),
		"jvm_prop_sun.java.command": s.command,
		"uncaught_exceptions":       0,
	}
	for k, b := range s.version.build() {
		v["build."+k] = b
	}
	s.mu.Lock()
	for _, st := range lifecycleStates {
		v["scheduler_lifecycle_"+st] = number(st == s.lifecycle)
	}
	v["framework_registered"] = number(s.registered && s.lifecycle == stateActive)
	v["quartz_scheduler_running"] = number(s.lifecycle == stateActive)
	v["scheduler_framework_disconnects"] = s.count.disconnects
	v["scheduler_framework_reregisters"] = s.count.reregisters
	v["scheduler_status_update"] = s.count.statusUpdates
	v["reconciliation_explicit_runs"] = s.count.explicit
	v["reconciliation_implicit_runs"] = s.count.implicit
	for name, n := range s.count.responses {
		v["scheduler_thrift_response_"+name] = n
	}
	s.mu.Unlock()
	s.backups.mu.Lock()
	v["scheduler_backup_success"], v["scheduler_backup_failed"] = s.backups.success, s.backups.failed
	s.backups.mu.Unlock()
	s.storageVars(v)
	connected := s.candidate.connected()
	v["zk_connection_state_CONNECTED"], v["zk_connection_state_SUSPENDED"] = number(connected), number(!connected)
	return v
}

func (s *scheduler) storageVars(v map[string]any) {
	s.storage.mu.Lock()
	defer s.storage.mu.Unlock()
	c, st := s.storage.count, s.storage.state
	for name, n := range map[string]int{
		"bad_frames_read": c.badFrames, "bytes_read": c.bytesRead, "bytes_written": c.bytesWritten,
		"deflated_entries_read": c.deflatedRead, "entries_read": c.entriesRead, "entries_written": c.entriesWritten,
		"native_append_failures": c.appendFailures, "native_append_timeouts": c.appendTimeouts,
		"native_native_entries_skipped": c.skipped, "native_read_failures": c.readFailures, "native_read_timeouts": c.readTimeouts,
		"native_truncate_failures": c.truncateFailures, "native_truncate_timeouts": c.truncateTimeouts,
		"snapshots": c.snapshots, "un_snapshotted_transactions": c.unsnapped,
	} {
		v["scheduler_log_"+name] = n
	}
	v["mem_storage_attribute_size"], v["mem_storage_cron_size"] = len(st.hosts), len(st.crons)
	v["mem_storage_maintenance_size"], v["mem_storage_quota_size"] = len(st.maintenance), len(st.quotas)
	v["mem_storage_update_size"] = len(st.updates)
	v["cron_jobs_loaded"] = number(s.storage.phase == "READY")
	if s.storage.phase != "READY" {
		return
	}
	counts := map[status]int{}
	placed := 0
	for _, t := range st.tasks {
		counts[t.status]++
		placed += number(t.host != "")
	}
	for st, name := range statusNames {
		v["task_store_"+name] = counts[st]
	}
	v["task_store_index_host_items"], v["task_store_index_job_items"] = placed, len(st.tasks)
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (s *scheduler) serveVars(w http.ResponseWriter, _ *http.Request) {
	v := s.vars()
	lines := make([]string, 0, len(v))
	for name, value := range v {
		lines = append(lines, fmt.Sprintf("%s %v", name, value))
	}
	slices.Sort(lines)
	chunked(w, "text/plain;charset=utf-8", []byte(strings.Join(lines, "\n")))
}

func (s *scheduler) serveVarsJSON(w http.ResponseWriter, _ *http.Request) {
	body, err := json.Marshal(s.vars())
	if err != nil {
		serverError(w, "/vars.json", err)
		return
	}
	chunked(w, "application/json", body)
}
