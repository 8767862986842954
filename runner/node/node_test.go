package node

import (
	"errors"
	"slices"
	"sync"
	"testing"
)

// All hosts are asked at once, their answers keep the hosts' order, and an error
// names the first of them that has one.
func TestEverywhere(t *testing.T) {
	nodes := []*Node{{Name: "s1"}, {Name: "s2"}, {Name: "s3"}}
	var all sync.WaitGroup
	all.Add(len(nodes))
	ask := func(n *Node) (string, error) {
		all.Done()
		all.Wait() // Until everybody is asked.
		if n.Name != "s1" {
			return "", errors.New("silent")
		}
		return "here", nil
	}
	got, err := Everywhere(nodes, ask)
	if !slices.Equal(got, []string{"here", "", ""}) || err == nil || err.Error() != "s2: silent" {
		t.Errorf("%q, %v", got, err)
	}
}
