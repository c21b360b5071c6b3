package immutable_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"tahoe/storage/storagetest"
)

// The runs that TestHealthyServersAmongHungOnes makes; TAHOE_CHAOS says another number.
const (
	chaosRuns      = 200
	shortChaosRuns = 16
)

// While k servers are healthy, if slow, a download succeeds in time, whatever the others do.
func TestHealthyServersAmongHungOnes(t *testing.T) {
	runs := chaosRuns
	if testing.Short() {
		runs = shortChaosRuns
	}
	if n, err := strconv.Atoi(os.Getenv("TAHOE_CHAOS")); err == nil {
		runs = n
	}
	files := []encoded{
		encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: mib}, 3*mib+5),
		encodeFile(t, slowEncoder{k: 3, n: 10, maxSegment: 128 << 10}, mib+5),
		encodeFile(t, slowEncoder{k: 2, n: 6, maxSegment: mib}, 2*mib+5),
		encodeFile(t, slowEncoder{k: 1, n: 5, maxSegment: mib}, mib+5),
	}
	for seed := range uint64(runs) {
		t.Run(strconv.FormatUint(seed, 10), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { chaosRun(t, files[seed%uint64(len(files))], seed) })
		})
	}
}

func chaosRun(t *testing.T, e encoded, seed uint64) {
	r := rand.New(rand.NewPCG(seed, 1))
	w := e.world(t, e.g.Total)
	latency := time.Duration(r.IntN(1900)) * time.Millisecond
	var said strings.Builder
	for i, p := range r.Perm(e.g.Total) {
		f := w.faulty[p]
		if i < e.g.Needed {
			f.Add(storagetest.Fault{Effect: storagetest.Delay(latency)})
			continue
		}
		f.Add(storagetest.Fault{When: storagetest.When{Op: storagetest.OpAny}, Effect: storagetest.Delay(time.Duration(r.IntN(300)) * time.Millisecond)})
		fault := randomFault(r)
		f.Add(fault)
		if r.IntN(4) == 0 {
			w.servers[p] = newUpServer(t, p, dripping{f, time.Duration(1+r.IntN(2000)) * time.Millisecond})
			fmt.Fprint(&said, "drips, ")
		}
		fmt.Fprintf(&said, "%d %v; ", p, fault)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	begin := time.Now()
	var b bytes.Buffer
	err := w.downloader().Open(e.chk).Read(ctx, 0, int64(len(e.plain)), &b)
	if err != nil || !bytes.Equal(b.Bytes(), e.plain) || time.Since(begin) > 30*time.Second {
		t.Errorf("seed %d, k=%d latency %v: after %v %d bytes, %v\n%s", seed, e.g.Needed, latency, time.Since(begin), b.Len(), err, said.String())
	}
}

func randomFault(r *rand.Rand) storagetest.Fault {
	at := int64(r.IntN(800_000))
	if r.IntN(2) == 0 {
		at = int64(r.IntN(2000))
	}
	return []storagetest.Fault{
		storagetest.HangAll(storagetest.OpRead),
		storagetest.HangAll(storagetest.OpBuckets),
		{When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Stall(at)},
		{When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Stall(at)},
		{When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Break(at, storagetest.ErrFault)},
		{When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Truncate(at)},
		{When: storagetest.When{Op: storagetest.OpRead}, Effect: storagetest.Flip(at, 1)},
	}[r.IntN(7)]
}
