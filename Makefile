# One door. Each target is one line, the same as in CI.
.PHONY: check test race test-real test-slack-clients phases faults slack-faults lint audit golden fuzz bench soak crash image release image-test

check: lint test race

test:
	./scripts/test.sh

race:
	./scripts/race.sh

test-real:
	AURORABOT_REAL=1 go test -p 1 -count=1 -timeout 20m -run 'Real|Story|Page' -v ./lab ./lab/host ./lab/cluster ./lab/story ./lab/slack ./runner/zk

lint:
	./scripts/lint.sh

# Needs the internet: known vulnerabilities, dead links. No part of the gate.
audit:
	./scripts/audit.sh

golden:
	go test ./handlers/view ./handlers/files ./handlers/metrics ./bot/blocks ./runner/health -update
	go test ./bot -run Golden -update
	go test ./app -run 'PagesOfHelp|EightyColumns' -update
	go test ./runner/recovery -run Runbook -update
	go test ./docs -run Document -update
	./scripts/man.sh

phases:
	go test ./runner/recovery -count=1 -timeout 20m -run HostVanishes -every-phase

faults:
	go test ./runner/recovery -count=1 -timeout 60m -run EveryFault -every-fault -parallel 5

slack-faults:
	go test ./bot -count=1 -timeout 30m -run SlackFaults -slack-faults -update -parallel 12

fuzz:
	./scripts/fuzz.sh 20s

test-slack-clients:
	./lab/slack/clients/run.sh

bench:
	./scripts/bench.sh

# 200 recoveries in one process, four clusters side by side: some 40 minutes.
soak:
	AURORABOT_SOAK=200 go test -count=1 -timeout 120m -run '^TestSoak$$' -v ./runner/recovery

# kill -9 at every event of a rehearsal: hours. FIRST and LAST narrow it.
crash:
	./scripts/crash.sh "$(FIRST)" "$(LAST)" $(OPTIONS)

image:
	./scripts/image.sh

release:
	./scripts/release.sh

image-test:
	./scripts/image-test.sh
