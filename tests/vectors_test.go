package tests_test

import (
	"bytes"
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tahoe/tests/gridtest"
)

// A vector is a file and the capability that the original gives it.
type vector struct {
	Kind, Expected    string
	Convergence, Seed []byte
	Length            int
	SegmentSize       int64 `json:"segment_size"`
	K, N              int
}

func (v vector) plaintext() []byte {
	return bytes.Repeat(v.Seed, v.Length/len(v.Seed)+1)[:v.Length]
}

// setting is what a node has to be told to give the capability.
func (v vector) setting() string {
	return fmt.Sprintf("%x %d of %d, %d", v.Convergence, v.K, v.N, v.SegmentSize)
}

func chkVectors(t *testing.T) []vector {
	t.Helper()
	raw, err := os.ReadFile("../../shared/vectors/capabilities.json")
	if errors.Is(err, fs.ErrNotExist) {
		t.Skip("the original's vectors are not here: ../shared/vectors/capabilities.json")
	}
	var file struct{ Cases []vector }
	if err = errors.Join(err, json.Unmarshal(raw, &file)); err != nil {
		t.Fatal(err)
	}
	var chk []vector
	for _, v := range file.Cases {
		if v.Kind == "chk" {
			chk = append(chk, v)
		}
	}
	return chk
}

// The capabilities of immutable files come out of a running node as they come out of the original: all 120 of them with
// -long, else the smaller ones, for the upload pipeline alone is tested with all.
func TestLongVectorsThroughANode(t *testing.T) { needsLong(t); vectorsThroughANode(t, chkVectors(t)) }

func TestVectorsThroughANode(t *testing.T) {
	needsGrid(t)
	vectorsThroughANode(t, slices.DeleteFunc(chkVectors(t), func(v vector) bool { return v.Length > 1<<18 || v.K == 71 }))
}

func vectorsThroughANode(t *testing.T, all []vector) {
	g := gridtest.New(t, gridtest.Config{})
	g.Client.Stop()
	bySetting := map[string][]vector{}
	for _, v := range all {
		bySetting[v.setting()] = append(bySetting[v.setting()], v)
	}
	equal := 0
	for name, vectors := range bySetting {
		v := vectors[0]
		secret := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(v.Convergence))
		if err := os.WriteFile(g.ClientDir()+"/private/convergence", []byte(secret+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		g.StartClient(map[string]string{
			"client/shares.needed": strconv.Itoa(v.K), "client/shares.total": strconv.Itoa(v.N), "client/shares.happy": "1",
			"client/shares._max_immutable_segment_size_for_testing": strconv.FormatInt(v.SegmentSize, 10),
		})
		for _, v := range vectors {
			data := v.plaintext()
			got := put(t, g, bytes.NewReader(data), int64(len(data)))
			if got != v.Expected {
				t.Errorf("%s, %d bytes: the capability differs from the original's: got %.20s…, want %.20s…", name, v.Length, got, v.Expected)
				continue
			}
			equal++
			if err := sameBytes(g, got, bytes.NewReader(data)); err != nil {
				t.Errorf("%s, %d bytes: %v", name, v.Length, err)
			}
		}
		g.Client.Stop()
	}
	t.Logf("%d of %d capabilities are equal to the original's, with %d settings", equal, len(all), len(bySetting))
}
