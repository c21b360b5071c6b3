// The page of a directory. Without this script it works by links and forms.

import * as actions from './actions.js';
import { home } from './api.js';
import { byID, el, say } from './dom.js';
import * as ofHome from './home.js';
import { pageAt } from './live.js';
import { canShow, preview, thumbnails } from './preview.js';
import { forget, unfinished } from './resume.js';
import { dropped, Queue } from './uploads.js';

const list = byID('files');
const writeable = byID('main').dataset.writeable === 'true';
const drawThumbnails = thumbnails(list);
const watchWaiting = ofHome.watch(list, () => refresh());

const rows = () => [...list.children];
const nameOf = (row) => row.querySelector('.name').textContent;
const box = (row) => row.firstElementChild;
const picked = () => rows().filter((r) => box(r).checked && !r.hidden);
const folders = () => rows().filter((r) => r.dataset.k === 'dir').map(nameOf);

const { copyEntries, deleteEntries, moveEntries, moveInto, newFolder, renameEntry, shareEntry } = { ...actions, ...(home && ofHome) };

// The list is drawn by the node alone. After a change its page is fetched again, and the list taken out of it.
let refreshing = null;
let stale = false;

async function refresh() {
  if (refreshing) {
    stale = true;
    return refreshing;
  }
  refreshing = pageAt('./').then((page) => {
    const kept = new Set(picked().map(nameOf));
    const fresh = [...page.getElementById('files').children];
    natural = fresh;
    list.replaceChildren(...fresh);
    for (const row of fresh) box(row).checked = kept.has(nameOf(row));
    for (const id of ['count', 'usage']) if (byID(id)) byID(id).textContent = page.getElementById(id).textContent;
    byID('empty').hidden = fresh.length > 0;
    byID('columns').hidden = fresh.length === 0;
    drawn();
  }).catch((e) => say(e.message)).finally(() => {
    refreshing = null;
    if (stale) {
      stale = false;
      refresh();
    }
  });
  return refreshing;
}

function drawn() {
  if (byID('order').value in orders) order();
  filter();
  showPicked();
  drawThumbnails();
  watchWaiting();
}

// Filter and order.

function filter() {
  const want = byID('filter').value.toLowerCase();
  for (const row of list.children) {
    const hide = want !== '' && !nameOf(row).toLowerCase().includes(want);
    if (row.hidden !== hide) row.hidden = hide;
  }
}

const orders = {
  size: (a, b) => Number(b.dataset.n) - Number(a.dataset.n),
  time: (a, b) => Number(b.dataset.t) - Number(a.dataset.t),
};
let natural = rows(); // as the node sends them

function order() {
  const by = orders[byID('order').value];
  list.replaceChildren(...(by ? natural.toSorted(by) : natural));
}

let waiting = 0;
byID('filter').addEventListener('input', () => {
  cancelAnimationFrame(waiting);
  waiting = requestAnimationFrame(() => { filter(); showPicked(); });
});
byID('order').addEventListener('change', order);

// Selection.

let last = null;

function showPicked() {
  const n = picked().length;
  byID('picked').hidden = n === 0;
  byID('tools').hidden = n > 0;
  byID('pickcount').textContent = n === 0 ? '' : `${n} selected`;
  for (const b of byID('picked').querySelectorAll('[data-one]')) b.disabled = n !== 1;
}

function pickTo(row) {
  const all = rows();
  const [a, b] = [all.indexOf(last ?? row), all.indexOf(row)].sort((x, y) => x - y);
  for (const r of all.slice(a, b + 1)) if (!r.hidden) box(r).checked = box(row).checked;
}

list.addEventListener('click', (e) => {
  const row = e.target.closest('li');
  if (e.target === box(row ?? list)) {
    if (e.shiftKey) pickTo(row);
    last = row;
    showPicked();
  } else if (e.target.matches('a.name') && canShow(row) && !e.ctrlKey && !e.metaKey && !e.shiftKey) {
    e.preventDefault();
    preview(row);
  }
});

function clearPicked() {
  for (const row of picked()) box(row).checked = false;
  showPicked();
}

// Commands.

const { place } = byID('main').dataset;
const queue = writeable ? new Queue(refresh, place) : null;
let reminder = null;
if (writeable && place) unfinished(place).then((names) => {
  if (names.length === 0 || queue.jobs.length > 0) return;
  const what = names.length === 1 ? `“${names[0]}”` : `${names.length} files`;
  reminder = say(`Not all of ${what} has come. Choose or drop the same again, and the upload goes on where it was.`, 'Forget', () => forget(place));
});

