// Package lifeline ends a program when the process that started it is gone,
// however that one ended (SIGKILL included). The owner holds the other end of
// the program's standard input; the kernel closes it with the owner.
//
// prctl(PR_SET_PDEATHSIG) is not used: it is Linux only, follows the thread
// that forked rather than the process, and is lost across some execs.
package lifeline

import (
	"io"
	"os"
)

// Variable asks for it: programs whose standard input is data leave it unset.
const Variable = "HOTSTANDBY_LIFELINE"

// exitCode is 128+SIGKILL: the owner did not get to stop the program.
const exitCode = 137

// Hold returns at once. If Variable is "stdin", the process exits as soon as
// its standard input ends; the variable is taken out of the environment so that
// children with other plans for their input do not see it.
func Hold() {
	if os.Getenv(Variable) != "stdin" {
		return
	}
	os.Unsetenv(Variable)
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(exitCode)
	}()
}
