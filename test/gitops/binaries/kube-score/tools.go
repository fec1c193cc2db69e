//go:build tools

// Package tools keeps kube-score in go.mod.
package tools

import _ "github.com/zegl/kube-score/cmd/kube-score"
