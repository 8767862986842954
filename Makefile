# One door. Each target is one line, the same as in CI.
.PHONY: check test test-real lint golden fuzz bench e2e image

check: lint test

test:
	./scripts/test.sh

test-real:
	AURORABOT_REAL=1 go test -count=1 -timeout 20m -run 'Real' ./lab/... ./runner/zk/...

lint:
	./scripts/lint.sh

golden:
	go test ./handlers/... ./bot/blocks/... ./runner/recovery/... -update

fuzz:
	./scripts/fuzz.sh 20s

bench:
	go test -run '^$$' -bench . -benchtime 3x ./runner/backup ./runner/replica

image:
	docker build -t aurorabot .
