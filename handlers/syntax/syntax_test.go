package syntax

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
)

var options = []Option{{Name: "reason", Value: "TEXT"}, {Name: "dry-run"}, {Name: "o", Value: "DIR"}}

// Words are read as people write them, and what cannot be read says why.
func TestParse(t *testing.T) {
	for _, tt := range []struct {
		words string
		args  string
		given map[string]string
		why   string
	}{
		{"a b", "a b", nil, ""},
		{"a --reason x b --dry-run", "a b", map[string]string{"reason": "x", "dry-run": "true"}, ""},
		{"-reason x -dry-run a", "a", map[string]string{"reason": "x", "dry-run": "true"}, ""},
		{"-reason=-x a", "a", map[string]string{"reason": "-x"}, ""},
		{"--reason -x a", "a", map[string]string{"reason": "-x"}, ""},
		{"--reason= a", "a", map[string]string{"reason": ""}, ""},
		{"-o d a", "a", map[string]string{"o": "d"}, ""},
		{"--o=d a", "a", map[string]string{"o": "d"}, ""},
		{"-o=d a", "a", map[string]string{"o": "d"}, ""},
		{"-o= a", "a", map[string]string{"o": ""}, ""},
		{"a - --  --reason -x", "a - --reason -x", nil, ""},
		{"--reason -- a", "a", map[string]string{"reason": "--"}, ""},
		{"--reason", "", nil, "--reason needs a value"},
		{"--reason --dry-run", "", nil, "--reason needs a value"},
		{"-o -reason x", "", nil, "-o needs a value"},
		{"--reason a --reason b", "", nil, "--reason is given twice"},
		{"--dry-run --dry-run", "", nil, "--dry-run is given twice"},
		{"--dry-run=no", "", nil, "--dry-run takes no value"},
		{"--reasons x", "", nil, `there is no option "--reasons"`},
		{"-test.v", "", nil, `there is no option "--test.v"`},
		{"-x", "", nil, `there is no option "-x"`},
		{"-od", "", nil, `there is no option "--od"`},
		{"--=x", "", nil, `there is no option "--=x"`},
		{"---", "", nil, `there is no option "---"`},
		{"a --help --nonsense", "", nil, ErrHelp.Error()},
		{"a -h", "", nil, ErrHelp.Error()},
	} {
		args, given, err := Parse(options, strings.Fields(tt.words))
		switch {
		case tt.why != "":
			if err == nil || err.Error() != tt.why || errors.Is(err, ErrHelp) != (tt.why == ErrHelp.Error()) {
				t.Errorf("%q: %v, want %s", tt.words, err, tt.why)
			}
		case err != nil || !slices.Equal(args, strings.Fields(tt.args)) || !maps.Equal(given, tt.given):
			t.Errorf("%q: %q, %v, %v; want %q, %v", tt.words, args, given, err, tt.args, tt.given)
		}
	}
}
