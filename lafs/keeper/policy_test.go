package keeper_test

import (
	"testing"
	"time"

	"tahoe/caps"
	"tahoe/lafs/keeper"
)

// TestTogether: what is due soon is done at a look that is made anyway, and nothing much more often than the policy says.
func TestTogether(t *testing.T) {
	c, err := caps.Parse("URI:CHK-Verifier:aaaaaaaaaaaaaaaaaaaaaaaaaa:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa:3:10:1000")
	must(t, err)
	at := time.Unix(1e9, 0)
	f := keeper.Facts{Verify: c.(caps.Verify), Added: at, Checked: at, Renewed: at, Verified: at}
	for _, test := range []struct {
		name           string
		policy         keeper.Policy
		after          time.Duration
		renews, verify bool
	}{
		{"just looked at", keeper.Policy{Check: 7 * day, Renew: 14 * day, Verify: 180 * day}, time.Hour, false, false},
		{"the first check", keeper.Policy{Check: 7 * day, Renew: 14 * day, Verify: 180 * day}, 7*day - time.Hour, false, false},
		{"the second", keeper.Policy{Check: 7 * day, Renew: 14 * day, Verify: 180 * day}, 11 * day, true, false},
		{"the last but one before a verification", keeper.Policy{Check: 7 * day, Renew: 14 * day, Verify: 180 * day}, 177 * day, true, true},
		{"renewed each day, checked each week", keeper.Policy{Check: 7 * day, Renew: day, Verify: 180 * day}, 5 * time.Hour, false, false},
		{"verified each day, checked each week", keeper.Policy{Check: 7 * day, Renew: 14 * day, Verify: day}, 5 * time.Hour, false, false},
		{"never verified", keeper.Policy{Check: 7 * day, Renew: 14 * day, Verify: -1}, 1000 * day, true, false},
	} {
		if o := test.policy.Options(&f, at.Add(test.after)); o.AddLease != test.renews || o.Verify != test.verify {
			t.Errorf("%s: renews %v, verifies %v; want %v, %v", test.name, o.AddLease, o.Verify, test.renews, test.verify)
		}
	}
}
