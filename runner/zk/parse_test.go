package zk

import (
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// recorded returns the children of path in a recording.
func recorded(t testing.TB, file, path string) []znode {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", file))
	if err != nil {
		t.Fatal(err)
	}
	var nodes []znode
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimRight(line, "\n")
		if strings.HasPrefix(line, "/") {
			var name string
			name, inside = strings.CutPrefix(line, path+"/")
			if inside {
				nodes = append(nodes, znode{name: name})
			}
			continue
		}
		if !inside {
			continue
		}
		n := &nodes[len(nodes)-1]
		field := strings.TrimSpace(line)
		if data, ok := strings.CutPrefix(field, "data="); ok {
			n.data = []byte(data)
		}
		if data, ok := strings.CutPrefix(field, "hex="); ok {
			n.data, _ = hex.DecodeString(data)
		}
		for _, part := range strings.Fields(field) {
			if owner, ok := strings.CutPrefix(part, "ephemeralOwner="); ok {
				n.owner, _ = strconv.ParseInt(owner, 0, 64)
			}
			if at, ok := strings.CutPrefix(part, "ctime="); ok {
				n.created, _ = time.Parse(time.RFC3339, at)
			}
		}
	}
	if len(nodes) == 0 {
		t.Fatalf("%s: nothing below %s", file, path)
	}
	return nodes
}

func TestIsSequence(t *testing.T) {
	for _, tt := range []struct {
		text string
		want bool
	}{
		{"0000000000", true},
		{"2147483647", true},
		{"2147483648", false},
		{"-2147483648", true},
		{"-2147483649", false},
		{"-1000000000", true},
		{"-999999999", true},
		{"-000000001", true},
		{"-0000000001", false},
		{"000000001", false},
		{"00000000001", false},
		{"+000000001", false},
		{"0x00000001", false},
		{"000000000 ", false},
		{"٠٠٠٠٠", false},
		{"-", false},
		{"", false},
	} {
		if got := isSequence(tt.text); got != tt.want {
			t.Errorf("isSequence(%q) = %v, want %v", tt.text, got, tt.want)
		}
	}
}

func TestSplitCandidate(t *testing.T) {
	const uuid = "66a9c197-1294-46e7-90b0-d113a33a82c0"
	for _, tt := range []struct {
		name, sequence string
		form           Form
		ok             bool
	}{
		{"singleton_candidate_0000000003", "0000000003", FormSingleton, true},
		{"_c_" + uuid + "-latch-0000000004", "0000000004", FormLatch, true},
		{"_c_" + uuid + "-lock-2147483647", "2147483647", FormLock, true},
		{"_c_" + uuid + "-lock--2147483648", "-2147483648", FormLock, true},
		{"_c_" + uuid + "-lock--000000001", "-000000001", FormLock, true},
		{name: "_c_" + uuid + "-lock-"},
		{name: "_c_" + uuid + "-other-0000000001"},
		{name: uuid + "-lock-0000000001"},
		{name: "singleton_candidate_"},
		{name: "singleton_candidate_12"},
		{name: "member_0000000001"},
		{name: ""},
	} {
		form, sequence, ok := splitCandidate(tt.name)
		if ok != tt.ok || ok && (form != tt.form || sequence != tt.sequence) {
			t.Errorf("splitCandidate(%q) = %q, %q, %v", tt.name, form, sequence, ok)
		}
	}
}

// Of the recordings it is known who led: the lowest lock.
func TestCandidatesOfRecordings(t *testing.T) {
	for _, tt := range []struct {
		file  string
		hosts []string
	}{
		{"three-prepared.txt", []string{"127.0.0.11", "127.0.0.12", "127.0.0.13"}},
		{"three-active.txt", []string{"127.0.0.11", "127.0.0.13", "127.0.0.12"}},
		{"during-failover-after-commit.txt", []string{"127.0.0.12", "127.0.0.13"}},
		{"leader-sigkilled-6s.txt", []string{"127.0.0.11", "127.0.0.12", "127.0.0.13"}},
		{"leader-sigkilled-9s.txt", []string{"127.0.0.11", "127.0.0.12", "127.0.0.13", "127.0.0.11"}},
	} {
		list, err := parseCandidates(recorded(t, tt.file, "/aurora/scheduler"))
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		var hosts []string
		for _, c := range list {
			hosts = append(hosts, c.Host)
		}
		if diff := cmp.Diff(tt.hosts, hosts); diff != "" {
			t.Errorf("%s: hosts (-want +got):\n%s", tt.file, diff)
		}
	}
	list, err := parseCandidates(recorded(t, "three-prepared.txt", "/aurora/scheduler"))
	if err != nil {
		t.Fatal(err)
	}
	want := Candidate{
		Node: "_c_66a9c197-1294-46e7-90b0-d113a33a82c0-lock-0000000014", Sequence: "0000000014", Form: FormLock, Host: "127.0.0.11",
		SessionOwner: 0x100001c7a46007d, Created: time.Date(2026, 11, 23, 8, 49, 48, 687e6, time.UTC),
	}
	if diff := cmp.Diff(want, list[0]); diff != "" {
		t.Errorf("the leader (-want +got):\n%s", diff)
	}
}

