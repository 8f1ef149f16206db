.DEFAULT_GOAL := help
COMPOSE := docker compose

.PHONY: help deps start-dev start-dev-nocache stop-dev clean clean-full test

help: ## Show what there is to make
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "%-20s %s\n", $$1, $$2 }'

deps: ## Install what package-lock.json names, Node included
	npm ci

start-dev: ## Build the image and start everything; the board is on http://localhost:3000
	$(COMPOSE) up --build --detach

start-dev-nocache: ## The same, from an image built anew
	$(COMPOSE) build --no-cache --pull
	$(COMPOSE) up --detach

stop-dev: ## Stop everything; the data stays
	$(COMPOSE) down --remove-orphans

clean: ## Remove what was built
	rm -rf dist coverage *.tgz

clean-full: clean ## Also stop everything, and remove the data, the image and the packages
	-$(COMPOSE) down --remove-orphans --volumes --rmi local
	rm -rf .millrace node_modules

test: ## Run every test
	npm test
