package main

import (
	"errors"
	"log"
	"net/http"
	"sync"
	"time"
)

const (
	firstRetry = 200 * time.Millisecond
	lastRetry  = 10 * time.Second
)

// session is the one session of this Pod and the mark that goes with it. Its state goes starting -> idle -> marking ->
// busy -> clearing -> idle ...; "leaving" (the Pod is being deleted) is final.
type session struct {
	mutex sync.Mutex
	freed *sync.Cond
	state string
	stop  chan struct{}
}

func newSession() *session {
	s := &session{state: "starting", stop: make(chan struct{})}
	s.freed = sync.NewCond(&s.mutex)
	return s
}

func (s *session) current() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.state
}

func (s *session) become(state string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.state = state
	s.freed.Broadcast()
}

// start starts the session and returns the HTTP status and a message: 201 started, 409 one is there, 503 not on this Pod.
func (s *session) start() (int, string) {
	if status, message := s.reserve(); status != 0 {
		return status, message
	}
	leaving, err := markBusy()
	switch {
	case errors.Is(err, errRefused):
		s.become("idle")
	case err != nil:
		s.become("clearing")
		go s.clear()
	case leaving:
		// Too late: the Pod was being deleted before it was marked. The mark goes with it.
		s.become("leaving")
		return http.StatusServiceUnavailable, "this Pod is being deleted: take another one"
	default:
		s.become("busy")
		return http.StatusCreated, "session started"
	}
	log.Printf("cannot mark the Pod busy: %v", err)
	return http.StatusServiceUnavailable, "cannot mark the Pod busy: " + err.Error()
}

// reserve goes from idle to marking and returns 0, or says why it cannot.
func (s *session) reserve() (int, string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch {
	case s.stopped() || s.state == "leaving":
		return http.StatusServiceUnavailable, "this Pod is going away: take another one"
	case s.state == "starting" || s.state == "clearing":
		return http.StatusServiceUnavailable, "this Pod is not free yet: try again"
	case s.state != "idle":
		return http.StatusConflict, "this Pod holds a session already: take another one"
	}
	s.state = "marking"
	return 0, ""
}

// end ends the session. It returns once the mark is off (200), or at once when there is no session (404).
func (s *session) end() (int, string) {
	s.mutex.Lock()
	busy := s.state == "busy"
	if busy {
		s.state = "clearing"
		s.freed.Broadcast()
	}
	s.mutex.Unlock()
	if !busy {
		return http.StatusNotFound, "no session here"
	}
	s.clear()
	return http.StatusOK, "session ended"
}

// clear tries as often as it takes; once the Pod is told to stop, one attempt is enough: the mark goes with it.
func (s *session) clear() {
	for wait := firstRetry; ; wait = min(2*wait, lastRetry) {
		leaving, err := clearMark()
		switch {
		case err != nil:
			log.Printf("cannot clear the busy mark: %v", err)
		case leaving:
			s.become("leaving")
			return
		default:
			s.become("idle")
			return
		}
		select {
		case <-time.After(wait):
		case <-s.stop:
			s.become("leaving")
			return
		}
	}
}

// requestStop: from now on no session starts; a running one goes on until it ends. Call it once.
func (s *session) requestStop() { close(s.stop) }

func (s *session) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// waitUntilFree returns once no session runs or starts.
func (s *session) waitUntilFree() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for s.state == "marking" || s.state == "busy" {
		s.freed.Wait()
	}
}
