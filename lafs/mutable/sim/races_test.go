package sim_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/caps"
	"tahoe/lafs/mutable"
	"tahoe/lafs/mutable/layout"
	"tahoe/storage"
	"tahoe/storage/storagetest"
)

// The races that simulations find once in a thousand runs, each put together by hand.

// A lane is how one gateway reaches one server: writes may be late, or fail.
type lane struct {
	storage.Server
	writes func() (late time.Duration, err error)
}

func (l lane) TestAndWrite(ctx context.Context, i storage.Index, w storage.SlotWrite) (storage.SlotResult, error) {
	late, err := l.writes()
	if err != nil {
		return storage.SlotResult{}, err
	}
	time.Sleep(late)
	return l.Server.TestAndWrite(ctx, i, w)
}

// race makes a file of five shares, any two of which rebuild it, and gives gateways A and B, which know it. a and b say what happens
// to their writes from now on.
func race(t *testing.T, a, b func(server int) (time.Duration, error)) (w *world, fa, fb *mutable.File) {
	t.Helper()
	w = newWorld(t, caps.SDMF, faultServers, faultNeeded, faultServers)
	started := false
	via := func(f func(server int) (time.Duration, error)) func(int, storage.Server) storage.Server {
		return func(server int, s storage.Server) storage.Server {
			return lane{s, func() (time.Duration, error) {
				if !started || f == nil {
					return 0, nil
				}
				return f(server)
			}}
		}
	}
	fa, err := w.create(t.Context(), w.gateway(1, via(a)), []byte("start"))
	must(t, err)
	fb = w.open(w.gateway(2, via(b)))
	_, err = fb.Modify(t.Context(), 100, add(" known"))
	must(t, err)
	_, _, err = readAll(t.Context(), fa)
	must(t, err)
	started = true
	return w, fa, fb
}

func add(token string) func(old []byte) ([]byte, error) {
	return func(old []byte) ([]byte, error) {
		if bytes.Contains(old, []byte(token)) {
			return nil, mutable.ErrUnchanged
		}
		return append(bytes.Clone(old), token...), nil
	}
}

// holds checks what a reader who knows nothing sees.
func (w *world) holds(tokens ...string) {
	w.t.Helper()
	b, v, err := readAll(w.t.Context(), w.open(w.gateway(9, nil)))
	for _, token := range tokens {
		if err != nil || !bytes.Contains(b, []byte(token)) {
			w.t.Errorf("version %v is %q, %v: %q is lost, which was done", v, b, err, token)
		}
	}
}

// modify appends a token.
func (w *world) modify(f *mutable.File, token string) {
	if _, err := f.Modify(w.t.Context(), 1000, add(token)); err != nil {
		w.t.Errorf("appending %q: %v", token, err)
	}
}

var errGone = errors.New("gone")

// B looks while A's version arrives: one server has it, the others will before B writes. B must not take that share away.
func TestWriterMeetsArrivingVersion(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, fa, _ := race(t, func(server int) (time.Duration, error) {
			switch server {
			case 0:
				return 0, errGone
			case 1:
				return 0, nil
			}
			return 500 * time.Millisecond, nil
		}, nil)
		fresh := w.open(w.gateway(3, func(_ int, s storage.Server) storage.Server {
			return lane{s, func() (time.Duration, error) { return time.Second, nil }}
		}))
		var both sync.WaitGroup
		both.Go(func() { w.modify(fa, " A") })
		time.Sleep(100 * time.Millisecond)
		both.Go(func() { w.modify(fresh, " B") })
		time.Sleep(1500 * time.Millisecond)
		w.holds(" A")
		both.Wait()
		w.holds(" A", " B")
		w.audit(nil)
	})
}

// A's version is on two servers and done; B, who could not know it, got three. B gives way.
func TestSurprisedWriterGivesWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var taken [faultServers]atomic.Bool
		w, fa, fb := race(t, func(server int) (time.Duration, error) {
			if server < 3 || taken[server].Swap(true) {
				return 0, errGone
			}
			return 0, nil
		}, nil)
		_, err := fa.Modify(t.Context(), 100, add(" A"))
		must(t, err)
		_, err = fb.Modify(t.Context(), 100, add(" B"))
		must(t, err)
		w.holds(" A", " B")
		w.audit(nil)
	})
}

