// Package localname says whether a name that comes from a grid may be that of a local file. A directory on a grid was written by
// somebody, and its names may be anything: one that leads out of the directory that a user chose must never reach the system.
package localname

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
)

// Check says in a sentence why name cannot be the name of a file here. It does for the names of one directory, and not for paths.
func Check(name string) error { return check(name, runtime.GOOS) }

func check(name, goos string) error {
	switch {
	case name == "":
		return errors.New("the name is empty, and no local file can be called that")
	case name == ".", name == "..":
		return fmt.Errorf("the name %s means a directory, and would lead out of the place to copy to", name)
	case strings.ContainsAny(name, "/\x00"):
		return errors.New("there is a slash or a zero byte in the name, and no local file can be called that")
	case goos == "windows":
		return checkWindows(name)
	}
	return nil
}

const reserved = " CON PRN AUX NUL CONIN$ CONOUT$ COM0 COM1 COM2 COM3 COM4 COM5 COM6 COM7 COM8 COM9 COM¹ COM² COM³" +
	" LPT0 LPT1 LPT2 LPT3 LPT4 LPT5 LPT6 LPT7 LPT8 LPT9 LPT¹ LPT² LPT³ "

func checkWindows(name string) error {
	stem, _, _ := strings.Cut(name, ".")
	switch {
	case strings.ContainsAny(name, `<>:"\|?*`) || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' }):
		return errors.New("there is a character in the name that Windows does not allow")
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return errors.New("the name ends in a dot or a blank, which Windows would cut off")
	case strings.Contains(reserved, " "+strings.ToUpper(strings.TrimRight(stem, " "))+" "):
		return errors.New("the name is that of a device of Windows")
	}
	return nil
}
