package node

import "strings"

// RecoveryFlags are those that recovery-tool is given, and no other: it refuses what it
// does not know, and hangs with a quorum of more than one (recorded).
var RecoveryFlags = []string{"-from", "-to", "-backup", "-native_log_file_path", "-native_log_zk_group_path", "-zk_endpoints"}

// RecoveryTool runs the tool in a clean environment: an inherited LIBPROCESS_PORT makes
// it abort, and without an address it listens at all of them.
func RecoveryTool(tool string, args ...string) []string {
	return append([]string{"env", "-i", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LIBPROCESS_IP=127.0.0.1", tool}, args...)
}

// RecoveryCommand loads a backup into a log without entries.
func RecoveryCommand(tool, backup string, flags map[string]string) []string {
	args := []string{"-from", "BACKUP", "-to", "LOG", "-backup=" + backup}
	for _, flag := range RecoveryFlags[3:] {
		args = append(args, flag+"="+flags[strings.TrimPrefix(flag, "-")])
	}
	return RecoveryTool(tool, args...)
}

// PackCommand makes one file of a log's folder, UnpackCommand a folder of the file.
func PackCommand(log, file string) []string { return []string{"tar", "-C", log, "-cf", file, "."} }

// UnpackCommand is the way back of [PackCommand].
func UnpackCommand(log, file string) []string { return []string{"tar", "-C", log, "-xpf", file} }
