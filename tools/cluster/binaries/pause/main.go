// Command pause holds namespaces open: those of a Pod's sandbox, and those of a
// node. As process 1 it reaps orphans; when it leaves, the kernel ends every
// other process of its PID namespace.
//
// It leaves on SIGTERM or SIGINT and, with HOTSTANDBY_LIFELINE=stdin, when its
// standard input ends: the kernel closes that with the owner, however the owner
// ended.
package main

import (
	"io"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if os.Getenv("HOTSTANDBY_LIFELINE") == "stdin" {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(0)
		}()
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			os.Exit(0)
		}
		reap()
	}
}

// reap collects every child that has ended: one SIGCHLD may stand for several.
func reap() {
	for {
		if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
			return
		}
	}
}
