// Keeps the page of a slow operation up to date, until it is finished.

import { byID } from './dom.js';
import { follow, redraw } from './live.js';

follow('?output=events', 'operation', ({ finished, stats, 'count-objects-checked': checked }) => {
  const found = byID('sofar');
  if (finished || checked !== undefined) redraw(); // what a check has found stands in a table
  else if (found) found.textContent = `${stats['count-files'] + stats['count-directories']} found so far.`;
  return !finished;
});
