#!/bin/sh
# Says which programs of programs.txt are not here. With -packages, the packages that have them.
set -eu
here() {
	case $1 in
	python3:*)
		for python in python3 /usr/bin/python3; do # the second is Debian's, which has Debian's modules
			if "$python" -c "import ${1#python3:}" 2>/dev/null; then return 0; fi
		done
		return 1
		;;
	*) command -v "$1" >/dev/null 2>&1 ;;
	esac
}
grep -v '^#' "$(dirname "$0")/programs.txt" | while read -r name package; do
	here "$name" || if [ "${1:-}" = -packages ]; then echo "$package"; else echo "$name"; fi
done | sort -u
