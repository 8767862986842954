package scheduler

import (
	"fmt"
	"strconv"
	"strings"
)

// A version is a release of Aurora, 0.minor.patch.
type version struct{ minor, patch int }

func parseVersion(s string) (version, error) {
	parts := strings.Split(s, ".")
	if len(parts) < 2 || len(parts) > 3 || parts[0] != "0" {
		return version{}, fmt.Errorf("release of Aurora %q: not 0.MINOR or 0.MINOR.PATCH", s)
	}
	var v version
	var err error
	if v.minor, err = strconv.Atoi(parts[1]); err != nil {
		return version{}, fmt.Errorf("release of Aurora %q: %w", s, err)
	}
	if len(parts) == 3 {
		if v.patch, err = strconv.Atoi(parts[2]); err != nil {
			return version{}, fmt.Errorf("release of Aurora %q: %w", s, err)
		}
	}
	return v, nil
}

func (v version) String() string { return fmt.Sprintf("0.%d.%d", v.minor, v.patch) }

// lingers says whether the process stays after its application has ended: from
// 0.21 a thread of the HTTP client keeps the JVM.
func (v version) lingers() bool { return v.minor >= 21 }

// fullBackupPath says whether the text of a missing backup has its directory.
func (v version) fullBackupPath() bool { return v.minor >= 20 }

// knowsBypass says whether the header Bypass-Leader-Redirect is obeyed and a
// cluster without an advertised leader answers 503.
func (v version) knowsBypass() bool { return v.minor >= 12 }

// redirect is the status of the redirection to the leader.
func (v version) redirect() int {
	if v.minor >= 9 {
		return 307
	}
	return 302
}

func (v version) knowsLeaderHealth() bool { return v.minor >= 13 }

// build is what this release says of itself in /vars and in its snapshots.
func (v version) build() build {
	if v == (version{22, 0}) {
		return build{
			"date": "Wed 2018-12-05", "git.revision": "77a769c6f0933a9e1983132747c7740fa646ad0d",
			"git.tag": "rel/0.22.0", "time": "2018-12-05 00:00:00 UTC", "version": "0.22.0",
		}
	}
	return build{"git.tag": "rel/" + v.String(), "version": v.String()}
}

// candidate is the prefix of this version's candidate node, and whether it is a
// node of Curator's, whose data is the host's name and not its address.
func (v version) candidate(uuid string) (prefix string, curator bool) {
	switch {
	case v.minor >= 17:
		return "_c_" + uuid + "-lock-", true
	case v.minor == 16:
		return "_c_" + uuid + "-latch-", true
	}
	return "singleton_candidate_", false // 0.14 and 0.15 have Curator's behind a flag, off by default
}

// flags gives the table of 0.22 the flags of this release that differ and that
// operators of recoveries meet.
func (v version) flags(table []flagSpec) []flagSpec {
	drop := map[string]bool{}
	if v.minor < 9 {
		for _, f := range table {
			if strings.HasPrefix(f.name, "reconciliation_") {
				drop[f.name] = true
			}
		}
	}
	if v.minor < 17 {
		drop["serverset_endpoint_name"] = true
	}
	var out []flagSpec
	for _, f := range table {
		if !drop[f.name] {
			out = append(out, f)
		}
	}
	add := func(when bool, name, value string) {
		if when {
			out = append(out, flagSpec{name: name, value: value})
		}
	}
	add(v.minor <= 8, "gc_executor_path", "null")
	add(v.minor <= 11, "deflate_snapshots", "true")
	add(v.minor >= 6 && v.minor <= 11, "deduplicate_snapshots", "false")
	add(v.minor >= 9 && v.minor <= 18, "use_beta_db_task_store", "false")
	add(v.minor >= 14 && v.minor <= 18, "zk_use_curator", strconv.FormatBool(v.minor >= 16))
	return out
}
