package auroraadmin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
)

// cluster is one entry of clusters.json.
type cluster struct {
	Name            string
	ZK              string // Host names, comma-separated, without ports.
	ZKPort          int
	SchedulerZKPath string
	SchedulerURI    string

	keys   []string // Every key of the entry, in the file's order.
	values map[string]json.RawMessage
}

// clusters are the entries of all files found, by name. Order is the order in
// which the real one lists their names.
type clusters struct {
	byName map[string]cluster
	order  []string
}

// parseError is a file that is not JSON, in the words of Python's parser.
type parseError struct{ file, what string }

func (e *parseError) Error() string { return fmt.Sprintf("Unable to parse %s: %s", e.file, e.what) }

// loadClusters reads AURORA_CONFIG_ROOT/clusters.json (by default
// /etc/aurora/clusters.json) and then ~/.aurora/clusters.json. A file that is
// missing is no error; later entries replace earlier ones.
func loadClusters(env environment) (clusters, error) {
	root := env.get("AURORA_CONFIG_ROOT")
	if root == "" {
		root = "/etc/aurora"
	}
	all := clusters{byName: map[string]cluster{}}
	var names []string
	for _, dir := range []string{root, env.get("HOME") + "/.aurora"} {
		file := dir + "/clusters.json"
		b, err := os.ReadFile(file)
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return all, fmt.Errorf("[Errno 13] Permission denied: '%s'", file)
		}
		found, err := parseClusters(file, b)
		if err != nil {
			return all, err
		}
		var own []string
		for _, c := range found {
			own = append(own, c.Name)
			all.byName[c.Name] = c
		}
		// The real one puts each file's clusters into a dictionary of its
		// own first.
		names = append(names, pyOrder(own)...)
	}
	all.order = pyOrder(names)
	return all, nil
}

func parseClusters(file string, b []byte) ([]cluster, error) {
	var list []json.RawMessage
	if err := json.Unmarshal(b, &list); err != nil {
		var byKey map[string]json.RawMessage
		if json.Unmarshal(b, &byKey) != nil {
			return nil, &parseError{file, pythonComplaint(b, err)}
		}
		for _, key := range pyOrder(keysOf(b)) {
			list = append(list, byKey[key])
		}
	}
	var found []cluster
	for _, raw := range list {
		c := cluster{ZKPort: 2181, keys: keysOf(raw)}
		if err := json.Unmarshal(raw, &c.values); err != nil {
			return nil, &parseError{file, "Clusters must be maps of key/value pairs"}
		}
		for key, into := range map[string]any{
			"name": &c.Name, "zk": &c.ZK, "zk_port": &c.ZKPort,
			"scheduler_zk_path": &c.SchedulerZKPath, "scheduler_uri": &c.SchedulerURI,
		} {
			if v, ok := c.values[key]; ok {
				_ = json.Unmarshal(v, into) // a value of another type counts as absent
			}
		}
		if c.Name != "" {
			found = append(found, c)
		}
	}
	return found, nil
}

// keysOf gives the keys of a JSON object in their order.
func keysOf(b []byte) []string {
	d := json.NewDecoder(bytes.NewReader(b))
	var keys []string
	depth, key := 0, true
	for {
		t, err := d.Token()
		if err != nil {
			return keys
		}
		switch t {
		case json.Delim('{'), json.Delim('['):
			depth++
			key = depth == 1
			continue
		case json.Delim('}'), json.Delim(']'):
			depth--
			key = true
			continue
		}
		if depth != 1 {
			continue
		}
		if s, ok := t.(string); ok && key {
			keys = append(keys, s)
		}
		key = !key
	}
}

// pythonComplaint says where the JSON ends to make sense, as Python 2.7 does.
func pythonComplaint(b []byte, err error) string {
	at := len(b)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax) && !strings.Contains(err.Error(), "unexpected end"):
		// Python points at the word, Go at the letter that is wrong in it.
		for at = max(int(syntax.Offset)-1, 0); at > 0 && isLetter(b[at-1]); at-- {
		}
	}
	within := byte(0)
	var open []byte
	for _, c := range b[:min(at, len(b))] {
		switch c {
		case '[', '{':
			open = append(open, c)
		case ']', '}':
			if len(open) > 0 {
				open = open[:len(open)-1]
			}
		}
	}
	if len(open) > 0 {
		within = open[len(open)-1]
	}
	what := "Expecting object"
	switch within {
	case 0:
		return "No JSON object could be decoded"
	case '{':
		what = "Expecting property name"
	}
	before := b[:min(at, len(b))]
	line := 1 + bytes.Count(before, []byte("\n"))
	column := at - bytes.LastIndexByte(before, '\n')
	return fmt.Sprintf("%s: line %d column %d (char %d)", what, line, column, at)
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
