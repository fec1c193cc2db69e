// Command node is every long-running program a real node needs, in one binary:
// the first argument names the program. The shim and the CNI plugins start once
// per Pod and stay small programs of their own.
package main

import (
	"context"
	"fmt"
	"os"

	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins"
	containerd "github.com/containerd/containerd/v2/cmd/containerd/command"
	ctr "github.com/containerd/containerd/v2/cmd/ctr/app"
	"hotstandby.paia.tech/tools/cluster/binaries/lifeline"
	"k8s.io/component-base/cli"
	_ "k8s.io/component-base/metrics/prometheus/clientgo"
	_ "k8s.io/component-base/metrics/prometheus/version"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
	kubelet "k8s.io/kubernetes/cmd/kubelet/app"
)

func main() {
	programs := map[string]func() int{
		"kubelet":    func() int { return cli.Run(kubelet.NewKubeletCommand(context.Background())) },
		"kube-proxy": func() int { return cli.Run(proxy.NewProxyCommand()) },
		"containerd": func() int { return report(containerd.App().Run(context.Background(), os.Args)) },
		"ctr":        func() int { return report(ctr.New().Run(context.Background(), os.Args)) },
	}
	if len(os.Args) < 2 || programs[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: node kubelet|kube-proxy|containerd|ctr [flags]")
		os.Exit(2)
	}
	name := os.Args[1]
	os.Args = append([]string{name}, os.Args[2:]...)
	lifeline.Hold()
	os.Exit(programs[name]())
}

func report(err error) int {
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", os.Args[0], err)
		return 1
	}
	return 0
}
