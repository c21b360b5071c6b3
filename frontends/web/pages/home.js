// The page of a directory of an account: what differs from that of a capability. Entries are named by paths, the node keeps
// what was deleted, and no capability comes here unless somebody shares something.

import { each, many, where } from './actions.js';
import { post, shared } from './api.js';
import { ask, copyText, el, say } from './dom.js';

export async function deleteEntries(names, changed) {
  const kept = [];
  let lost = 0;
  try {
    await each(names, async (name) => {
      const id = await post('.', { t: 'unlink', name });
      if (id) kept.push(id);
      else lost++;
    });
  } finally {
    const text = `Deleted ${many(names)}.` + (lost ? ` ${lost === names.length ? 'What' : `${lost} of them`} had not reached the grid and cannot be put back.` : '');
    if (kept.length) say(text, 'Undo', () => putBack(kept, changed));
    else if (lost) say(text);
  }
  return true;
}

async function putBack(ids, changed) {
  try {
    await each(ids, (id) => post('.', { t: 'undelete', id }), () => 'not put back');
    say(ids.length === 1 ? 'Put back.' : `${ids.length} entries put back.`);
  } catch (e) {
    say(e.message);
  }
  changed();
}

export async function copyEntries(names, folders) {
  const to_dir = await where(`Copy ${many(names)}`, 'Copy', folders, names);
  if (!to_dir) return false;
  await each(names, (from_name) => post('.', { t: 'copy', from_name, to_dir }));
  say(`Copied ${many(names)}.`);
  return true;
}

// shareEntry shows what to give to others, as the node has drawn it.
export async function shareEntry([name]) {
  const caps = await shared(name);
  for (const button of caps.querySelectorAll('[data-copy]')) {
    const field = caps.querySelector(`#${button.dataset.copy}`);
    button.onclick = async () => { await copyText(field.value, field); button.textContent = 'Copied'; };
  }
  await ask(`Share “${name}”`, [
    el('p', { className: 'hint' }, 'There is no way to take it back: whoever gets it can hand it on. Give the weakest that will do.'), caps]);
  return false;
}

// watch has the list drawn again while something in it is on its way.
export function watch(list, refresh) {
  const pause = 3000;
  let timer = 0;
  return () => {
    clearTimeout(timer);
    if (list.querySelector('[data-w]')) timer = setTimeout(() => document.hidden || document.querySelector('dialog[open]') ? watchAgain() : refresh(), pause);
  };
  function watchAgain() { timer = setTimeout(refresh, pause); }
}
