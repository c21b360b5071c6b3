// Package doors has the tests that all ways into an account have in common: what one of them refuses, all refuse.
package doors
