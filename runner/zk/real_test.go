package zk

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"aurorabot/lab/zookeeper/zktest"

	gozk "github.com/go-zookeeper/zk"
)

// The looks work against a real ZooKeeper, on nodes made as Aurora and Mesos
// make them.
func TestLooksOnRealZooKeeper(t *testing.T) {
	addr := zktest.Server(t, 200*time.Millisecond)
	owner, events, err := gozk.Connect([]string{addr}, 4*time.Second, gozk.WithLogger(silence{}))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		owner.Close()
		for range events { // closed with the client's goroutines
		}
	}()
	everybody := gozk.WorldACL(gozk.PermAll)
	for _, path := range []string{"/aurora", "/aurora/scheduler", "/aurora/log", "/mesos", "/empty"} {
		if _, err := owner.Create(path, nil, 0, everybody); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range [][2]string{
		{"/aurora/scheduler/_c_66a9c197-1294-46e7-90b0-d113a33a82c0-lock-", "127.0.0.11"},
		{"/aurora/scheduler/_c_c819bfa9-ef11-43a8-9fc7-f028d2dcd078-lock-", "127.0.0.12"},
		{"/aurora/scheduler/member_", `{"serviceEndpoint":{"host":"127.0.0.11","port":8081},"additionalEndpoints":{},"status":"ALIVE"}`},
		{"/aurora/log/", "log-replica(1)@127.0.0.11:8083"},
		{"/aurora/log/", "log-replica(1)@127.0.0.11:8083"},
		{"/mesos/json.info_", `{"address":{"hostname":"m1","ip":"127.0.0.1","port":5050},"pid":"master@127.0.0.1:5050"}`},
	} {
		if _, err := owner.Create(node[0], []byte(node[1]), gozk.FlagEphemeralSequential, everybody); err != nil {
			t.Fatal(err)
		}
	}
	c, ctx := client(addr), context.Background()
	candidates, err := c.Candidates(ctx, "/aurora/scheduler")
	if err != nil || len(candidates) != 2 || candidates[0].Host != "127.0.0.11" || candidates[0].SessionOwner != owner.SessionID() {
		t.Errorf("Candidates = %+v, %v", candidates, err)
	}
	members, err := c.Members(ctx, "/aurora/scheduler")
	if err != nil || len(members) != 1 || members[0].Sequence != "0000000002" {
		t.Errorf("Members = %+v, %v", members, err)
	}
	replicas, err := c.LogReplicas(ctx, "/aurora/log")
	if err != nil || len(replicas) != 2 || !replicas[0].Stale || replicas[1].Stale {
		t.Errorf("LogReplicas = %+v, %v", replicas, err)
	}
	masters, err := c.MesosMaster(ctx, "/mesos")
	if err != nil || len(masters) != 1 || masters[0].Hostname != "m1" {
		t.Errorf("MesosMaster = %+v, %v", masters, err)
	}
	if list, err := c.Members(ctx, "/empty"); err != nil || list == nil || len(list) != 0 {
		t.Errorf("empty: %v, %v", list, err)
	}
	if _, err := c.Members(ctx, "/missing"); !errors.Is(err, ErrNoNode) {
		t.Errorf("missing: %v", err)
	}
}

// Who leads a cluster in which all schedulers are disabled: the first
// candidate, for nobody is advertised.
func ExampleClient_Candidates() {
	server, err := recordedServer("three-prepared.txt")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	client := New(Address{Servers: []string{server.Addr()}}, nil)
	candidates, err := client.Candidates(context.Background(), "/aurora/scheduler")
	for _, c := range candidates {
		fmt.Println(c.Sequence, c.Host)
	}
	members, err2 := client.Members(context.Background(), "/aurora/scheduler")
	fmt.Println(len(members), "advertised", err, err2)
	// Output:
	// 0000000014 127.0.0.11
	// 0000000015 127.0.0.12
	// 0000000016 127.0.0.13
	// 0 advertised <nil> <nil>
}