// The member that is advertised is the candidate that leads: one session.
func TestLeaderOfRecordingsIsTheMember(t *testing.T) {
	for _, file := range []string{"three-active.txt", "during-failover-after-commit.txt", "leader-sigkilled-6s.txt", "leader-sigkilled-9s.txt"} {
		nodes := recorded(t, file, "/aurora/scheduler")
		candidates, err := parseCandidates(nodes)
		if err != nil {
			t.Fatal(err)
		}
		members, err := parseMembers(nodes)
		if err != nil {
			t.Fatal(err)
		}
		if len(members) != 1 || members[0].SessionOwner != candidates[0].SessionOwner {
			t.Errorf("%s: advertised %+v, first candidate %+v", file, members, candidates[0])
		}
	}
}

func TestCandidateHost(t *testing.T) {
	for _, tt := range []struct {
		form Form
		data string
		host string
		bad  bool
	}{
		{FormLock, "s1.example.org", "s1.example.org", false},
		{FormLock, "127.0.0.11\n", "127.0.0.11", false},
		{FormLock, "", "", false},
		{FormLock, "::1", "::1", false},
		{FormSingleton, "10.1.2.3", "10.1.2.3", false},
		{FormSingleton, "\x0a\x01\x02\x03", "10.1.2.3", false},
		{FormSingleton, "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01", "::1", false},
		{FormSingleton, "UNKNOWN", "", false},
		{FormSingleton, "::1\n", "::1", false},
		{FormLock, "\x0a\x01\x02\x03", "", true},
		{FormLock, "s1; reboot", "", true},
		{FormLock, "-oProxyCommand=x", "", true},
		{FormLock, strings.Repeat("a", 300), "", true},
	} {
		host, err := candidateHost(tt.form, []byte(tt.data))
		if host != tt.host || (err != nil) != tt.bad {
			t.Errorf("candidateHost(%s, %q) = %q, %v", tt.form, tt.data, host, err)
		}
	}
}

