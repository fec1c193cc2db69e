//go:build tools

// Package tools keeps Helm 3 in go.mod.
package tools

import _ "helm.sh/helm/v3/cmd/helm"