function add(files) {
  reminder?.remove();
  queue.add(files);
}

const chooser = el('input', { type: 'file', multiple: true, hidden: true, onchange: () => {
  add([...chooser.files].map((file) => ({ path: file.name, file })));
  chooser.value = '';
} });
document.body.append(chooser);

const commands = {
  upload: () => { chooser.click(); return false; },
  mkdir: () => newFolder(),
  rename: (names) => renameEntry(names),
  move: (names) => moveEntries(names, folders()),
  copy: (names) => copyEntries(names, folders()),
  delete: (names) => deleteEntries(names, refresh),
  share: (names) => shareEntry(names),
  none: () => { clearPicked(); return false; },
};

async function command(what, names = picked().map(nameOf)) {
  try {
    if (!await commands[what](names)) return;
    clearPicked();
  } catch (e) {
    say(e.message);
  }
  await refresh();
}

document.addEventListener('click', (e) => {
  const what = e.target.closest?.('[data-do]')?.dataset.do;
  if (what) command(what);
});

// Keys: arrows go through the list, the space bar selects, Delete and F2 do what they do elsewhere, a slash begins to filter.

function neighbour(row, down) {
  do row = down ? row.nextElementSibling : row.previousElementSibling;
  while (row?.hidden);
  return row;
}

document.addEventListener('keydown', (e) => {
  if (e.ctrlKey || e.metaKey || e.altKey || document.querySelector('dialog[open]')) return;
  const typing = e.target.matches('input:not([type="checkbox"]), select, textarea');
  const row = e.target.closest?.('.files li');
  if (e.key === '/' && !typing) byID('filter').focus();
  else if (e.key === 'Escape') {
    if (e.target === byID('filter')) { byID('filter').value = ''; filter(); }
    clearPicked();
    return;
  } else if (!row) return;
  else if (e.key === 'ArrowDown' || e.key === 'ArrowUp') neighbour(row, e.key === 'ArrowDown')?.querySelector('a')?.focus();
  else if (e.key === ' ' && e.target !== box(row)) box(row).click();
  else if ((e.key === 'Delete' || e.key === 'F2') && writeable) {
    const names = picked().map(nameOf);
    command(e.key === 'F2' ? 'rename' : 'delete', names.length && e.key === 'Delete' ? names : [nameOf(row)]);
  } else return;
  e.preventDefault();
});

// Drag and drop: files and folders from elsewhere are uploaded, rows are moved into folders.

let dragged = null;
const fromElsewhere = (e) => !dragged && e.dataTransfer?.types.includes('Files');
const under = (e) => e.target.closest?.('.files li[data-k="dir"]');

if (writeable) {
  let depth = 0;
  list.addEventListener('dragstart', (e) => {
    const row = e.target.closest('li');
    dragged = row && (box(row).checked ? picked().map(nameOf) : [nameOf(row)]);
  });
  document.addEventListener('dragend', () => { dragged = null; mark(null); });
  document.addEventListener('dragenter', (e) => { if (fromElsewhere(e) && depth++ === 0) document.body.classList.add('dropping'); });
  document.addEventListener('dragleave', (e) => { if (fromElsewhere(e) && --depth === 0) document.body.classList.remove('dropping'); });
  document.addEventListener('dragover', (e) => {
    if (!fromElsewhere(e) && !(dragged && under(e))) return mark(null);
    e.preventDefault();
    mark(under(e));
  });
  document.addEventListener('drop', async (e) => {
    depth = 0;
    document.body.classList.remove('dropping');
    const folder = under(e);
    mark(null);
    if (fromElsewhere(e)) {
      e.preventDefault();
      const above = folder ? `${nameOf(folder)}/` : '';
      add((await dropped(e.dataTransfer)).map(({ path, file }) => ({ path: above + path, file })));
    } else if (dragged && folder) {
      e.preventDefault();
      const names = dragged.filter((n) => n !== nameOf(folder));
      try {
        await moveInto(names, nameOf(folder));
      } catch (error) {
        say(error.message);
      }
      await refresh();
    }
  });
}

let marked = null;

function mark(row) {
  if (marked === row) return;
  marked?.classList.remove('target');
  row?.classList.add('target');
  marked = row;
}

drawThumbnails();
showPicked();
watchWaiting();
