package clients_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

// A lock is a door as those see it who sign in there, and an account that others use there.
type lock struct {
	account string
	try     func(from, name, pw string) error
}

func (h *house) locks() []lock {
	return []lock{{"sftp", h.trySFTP}, {"curl-ftps", h.tryFTPS}, {"curl-dav", h.tryDAV}}
}

func (h *house) trySFTP(from, name, pw string) error {
	_, leave, err := h.session(from, name, pw)
	if err == nil {
		leave()
	}
	return err
}

// guesses tries passwords at every door, each time for another account, from one address: it is soon locked out, the log says so without any
// password, and the owner signs in from elsewhere all the while.
func (h *house) guesses(t *testing.T, many int) {
	if runtime.GOOS != "linux" {
		t.Skip("takes several addresses of this machine")
	}
	for k, door := range h.locks() {
		t.Run(door.account, func(t *testing.T) {
			bad := fmt.Sprintf("127.0.2.%d", k+1)
			for n := range many {
				if door.try(bad, door.account, fmt.Sprint("guessed-", n)) == nil {
					t.Fatal("a guess went through")
				}
			}
			if door.try(bad, door.account, password) == nil {
				t.Error("who guesses is not locked out")
			}
			if err := door.try(fmt.Sprintf("127.0.3.%d", k+1), door.account, password); err != nil {
				t.Errorf("the owner is locked out elsewhere: %v", err)
			}
		})
	}
	log := h.log()
	if n := strings.Count(log, "sign-in refused"); n < 3*many {
		t.Errorf("the log has %d refusals, want %d", n, 3*many)
	}
	if strings.Contains(log, "guessed-") || strings.Contains(log, password) {
		t.Error("the log has passwords")
	}
}

// siege tries passwords for alice and for others at all doors, many at once and from many addresses. None is right; the guard lets hardly any of them be looked
// at; each is in the log. Meanwhile alice signs in where she did before, and others where they never did.
func (h *house) siege(t *testing.T, guesses int) {
	if runtime.GOOS != "linux" {
		t.Skip("takes many addresses of this machine")
	}
	const atOnce, addresses, home = 180, 200, "127.0.5.1"
	for _, door := range h.locks() {
		if err := door.try(home, user, password); err != nil {
			t.Fatal(err)
		}
	}
	began, before := time.Now(), h.log()
	todo := make(chan int)
	var attackers, owners sync.WaitGroup
	for range atOnce {
		attackers.Go(func() {
			for n := range todo {
				name := []string{user, "curl-ftp", "nobody"}[n%3]
				if door := h.locks()[n/3%3]; door.try(fmt.Sprintf("127.0.4.%d", n%addresses+1), name, fmt.Sprint("guessed-", n)) == nil {
					t.Errorf("guess %d went through", n)
				}
			}
		})
	}
	stop := make(chan struct{})
	in := 0
	owners.Go(func() { in = h.meanwhile(t, home, addresses, stop) })
	end := began.Add(20 * time.Minute)
	for n := range guesses {
		if time.Now().After(end) {
			t.Errorf("only %d guesses in 20 minutes", n)
			break
		}
		todo <- n
	}
	close(todo)
	attackers.Wait()
	close(stop)
	owners.Wait()
	h.besieged(t, strings.TrimPrefix(h.log(), before), guesses, time.Since(began))
	t.Logf("%d guesses in %v, and %d sign-ins meanwhile", guesses, time.Since(began).Round(time.Second), in)
	if in < 6 {
		t.Errorf("only %d people signed in meanwhile", in)
	}
}

// meanwhile lets alice sign in at home, and others at addresses that nobody knows, until it is told to stop. It says how many did.
func (h *house) meanwhile(t *testing.T, home string, addresses int, stop <-chan struct{}) (in int) {
	for n := 0; ; n++ {
		select {
		case <-stop:
			return in
		default:
		}
		door := h.locks()[n%3]
		if err := door.try(home, user, password); err != nil {
			t.Errorf("alice is kept out of her place: %v", err)
		}
		if err := door.try(fmt.Sprintf("127.0.6.%d", n%addresses+1), door.account, password); err != nil {
			t.Errorf("%s is kept out: %v", door.account, err)
		}
		in += 2
		time.Sleep(100 * time.Millisecond)
	}
}

// besieged says what the log has of a siege.
func (h *house) besieged(t *testing.T, log string, guesses int, took time.Duration) {
	refused, lockedOut := 0, 0
	for line := range strings.Lines(log) {
		if strings.Contains(line, "sign-in refused") {
			refused++
			if strings.Contains(line, "locked out") {
				lockedOut++
			}
		}
	}
	if refused < guesses {
		t.Errorf("the log has %d refusals, want %d", refused, guesses)
	}
	// Of each of the three names 30, those that were being looked at when that was enough, and one more every 20 seconds.
	if looked, most := refused-lockedOut, 3*(30+3+1+int(took/(20*time.Second))); looked > most {
		t.Errorf("%d guesses were looked at, want no more than %d", looked, most)
	}
	if strings.Contains(log, "guessed-") || strings.Contains(log, password) {
		t.Error("the log has passwords")
	}
}

// log is what the node has written.
func (h *house) log() string { return h.grid.Client.Output() }

func (h *house) tryFTPS(from, name, pw string) error {
	conn, err := h.dial("FTPS", from)
	if err != nil {
		return err
	}
	c := tls.Client(conn, &tls.Config{InsecureSkipVerify: true})
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	buf := make([]byte, 4096)
	for _, line := range []string{"", "USER " + name, "PASS " + pw} {
		if line != "" {
			if _, err := io.WriteString(c, line+"\r\n"); err != nil {
				return err
			}
		}
		n, err := c.Read(buf)
		if err != nil {
			return err
		}
		if buf[0] > '3' {
			return errors.New(string(buf[:n]))
		}
	}
	return nil
}

func (h *house) tryDAV(from, name, pw string) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	tr := &http.Transport{DialContext: d.DialContext, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	defer tr.CloseIdleConnections()
	req, err := http.NewRequest("OPTIONS", "https://"+h.tcp["WebDAV"]+"/", nil)
	if err != nil {
		return err
	}
	req.SetBasicAuth(name, pw)
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		return errors.New(resp.Status)
	}
	return nil
}
