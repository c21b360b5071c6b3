// Package browser tests the pages of a node in a real browser, Chromium, over a whole grid. Without a browser its tests are
// skipped. With the environment variable TAHOE_SCREENSHOTS they leave pictures in the directory that it names.
package browser
