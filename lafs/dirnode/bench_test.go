package dirnode_test

import (
	"fmt"
	"testing"
	"time"

	"tahoe/lafs/dirnode"
	"tahoe/reactor"
)

// The parts of a request in a directory of 10,000.

func BenchmarkParse(b *testing.B) {
	k := writeCap(1)
	contents := large(b, k, 10_000)
	b.SetBytes(int64(len(contents)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := dirnode.Parse(contents, k); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecode(b *testing.B) {
	k := writeCap(1)
	table, err := dirnode.Parse(large(b, k, 10_000), k)
	if err != nil {
		b.Fatal(err)
	}
	pool := reactor.NewPool(0)
	b.SetBytes(int64(table.Size()))
	b.ReportAllocs()
	for b.Loop() {
		if entries, err := table.Entries(b.Context(), pool); err != nil || len(entries) != 10_000 {
			b.Fatal(err)
		}
	}
}

func BenchmarkEdit(b *testing.B) {
	k := writeCap(1)
	contents := large(b, k, 10_000)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		i++
		table, err := dirnode.Parse(contents, k)
		if err != nil {
			b.Fatal(err)
		}
		draft := dirnode.NewDraft(table)
		set := &dirnode.Set{Children: []dirnode.NewChild{{Name: fmt.Sprint("new", i), Child: literal(b, "x")}}, At: time.Unix(1, 0)}
		if err := set.Apply(draft); err != nil {
			b.Fatal(err)
		}
		if _, changed := draft.Contents(); !changed {
			b.Fatal("nothing was changed")
		}
	}
}
