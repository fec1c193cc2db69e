package main

import (
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/spf13/cobra"
)

// newRedisCommand serves what Argo CD's own core mode (`argocd --core`) takes for Redis.
func newRedisCommand() *cobra.Command {
	return &cobra.Command{
		Use:  "argocd-redis HOST:PORT",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			server := miniredis.NewMiniRedis()
			if err := server.StartAddr(args[0]); err != nil {
				return err
			}
			// Its keys do not age by themselves.
			for range time.Tick(time.Second) {
				server.FastForward(time.Second)
			}
			return nil
		},
	}
}
