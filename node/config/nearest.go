package config

// nearest finds the name that differs from s in at most two letters.
func nearest(s string, names []string) (string, bool) {
	best, found := 3, ""
	for _, name := range names {
		if d := distance(s, name); d < best && d < len(name)/2 {
			best, found = d, name
		}
	}
	return found, found != ""
}

// distance counts the letters to insert, delete or replace that lead from a to b; above 3 it says 3.
func distance(a, b string) int {
	if max(len(a), len(b))-min(len(a), len(b)) > 2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return min(row[len(b)], 3)
}