// After the overflow Aurora's libraries compare text: the minus sign comes
// before every digit.
func TestCandidatesAfterOverflow(t *testing.T) {
	var nodes []znode
	for _, sequence := range []string{"2147483646", "-2147483648", "2147483647", "-2147483647"} {
		nodes = append(nodes, znode{name: singletonPrefix + sequence, data: []byte("127.0.0.1")})
	}
	list, err := parseCandidates(nodes)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list {
		got = append(got, c.Sequence)
	}
	if diff := cmp.Diff([]string{"-2147483647", "-2147483648", "2147483646", "2147483647"}, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestMembersOfRecordings(t *testing.T) {
	list, err := parseMembers(recorded(t, "during-failover-after-commit.txt", "/aurora/scheduler"))
	if err != nil {
		t.Fatal(err)
	}
	want := []Member{{
		Node: "member_0000000021", Sequence: "0000000021", Host: "127.0.0.12", Port: 8081,
		Additional: map[string]Endpoint{"http": {"127.0.0.12", 8081}}, Status: "ALIVE",
		SessionOwner: 0x100001c7a46009f, Created: time.Date(2026, 11, 23, 8, 54, 17, 276e6, time.UTC),
	}}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	list, err = parseMembers(recorded(t, "three-prepared.txt", "/aurora/scheduler"))
	if err != nil || list == nil || len(list) != 0 {
		t.Errorf("disabled schedulers: %v, %v, want an empty list", list, err)
	}
}

func TestMembersRefused(t *testing.T) {
	for _, data := range []string{
		"", "null", "{}", "[]", `{"serviceEndpoint":{"host":"h","port":0}}`, `{"serviceEndpoint":{"host":"h","port":65536}}`,
		`{"serviceEndpoint":{"host":"","port":1}}`, `{"serviceEndpoint":{"host":"a b","port":1}}`, `{"serviceEndpoint":{"host":"h","port":"1"}}`,
		`{"serviceEndpoint":{"host":"h","port":1},"additionalEndpoints":{"http":{"host":"h","port":-1}}}`,
		`{"serviceEndpoint":{"host":"h","port":1}} x`,
	} {
		if list, err := parseMembers([]znode{{name: "member_0000000001", data: []byte(data)}}); err == nil {
			t.Errorf("parseMembers(%q) = %+v, want an error", data, list)
		}
	}
}

func TestReplicasOfRecordings(t *testing.T) {
	short := func(list []Replica) (got []string) {
		for _, r := range list {
			line := r.Node + " " + r.Address.String()
			if r.Stale {
				line += " stale"
			}
			got = append(got, line)
		}
		return got
	}
	for _, tt := range []struct {
		file, path string
		want       []string
	}{
		{"three-prepared.txt", "/aurora/replicated-log", []string{"0000000009 127.0.0.11:8083", "0000000010 127.0.0.12:8083", "0000000011 127.0.0.13:8083"}},
		{"log-after-session-expiry.txt", "/lab/s6", []string{
			"0000000000 127.0.0.1:25102 stale", "0000000001 127.0.0.1:25101 stale",
			"0000000003 127.0.0.1:25101", "0000000004 127.0.0.1:25102", "0000000005 127.0.0.1:25103",
		}},
	} {
		list, err := parseReplicas(recorded(t, tt.file, tt.path))
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		if diff := cmp.Diff(tt.want, short(list)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.file, diff)
		}
	}
}

// After an overflow the newer node of one process has the lower number.
func TestStaleReplicaAfterOverflow(t *testing.T) {
	pid := []byte("log-replica(1)@127.0.0.1:1")
	list, err := parseReplicas([]znode{
		{name: "2147483647", data: pid, created: time.UnixMilli(1)},
		{name: "-2147483648", data: pid, created: time.UnixMilli(2)},
	})
	if err != nil {
		t.Fatal(err)
	}
	if list[0].Node != "-2147483648" || list[0].Stale || !list[1].Stale {
		t.Errorf("got %+v", list)
	}
}

func TestParsePID(t *testing.T) {
	for _, tt := range []struct {
		pid, process, address string
		ok                    bool
	}{
		{"log-replica(1)@127.0.0.11:8083", "log-replica(1)", "127.0.0.11:8083", true},
		{"master@[::1]:5050", "master", "[::1]:5050", true},
		{pid: "log-replica(1)@host:8083"},
		{pid: "log-replica(1)@127.0.0.1"},
		{pid: "log-replica(1)@127.0.0.1:0"},
		{pid: "log-replica(1)@127.0.0.1:65536"},
		{pid: "@127.0.0.1:1"},
		{pid: "a b@127.0.0.1:1"},
		{pid: "a@b@127.0.0.1:1"},
		{pid: ""},
	} {
		process, address, err := parsePID(tt.pid)
		if (err == nil) != tt.ok || tt.ok && (process != tt.process || address.String() != tt.address) {
			t.Errorf("parsePID(%q) = %q, %v, %v", tt.pid, process, address, err)
		}
	}
}

func TestMasters(t *testing.T) {
	nodes := append(recorded(t, "three-prepared.txt", "/mesos"),
		znode{name: "info_0000000000", data: []byte{0x0a, 0x01}},
		znode{name: "json.info_0000000002", data: []byte(`{"hostname":"m2","id":"x","ip":33554559,"pid":"master@127.0.0.2:5050","port":5050}`)},
		znode{name: "log_replicas"})
	list, err := parseMasters(nodes)
	if err != nil {
		t.Fatal(err)
	}
	want := []Master{
		{Node: "info_0000000000", Sequence: "0000000000", Unsupported: unsupportedMaster},
		{
			Node: "json.info_0000000001", Sequence: "0000000001", Hostname: "127.0.0.1", Address: netip.MustParseAddrPort("127.0.0.1:5050"),
			PID: "master@127.0.0.1:5050", Version: "1.6.1", ID: "lab-master", Created: time.Date(2026, 11, 23, 8, 29, 31, 87e6, time.UTC),
		},
		{
			Node: "json.info_0000000002", Sequence: "0000000002", Hostname: "m2", Address: netip.MustParseAddrPort("127.0.0.2:5050"),
			PID: "master@127.0.0.2:5050", ID: "x",
		},
	}
	if diff := cmp.Diff(want, list, cmpopts.EquateComparable(netip.AddrPort{})); diff != "" {
		t.Errorf("masters (-want +got):\n%s", diff)
	}
	for _, data := range []string{"", "{}", `{"port":5050}`, `{"ip":1,"port":0}`, `{"address":{"ip":"nowhere","port":1}}`, `{"ip":-1,"port":1}`} {
		if list, err := parseMasters([]znode{{name: "json.info_0000000001", data: []byte(data)}}); err == nil {
			t.Errorf("parseMasters(%q) = %+v, want an error", data, list)
		}
	}
}
