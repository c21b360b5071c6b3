package node

import "runtime/debug"

// application is the name and version that this program tells others.
const application = "tahoe-go/0.1"

// Version is the name and version of the program, with the revision it was built from, for people.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return application
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" && len(s.Value) >= 12 {
			return application + " (" + s.Value[:12] + ")"
		}
	}
	return application
}
