//go:build tools

// Package tools keeps kustomize-controller in go.mod.
package tools

import _ "github.com/fluxcd/kustomize-controller"
