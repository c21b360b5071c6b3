package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A key is one setting that tahoe.cfg may hold.
type key struct {
	name  string // lower case
	check func(value string) error
}

func text(string) error { return nil }

func boolean(s string) error { _, err := ParseBool(s); return err }

func size(s string) error { _, err := ParseSize(s); return err }

func duration(s string) error { _, err := ParseDuration(s); return err }

func date(s string) error { _, err := ParseDate(s); return err }

func seconds(s string) error {
	if s == "" {
		return nil
	}
	_, err := ParseInt(s, 0, 1<<31-1)
	return err
}

func number(low, high int) func(string) error {
	return func(s string) error { _, err := ParseInt(s, low, high); return err }
}

func oneOf(values ...string) func(string) error {
	return func(s string) error { return choice(s, values...) }
}

// furlOrNone checks one FURL, or none.
func furlOrNone(s string) error {
	if s == "" || s == "None" {
		return nil
	}
	return checkFURL(s)
}

// furls checks a list of FURLs; "None" is an old way to write none.
func furls(s string) error {
	for _, furl := range List(s) {
		if err := checkFURL(furl); furl != "None" && err != nil {
			return err
		}
	}
	return nil
}

func endpointOrNone(s string) error {
	if s == "" {
		return nil
	}
	_, _, err := ParseWebEndpoint(s)
	return err
}

// known are the settings of tahoe.cfg by section: those of the original, and ours, which are [ftpd], [webdav], [login], [doors], [keeper], in
// [sftpd] accounts.url and connections, in [storage] limit and readonly.mutable, and in [node] those of uploads.
func known() map[string][]key {
	return map[string][]key{
		"node": {
			{"nickname", text}, {"web.port", endpointOrNone}, {"web.static", text}, {"tub.port", tubPort}, {"tub.location", tubLocation},
			{"reveal-ip-address", boolean}, {"log_gatherer.furl", furls}, {"timeout.keepalive", seconds}, {"timeout.disconnect", seconds},
			{"tempdir", text}, {"uploads.dir", text}, {"uploads.limit", size}, {"uploads.keep", keepTime},
		},
		"connections": {{"tcp", oneOf("tcp", "tor", "disabled")}},
		"tor": {
			{"enabled", boolean}, {"socks.port", text}, {"control.port", text}, {"launch", boolean}, {"tor.executable", text},
			{"onion", boolean}, {"onion.local_port", number(1, 65535)}, {"onion.external_port", number(1, 65535)}, {"onion.private_key_file", text},
		},
		"i2p": {
			{"enabled", boolean}, {"sam.port", text}, {"launch", boolean}, {"i2p.configdir", text}, {"i2p.executable", text},
			{"dest", boolean}, {"dest.port", number(1, 65535)}, {"dest.private_key_file", text},
		},
		"client": {
			{"introducer.furl", checkFURL}, {"helper.furl", furlOrNone}, {"shares.needed", number(1, 256)}, {"shares.happy", number(1, 256)},
			{"shares.total", number(1, 256)}, {"mutable.format", oneOf("SDMF", "MDMF")}, {"peers.preferred", text}, {"storage.plugins", text},
			{"shares._max_immutable_segment_size_for_testing", number(1, 1<<30)}, {"force_foolscap", boolean}, {"key_generator.furl", text},
		},
		"storage": {
			{"enabled", boolean}, {"anonymous", boolean}, {"readonly", boolean}, {"reserved_space", size}, {"storage_dir", text},
			{"debug_discard", boolean}, {"expire.enabled", boolean}, {"expire.mode", oneOf("age", "cutoff-date")},
			{"expire.override_lease_duration", duration}, {"expire.cutoff_date", date}, {"expire.immutable", boolean},
			{"expire.mutable", boolean}, {"limit", size}, {"readonly.mutable", boolean}, {"plugins", text}, {"grid_management", boolean}, {"force_foolscap", boolean},
		},
		"helper": {{"enabled", boolean}},
		"sftpd": {
			{"enabled", boolean}, {"port", doorPort}, {"accounts.file", text}, {"accounts.url", accountsURL}, {"host_pubkey_file", text},
			{"host_privkey_file", text}, {"connections", number(1, 100_000)},
		},
		"ftpd": {
			{"enabled", boolean}, {"port", doorPort}, {"implicit.port", doorPort}, {"accounts.file", text}, {"accounts.url", accountsURL},
			{"plain", oneOf(Plains...)}, {"passive.ports", portRange}, {"public.address", address4}, {"active", boolean},
		},
		"webdav": {
			{"enabled", boolean}, {"port", doorPort}, {"accounts.file", text}, {"accounts.url", accountsURL}, {"plain", oneOf(Plains...)},
		},
		"login": {{"enabled", boolean}, {"accounts.file", text}, {"accounts.url", accountsURL}, {"plain", oneOf(Plains...)}},
		"keeper": {
			{"enabled", boolean}, {"check.every", interval}, {"renew.every", interval}, {"verify.every", intervalOrNever}, {"search.every", interval},
			{"repair.below", number(0, 256)}, {"repair.after", interval}, {"bandwidth", bandwidth}, {"parallel", number(1, 64)},
			{"hook", text}, {"webhook", accountsURL},
		},
		"doors": {
			{"commit", oneOf("background", "close")}, {"staging.dir", text}, {"staging.limit", size}, {"tls.certificate", text}, {"tls.key", text},
		},
	}
}