// A's version is on three servers and done. B left two shares of another on the servers that A did not reach, and gave up.
func TestMoreSharesWin(t *testing.T) {
	for range 8 { // the roots are as chance will have it
		synctest.Test(t, func(t *testing.T) {
			w, fa, fb := race(t, func(server int) (time.Duration, error) {
				if server < 2 {
					return 0, errGone
				}
				return 0, nil
			}, nil)
			_, err := fa.Modify(t.Context(), 100, add(" A"))
			must(t, err)
			calls := 0
			_, err = fb.Modify(t.Context(), 100, func(old []byte) ([]byte, error) {
				if calls++; calls > 1 {
					return nil, errGone
				}
				return add(" B")(old)
			})
			if !errors.Is(err, errGone) || outcomeOf(err) != unknown {
				t.Errorf("B ended with %v", err)
			}
			w.holds(" A")
		})
	}
}

// Each time that B has looked, A is faster. What B left at its first attempt is in its last error.
func TestDoubtIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		w, fa, fb := race(t, func(server int) (time.Duration, error) {
			if first && server == 0 {
				return 0, errGone
			}
			return 0, nil
		}, nil)
		n := 0
		_, err := fb.Modify(t.Context(), 1000, func(old []byte) ([]byte, error) {
			n++
			_, err := fa.Modify(t.Context(), 1000, add(fmt.Sprint(" A", n)))
			must(t, err)
			first = false
			return append(bytes.Clone(old), " B"...), nil
		})
		e, ok := errors.AsType[*mutable.UncoordinatedWriteError](err)
		if !ok || !e.MayRemain {
			t.Errorf("B ended with %v", err)
		}
		w.holds(" A1", fmt.Sprint(" A", n))
	})
}

// A write that no server took says so.
func TestRefusedEverywhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, fa, _ := race(t, nil, nil)
		n := 0
		_, err := w.open(w.gateway(3, nil)).Modify(t.Context(), 1000, func(old []byte) ([]byte, error) {
			n++
			_, err := fa.Modify(t.Context(), 1000, add(fmt.Sprint(" A", n)))
			must(t, err)
			return append(bytes.Clone(old), " B"...), nil
		})
		e, ok := errors.AsType[*mutable.UncoordinatedWriteError](err)
		if !ok || e.MayRemain || e.Placed != 0 || len(e.Surprised) != faultServers {
			t.Errorf("B ended with %v", err)
		}
		w.holds(" A1", fmt.Sprint(" A", n))
	})
}

// Two shares of the newest version are left by a race, one of them corrupt; of the one before there are three. Everything that
// needs contents works with those.
func TestBestVersionTurnsOutCorrupt(t *testing.T) {
	for _, k := range fileKinds {
		for _, op := range operations {
			if !slices.Contains([]string{"read", "modify", "write at", "read a range"}, op.name) {
				continue
			}
			synctest.Test(t, func(t *testing.T) {
				s := newStage(t, k, op)
				for server := range faultServers {
					for _, n := range s.shares(server) {
						switch server {
						case 0:
							s.mems[server].FlipBit(s.cap.Index(), n, s.placeIn(server, n, layout.PartBlockHashes))
						case 4:
						default:
							s.mems[server].Edit(s.cap.Index(), n, func([]byte) []byte { return s.first[server][n] })
						}
					}
				}
				err := op.run(t.Context(), k, s.world, s.gateway(1, nil))
				if op.name == "write at" {
					must(t, err)
					b, v, err := readAll(t.Context(), s.open(s.gateway(2, nil)))
					if err := same(b, patch(k.first(), k.size-20, "patch"), v, err); err != nil {
						t.Errorf("%v %s: %v", k.format, op.name, err)
					}
				} else if _, short := errors.AsType[*mutable.NotEnoughSharesError](err); err == nil || short {
					t.Errorf("%v %s: %v, and not the contents of the version before", k.format, op.name, err)
				}
			})
		}
	}
}

// Edits through one gateway come one after the other, so that no server refuses any.
func TestOneGatewayIsCoordinated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, fa, _ := race(t, nil, nil)
		before := 0
		for _, f := range w.faulty {
			before += f.Count(storagetest.OpTestAndWrite)
		}
		var all sync.WaitGroup
		var want []string
		for i := range 20 {
			token := fmt.Sprintf(" [%d]", i)
			want = append(want, token)
			all.Go(func() { w.modify(fa, token) })
		}
		all.Wait()
		w.holds(want...)
		after := 0
		for _, f := range w.faulty {
			after += f.Count(storagetest.OpTestAndWrite)
		}
		if n := after - before; n > 21*faultServers { // one may be from memory that B made wrong
			t.Errorf("20 edits took %d writes", n)
		}
	})
}
