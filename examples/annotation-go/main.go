// A server that holds one session at a time and marks its own Pod busy while it does. Standard library only.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	log.SetFlags(0)
	for _, name := range []string{"KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT", "POD_NAMESPACE", "POD_NAME", "POD_UID"} {
		if os.Getenv(name) == "" {
			log.Fatalf("%s is not set: run in a Pod whose template sets it (see env in hsd.yaml)", name)
		}
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)

	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		log.Fatal(err)
	}
	s := newSession()
	server := &http.Server{Handler: routes(s)}
	go server.Serve(listener)
	fmt.Printf("listening on port %d\n", listener.Addr().(*net.TCPAddr).Port)

	// An earlier run of this container may have died in a session and left its mark on the Pod.
	go s.clear()

	// The kubelet waits terminationGracePeriodSeconds from here: longer than a session may last.
	received := <-stop
	s.requestStop()
	plan := "leaving"
	if s.current() == "busy" {
		plan = "leaving when the session has ended"
	}
	fmt.Printf("%v: %s\n", received, plan)
	s.waitUntilFree()
	// Waits for requests under way.
	if err := server.Shutdown(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func routes(s *session) http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, message string) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		json.NewEncoder(w).Encode(map[string]string{"state": s.current(), "message": message})
	}
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		if s.current() == "starting" {
			status = http.StatusServiceUnavailable
		}
		answer(w, status, os.Getenv("POD_NAME"))
	})
	mux.HandleFunc("POST /session", func(w http.ResponseWriter, _ *http.Request) {
		status, message := s.start()
		answer(w, status, message)
	})
	mux.HandleFunc("DELETE /session", func(w http.ResponseWriter, _ *http.Request) {
		status, message := s.end()
		answer(w, status, message)
	})
	return mux
}
