// Keeps the page of one transfer, check or repair up to date, until it is over.

import { follow, redraw } from './live.js';

follow('?t=events', 'transfer', ({ status }) => {
  redraw();
  return status === 'Under way';
});
