package taghash_test

import (
	"bytes"
	"testing"

	"tahoe/internal/base32"
	"tahoe/internal/taghash"
	"tahoe/storage"
)

// run gives n bytes that count up from first.
func run(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func text[T taghash.Hash | [16]byte | [20]byte | storage.Index](h T) string {
	switch h := any(h).(type) {
	case taghash.Hash:
		return base32.Encode(h[:])
	case [16]byte:
		return base32.Encode(h[:])
	case [20]byte:
		return base32.Encode(h[:])
	}
	return any(h).(storage.Index).String()
}

func short(h taghash.Hash) string { return text([16]byte(h[:16])) }

func summed(h *taghash.Hasher, data string) taghash.Hash {
	_, _ = h.Write([]byte(data))
	return h.Sum()
}

// The answers are those of running nodes: a difference makes files that exist unreadable.
func TestKnownAnswers(t *testing.T) {
	var (
		key, salt = [16]byte(run(0, 16)), [16]byte(run(16, 16))
		tub       = [20]byte(run(0, 20))
		index     = storage.Index(run(200, 16))
		lease     = taghash.Lease(run(100, 32), index, tub)
		thousand  = bytes.Repeat([]byte("x"), 1000)
		s         = func(v storage.Secret) string { return text(v.Bytes()) }
		secret42  = bytes.Repeat([]byte{0x42}, 16)
	)
	for _, c := range []struct {
		name, got, want string
	}{
		{"tag", text(taghash.Sum("tag", []byte("hello world"))), "yra322btzoqjp4ts2jon5dztgnilcdg6jgztgk7joi6qpjkitg2q"},
		{"different tag", text(taghash.Sum("different", []byte("hello world"))), "kfbsfssrv2bvtp3regne6j7gpdjcdjwncewriyfdtt764o5oa7ta"},
		{"different data", text(taghash.Sum("different", []byte("goodbye world"))), "z34pzkgo36chbjz2qykonlxthc4zdqqquapw4bcaoogzvmmcr3zq"},
		{"pair", text(taghash.Pair("tag", []byte("hello"), []byte("world"))), "wmto44q3shtezwggku2fxztfkwibvznkfu6clatnvfog527sb6dq"},
		{"pair, different tag", text(taghash.Pair("different", []byte("hello"), []byte("world"))), "lzn27njx246jhijpendqrxlk4yb23nznbcrihommbymg5e7quh4a"},
		{"pair, different data", text(taghash.Pair("different", []byte("goodbye"), []byte("world"))), "qnehpoypxxdhjheqq7dayloghtu42yr55uylc776zt23ii73o3oq"},

		{"storage index of x", taghash.StorageIndex([16]byte(thousand[:16])).String(), "wvggbrnrezdpa5yayrgiw5nzja"},
		{"storage index", taghash.StorageIndex(key).String(), "hdis5iaveku6lnlaiccydyid7q"},
		{"storage index of nothing", short(taghash.Sum(taghash.TagStorageIndex, nil)), "qb5igbhcc5esa6lwqorsy7e6am"},
		{"block of nothing", text(taghash.Block(nil)), "msjr5bh4evuh7fa3zw7uovixfbvlnstr5b65mrerwfnvjxig2jvq"},
		{"block", text(taghash.Block([]byte("a"))), "y3sk27q7pgak33dts4awrwu322lnvrfb77cswmrx6mjuga6iwgna"},
		{"long block", text(taghash.Block(thousand)), "vr3gxeadvpatcn6lo2hflqmoqxc3kokmmglj3c2wxjz5g75wjstq"},
		{"segment of nothing", text(taghash.CiphertextSegment(nil)), "aovy5aa7jej6ym5ikgwyoi4pxawnoj3wtaludjz7e2nb5xijb7aa"},
		{"long segment", text(taghash.CiphertextSegment(thousand)), "5foawepu2whucjvgstgcmx5dmmh5k4nxcwqvyiefzx7yol6cgiya"},
		{"UEB of nothing", text(taghash.UEB(nil)), "wthsu45q7zewac2mnivoaa4ulh5xvbzdmsbuyztq2a5fzxdrnkka"},
		{"UEB", text(taghash.UEB(thousand)), "tjxfjaijry2cxiwtfnqgxgcp4y5yeq7mi4xkrajm7nc3gmllfzaq"},
		{"ciphertext of nothing", text(taghash.NewCiphertext().Sum()), "itdj6e4njtkoiavlrmxkvpreosscssklunhwtvxn6ggho4rkqwga"},
		{"ciphertext", text(summed(taghash.NewCiphertext(), "a")), "qw27bas5szcuxtktfc7cde5xo6n6vjxgwufhx5ibjhhie44dcsja"},

		{"convergence of nothing", short(taghash.NewConvergence([]byte("converge"), 3, 10, 100).Sum()), "3mo6ni7xweplycin6nowynw2we"},
		{"convergence", short(summed(taghash.NewConvergence(secret42, 3, 10, 131073), "hello world")), "6hhazabk34n2htagwzh4ols2ym"},
		{"convergence without a secret", short(summed(taghash.NewConvergence(nil, 3, 10, 131073), "hello world")), "lsxxqkytx6ktxpic6sgbbwxn7q"},
		{"convergence, long secret", short(summed(taghash.NewConvergence(bytes.Repeat([]byte("y"), 200), 101, 256, 131149), string(thousand))), "fq3yq3t3geszun2xcmye5ynphy"},

		{"empty leaf 0", text(taghash.EmptyLeaf(0)), "4abeomayryw6kzfgs7gctb2apmsk47vwxcabsda2am32k5aokj5a"},
		{"empty leaf 11", text(taghash.EmptyLeaf(11)), "poufb4tr2l77rz2imy4rfsgbs2f5zskk26ekudz74ahvyslgposa"},
		{"empty leaf 1000000", text(taghash.EmptyLeaf(1000000)), "5ouvh3bj26ed4ubwnrswc42tjpnx5kfek6cbjtlb5fs37bip5p2q"},
		{"node", text(taghash.Node(taghash.EmptyLeaf(0), taghash.EmptyLeaf(11))), "sumk7gpdrx347y5pueinbyjs6drpzz2rm6hm7pe2epv4tcrtn4pa"},

		{"renew secret", s(lease.Renew), "t46bxcltojfjopfjkskdnibhfpi5xia4kjjjsc2zqksh3p7ibytq"},
		{"cancel secret", s(lease.Cancel), "bu2tthgwdhuogfuawbsvvi4a3fkqzzulrqnqhdxfo3dxutmyu5ba"},
		{"client's renew secret, swapped", text(taghash.Sum("", []byte(taghash.TagClientRenew))), "ujhr5k5f7ypkp67jkpx6jl4p47pyta7hu5m527cpcgvkafsefm6q"},
		{"client's cancel secret, swapped", text(taghash.Sum("", []byte(taghash.TagClientCancel))), "rjwzmafe2duixvqy6h47f5wfrokdziry6zhx4smew4cj6iocsfaa"},
		{"file's renew secret", text(taghash.Pair(taghash.TagFileRenew, nil, []byte("si"))), "hzshk2kf33gzbd5n3a6eszkf6q6o6kixmnag25pniusyaulqjnia"},
		{"file's cancel secret", text(taghash.Pair(taghash.TagFileCancel, nil, []byte("si"))), "bfciwvr6w7wcavsngxzxsxxaszj72dej54n4tu2idzp6b74g255q"},
		{"bucket's renew secret", text(taghash.Pair(taghash.TagBucketRenew, nil, make([]byte, 20))), "e7imrzgzaoashsncacvy3oysdd2m5yvtooo4gmj4mjlopsazmvuq"},
		{"bucket's cancel secret", text(taghash.Pair(taghash.TagBucketCancel, nil, make([]byte, 20))), "dvdujeyxeirj6uux6g7xcf4lvesk632aulwkzjar7srildvtqwma"},

		{"write key of nothing", text(taghash.WriteKey(nil)), "ykpgmdbpgbb6yqz5oluw2q26ye"},
		{"write key", text(taghash.WriteKey([]byte("private"))), "zaqvykwxhkwxbd2cmuytpdx6qy"},
		{"fingerprint of nothing", text(taghash.Fingerprint(nil)), "3opzw4hhm2sgncjx224qmt5ipqgagn7h5zivnfzqycvgqgmgz35q"},
		{"fingerprint", text(taghash.Fingerprint([]byte("public"))), "ktcfcwarrjzz2ep2avmh7qoid3oq2zrub5akbmmkrqtgwpmrx2ya"},
		{"read key of nothing", short(taghash.Sum(taghash.TagReadKey, nil)), "vugid4as6qbqgeq2xczvvcedai"},
		{"read key", text(taghash.ReadKey(key)), "zlnpn42lu7xedonux53kr42hsm"},
		{"mutable index of nothing", short(taghash.Sum(taghash.TagMutableIndex, nil)), "j7icz6kigb6hxrej3tv4z7ayym"},
		{"mutable index", taghash.MutableIndex(key).String(), "7bs5jkfinmdx2syxcylygn7sdy"},
		{"data key of words", short(taghash.Pair(taghash.TagDataKey, []byte("iv"), []byte("rk"))), "73wsaldnvdzqaf7v4pzbr2ae5a"},
		{"data key", text(taghash.DataKey(key, salt)), "tkahvshrtlffbmn5adsj2cfvja"},
		{"write enabler master of nothing", text(taghash.Sum(taghash.TagWriteEnablerMaster, nil)), "izbfbfkoait4dummruol3gy2bnixrrrslgye6ycmkuyujnenzpia"},
		{"write enabler of a word", text(taghash.WriteEnablerOf([]byte("wk"), [20]byte{})), "fuu2dvx7g6gqu5x22vfhtyed7p4pd47y5hgxbqzgrlyvxoev62tq"},
		{"write enabler", s(taghash.WriteEnabler(key, tub)), "trzwgt5ri5trio7wlew6b3inos4w2srfk6klakmv7xbkdmfeqyeq"},

		{"child key of words", short(taghash.Pair(taghash.TagChildKey, []byte("iv"), []byte("wk"))), "6rvn2iqrghii5n4jbbwwqqsnqu"},
		{"child key", text(taghash.ChildKey(key, salt)), "d6q6fe4s4toz5aqmszjfxmxdqe"},
		{"child salt", text(taghash.ChildSalt([]byte("URI:SSK:x"))), "uyw5gein55x2qsn4jbvsegqwae"},
		{"child MAC of nothing", text(taghash.ChildMAC([]byte("tag"), nil)), "c54ypfi6pevb3nvo6ba42jtglpkry2kbdopqsi7dgrm4r7tw5sra"},
		{"child MAC", text(taghash.ChildMAC(key[:], []byte("data"))), "52uwm5tctlik3po3bzetbslrutrkqxx4ssgcmiwhzpp32ynl7tcq"},
		{"backup directory", text(taghash.BackupDirectory([]byte("contents"))), "ygkbptafwmgsixvmnc75p7643s3na5uphdzqipcuu6xtuypj4aia"},

		{"rank", text(taghash.PermutedRank(index, run(100, 20))), "rzl7us4mrl6usqosvvfvku3wagbw5tv3"},
	} {
		if c.got != c.want {
			t.Errorf("%s: got %s, want %s", c.name, c.got, c.want)
		}
	}
}

// Renewal secrets that real nodes sent with real uploads.
func TestLeaseSecretsOfRealNodes(t *testing.T) {
	for _, c := range []struct {
		name, master, index, tub, want string
	}{
		{
			name:   "first file",
			master: "boity2cdh7jvl3ltaeebuiobbspjmbuopnwbde2yeh4k6x7jioga",
			index:  "vrttmwlicrzbt7gh5qsooogr7u", tub: "v67jiisoty6ooyxlql5fuucitqiok2ic",
			want: "osd6wmc5vz4g3ukg64sitmzlfiaaordutrez7oxdp5kkze7zp5zq",
		},
		{
			name:   "second file",
			master: "boity2cdh7jvl3ltaeebuiobbspjmbuopnwbde2yeh4k6x7jioga",
			index:  "75gmmfts772ww4beiewc234o5e", tub: "v67jiisoty6ooyxlql5fuucitqiok2ic",
			want: "35itmusj7qm2pfimh62snbyxp3imreofhx4djr7i2fweta75szda",
		},
		{
			name:   "second server",
			master: "boity2cdh7jvl3ltaeebuiobbspjmbuopnwbde2yeh4k6x7jioga",
			index:  "75gmmfts772ww4beiewc234o5e", tub: "lh5fhobkjrmkqjmkxhy3yaonoociggpz",
			want: "srrlruge47ws3lm53vgdxprgqb6bz7cdblnuovdgtfkqrygrjm4q",
		},
		{
			name:   "second client",
			master: "vacviff4xfqxsbp64tdr3frg3xnkcsuwt5jpyat2qxcm44bwu75a",
			index:  "75gmmfts772ww4beiewc234o5e", tub: "lh5fhobkjrmkqjmkxhy3yaonoociggpz",
			want: "b4jledjiqjqekbm2erekzqumqzblegxi23i5ojva7g7xmqqnl5pq",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			index, err := storage.ParseIndex(c.index)
			if err != nil {
				t.Fatal(err)
			}
			got := taghash.Lease(decode(t, c.master), index, [20]byte(decode(t, c.tub))).Renew.Bytes()
			if text(got) != c.want {
				t.Errorf("got %s, want %s", text(got), c.want)
			}
		})
	}
}

func decode(t *testing.T, s string) []byte {
	t.Helper()
	b, err := base32.Decode(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
