# One door. Each target is one line, the same as in CI.
.PHONY: check test test-real test-slack-clients lint golden fuzz bench image

check: lint test

test:
	./scripts/test.sh

test-real:
	AURORABOT_REAL=1 go test -count=1 -timeout 20m -run 'Real|Story|Page' -v ./lab ./lab/host ./lab/cluster ./lab/story ./lab/slack ./runner/zk

lint:
	./scripts/lint.sh

golden:
	go test ./handlers/view ./bot/blocks ./runner/health -update
	go test ./runner/recovery -run Runbook -update

fuzz:
	./scripts/fuzz.sh 20s

test-slack-clients:
	./lab/slack/clients/run.sh

bench:
	./scripts/bench.sh

image:
	docker build -t aurorabot .
