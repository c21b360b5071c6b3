// Keeps the page of transfers up to date: bars move as the node tells, and the tables are drawn again by the node when there is
// something else in them.

import { follow, redraw } from './live.js';

const signature = (ops) => JSON.stringify(ops.map((o) => [o.type, o['storage-index-string'], o['total-size'], o.status]));
const rows = (id) => [...document.querySelectorAll(`[aria-labelledby="${id}"] tbody tr`)];
let drawn = null;

follow('/status?t=events', 'status', ({ active, recent, uploads = [], checks = { active: [], recent: [] } }) => {
  const [moving, checking, arriving] = [rows('active'), rows('checks'), rows('arriving')];
  const now = [active, recent, checks.active, checks.recent].map(signature).join() + JSON.stringify(uploads.map((u) => [u.state, u.size, u.error]));
  if (now !== drawn || moving.length !== active.length || checking.length !== checks.active.length || arriving.length !== uploads.length) redraw();
  active.forEach((o, i) => move(moving[i], o.progress ?? o['progress-encode-push']));
  checks.active.forEach((o, i) => move(checking[i], o.progress));
  uploads.forEach((u, i) => move(arriving[i], u.received / u.size));
  drawn = now;
});

function move(row, part) {
  const bar = row?.querySelector('progress');
  if (bar && Number.isFinite(part)) bar.value = part;
}
