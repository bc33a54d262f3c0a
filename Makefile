# "make help" lists the targets.
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

GO         ?= go
BIN        := bin
PLUGIN     := $(BIN)/docker-haproxy$(shell $(GO) env GOEXE)
PLUGIN_DIR := $(or $(DOCKER_CONFIG),$(HOME)/.docker)/cli-plugins
MODULE     := github.com/docker-haproxy/docker-haproxy
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT     ?= $(shell git rev-parse -q --verify HEAD 2>/dev/null)
# The SDK stamps its version on containers and is told it by the linker only.
COMPOSE    = $(shell $(GO) list -m -f '{{.Version}}' github.com/docker/compose/v5)
LDFLAGS    = -s -w -X $(MODULE)/plugin/about.Version=$(VERSION) -X $(MODULE)/plugin/about.Commit=$(COMMIT) \
             -X github.com/docker/compose/v5/internal.Version=$(COMPOSE)

# Tools have modules of their own; the version is in the file's name, so that an upgrade rebuilds.
GOLANGCI_LINT      := $(BIN)/golangci-lint-$(shell sed -n 's|.*/golangci-lint/v2 \(v[^ ]*\).*|\1|p' hack/tools/golangci/go.mod)
GORELEASER_VERSION := $(shell sed -n 's|.*/goreleaser/v2 \(v[^ ]*\).*|\1|p' hack/tools/goreleaser/go.mod)
GORELEASER         := $(BIN)/goreleaser-$(GORELEASER_VERSION)
RELEASE_CONFIG     := $(BIN)/goreleaser-config-check-$(GORELEASER_VERSION)

##@ Use
.PHONY: build install demo
build: ## Build the plugin into bin/
	CGO_ENABLED=0 $(GO) build -trimpath -ldflags '$(LDFLAGS)' -o $(PLUGIN) ./cmd/docker-haproxy

install: build ## Install the plugin for this user: docker haproxy
	@mkdir -p $(PLUGIN_DIR)
	install -m 0755 $(PLUGIN) $(PLUGIN_DIR)/
	@echo "docker haproxy $(VERSION) is in $(PLUGIN_DIR)"

demo: install ## From nothing to three balanced servers in ./demo
	@hack/demo.sh

##@ Develop
.PHONY: test lint unit e2e images bench docs
test: lint unit e2e ## Everything: lint, unit tests, scenarios on the real engine

lint: $(GOLANGCI_LINT) $(RELEASE_CONFIG) ## Linters, the import rules, the release's configuration
	$(GOLANGCI_LINT) run ./...
	$(RELEASE_CONFIG) goreleaser.yaml

unit: ## Unit tests (no engine needed)
	$(GO) test -short ./...

# The real HAProxy image where it can be pulled; the app must be ours, for what the scenarios ask of it.
e2e: images ## Scenarios through the docker CLI on the real engine
	@images=$$(ECHO_IMAGE=localhost/docker-haproxy/echo:1 hack/choose-images.sh) && eval "$$images" && \
	echo "Scenarios with $$HAPROXY_IMAGE and $$ECHO_IMAGE" && \
	HAPROXY_IMAGE=$$HAPROXY_IMAGE ECHO_IMAGE=$$ECHO_IMAGE $(GO) test -count=1 -timeout 60m -parallel 4 ./e2e/...

images: ## Get the images that tests and demo need; built here where none can be pulled
	@hack/images.sh all

bench: build ## The project's own benchmarks, in one run of 15 minutes: writes docs/benchmarks.md
	@hack/images.sh localhost/docker-haproxy/haproxy:3.2 localhost/docker-haproxy/echo:1 peers
	@compose=$$(hack/compose.sh) && $(GO) run ./hack/bench -plugin $(PLUGIN) -compose "$$compose"

docs: ## Write docs/reference from the commands
	$(GO) run ./hack/docs

##@ Release
.PHONY: release-check release-snapshot
release-check: $(GORELEASER) ## goreleaser's own check of goreleaser.yaml
	$(GORELEASER) check goreleaser.yaml

release-snapshot: $(GORELEASER) ## Archives and packages of all platforms in dist/; publishes nothing
	$(GORELEASER) release --snapshot --clean --skip=publish

$(GOLANGCI_LINT):
	CGO_ENABLED=0 $(GO) -C hack/tools/golangci build -trimpath -o ../../../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint

$(GORELEASER):
	CGO_ENABLED=0 $(GO) -C hack/tools/goreleaser build -trimpath -o ../../../$@ github.com/goreleaser/goreleaser/v2

$(RELEASE_CONFIG): hack/tools/goreleaser/check/main.go
	CGO_ENABLED=0 $(GO) -C hack/tools/goreleaser build -trimpath -o ../../../$@ ./check

##@ Clean
.PHONY: clean
clean: ## Remove what was built (not what make install installed, not ./demo)
	rm -rf $(BIN) dist

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s:\n", substr($$0, 5)} /^[a-z0-9-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
