package config

import (
	"errors"
	"strings"
	"time"
)

// Keeper are the settings of section [keeper]. What is zero has the keeper's default.
type Keeper struct {
	Enabled   bool // it does something when it is told what to watch
	Check     time.Duration
	Renew     time.Duration
	Verify    time.Duration // negative: never
	Search    time.Duration
	Below     int
	Wait      time.Duration
	Bandwidth int64 // bytes a second in each direction; 0: no bound
	Parallel  int
	Hook      string // a program; "": none
	Webhook   string // an address; "": none
}

// KeeperBandwidth is the bound of a keeper that is given none, in bytes a second.
const KeeperBandwidth = 4_000_000

func (v values) keeper() Keeper {
	k := Keeper{
		Enabled: v.boolean("keeper", "enabled", true),
		Check:   v.interval("check.every"), Renew: v.interval("renew.every"), Verify: v.interval("verify.every"), Search: v.interval("search.every"),
		Below: v.number("keeper", "repair.below", 0), Wait: v.interval("repair.after"), Parallel: v.number("keeper", "parallel", 0),
		Bandwidth: KeeperBandwidth, Webhook: v.text("keeper", "webhook", ""),
	}
	if text := v.text("keeper", "bandwidth", ""); text != "" {
		k.Bandwidth, _ = ParseSize(text)
	}
	if v.text("keeper", "hook", "") != "" {
		k.Hook = v.path("keeper", "hook", "")
	}
	return k
}

// interval is 0 when it is not set, and negative for never.
func (v values) interval(key string) time.Duration {
	text := v.text("keeper", key, "")
	if strings.EqualFold(text, never) {
		return -1
	}
	d, _ := ParseDuration(text)
	return d
}

const never = "never"

func interval(s string) error {
	d, err := ParseDuration(s)
	if err == nil && d < time.Minute {
		err = errors.New("is less than a minute; write an interval such as 7 days")
	}
	return err
}

func intervalOrNever(s string) error {
	if strings.EqualFold(s, never) {
		return nil
	}
	return interval(s)
}

// leastBandwidth is the slowest at which servers are not taken for slow ones.
const leastBandwidth = 16 << 10

func bandwidth(s string) error {
	n, err := ParseSize(s)
	if err == nil && n > 0 && n < leastBandwidth {
		err = errors.New("is less than 16KiB, at which the servers would be taken for slow ones; write a size such as 1M, for bytes a second, or 0 for no bound")
	}
	return err
}