// free says whether a section may hold any key.
func free(section string) bool {
	return strings.HasPrefix(section, "storageserver.plugins.") || strings.HasPrefix(section, "storageclient.plugins.") ||
		section == "grid_managers" || section == "grid_manager_certificates"
}

// gone says what to do about a section, or a key written "[section] key", that once was one.
func gone(name string) string {
	switch name {
	case "drop_upload", "magic_folder":
		return "it was taken out of the original; take the section out"
	case "grid_management_certificates":
		return "it is called [grid_manager_certificates]; rename it"
	case "[client] stats_gatherer.furl":
		return "it was taken out; take the line out"
	case "[node] ssh.port", "[node] ssh.authorized_keys_file":
		return "the debugging shell was taken out; take the line out"
	case "[node] advertised_ip_addresses":
		return "it is called tub.location; write that"
	case "[storage] sizelimit":
		return "it was replaced by reserved_space, which says what is left free, and limit, which says what shares may take; write one of them"
	}
	return ""
}

// Check says what is wrong with the file: the first section or key that is not known, or the first value that cannot be.
func (f *File) Check() error {
	sections := known()
	for _, s := range f.sections {
		keys, ok := sections[s.name]
		switch {
		case free(s.name):
			continue
		case !ok:
			return f.unknownSection(s)
		}
		for _, name := range f.Keys(s.name) {
			if err := f.checkKey(s.name, name, keys); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *File) checkKey(section, name string, keys []key) error {
	at := slices.IndexFunc(keys, func(k key) bool { return k.name == name })
	if at < 0 {
		return f.errorOn(section, name, "is not a setting that this program knows; "+advice(section, name))
	}
	value, _, err := f.Get(section, name)
	if err != nil {
		return err
	}
	if err := keys[at].check(value); err != nil {
		return f.errorOn(section, name, err.Error())
	}
	return nil
}

func (f *File) unknownSection(s *section) error {
	what := gone(s.name)
	if what == "" {
		what = "correct its name or take it out"
		if near, ok := nearest(s.name, slices.Sorted(maps.Keys(known()))); ok {
			what = fmt.Sprintf("did you mean [%s]?", near)
		}
	}
	return &Error{File: f.name, Line: s.line + 1, Section: s.name, Problem: "is not a section that this program knows; " + what}
}

// advice says what to do about an unknown key.
func advice(section, name string) string {
	if what := gone("[" + section + "] " + name); what != "" {
		return what
	}
	var names []string
	for _, k := range known()[section] {
		names = append(names, k.name)
	}
	if near, ok := nearest(name, names); ok {
		return "did you mean " + near + "?"
	}
	for _, s := range slices.Sorted(maps.Keys(known())) {
		if slices.ContainsFunc(known()[s], func(k key) bool { return k.name == name }) {
			return "it belongs into the section [" + s + "]"
		}
	}
	return "correct it or take the line out"
}
