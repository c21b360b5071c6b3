// What can be done with entries: rename, move, copy, delete and put back, share.

import { edges, facts, home, link, makeNew, move, placeOf, rename, unlink } from './api.js';
import { ask, copyText, el, labelled, say } from './dom.js';

const text = (value = '', placeholder = '') => el('input', { type: 'text', value, placeholder, required: true, autocomplete: 'off', spellcheck: false });

export const many = (names) => names.length === 1 ? `“${names[0]}”` : `${names.length} entries`;

// each does something with every name, and tells how many times it failed and why.
export async function each(names, act, nameOf = (name) => name) {
  const failures = [];
  for (const name of names) {
    try {
      await act(name);
    } catch (e) {
      failures.push(`${nameOf(name)}: ${e.message}`);
    }
  }
  if (failures.length) throw new Error(failures.length === 1 ? failures[0] : `${failures.length} of ${names.length} failed. ${failures[0]}`);
}

export async function newFolder() {
  const name = text();
  if (!await ask('New folder', [labelled('Name', name)], 'Make')) return false;
  await makeNew(name.value);
  return true;
}

export async function renameEntry([name]) {
  const to = text(name);
  if (!await ask(`Rename “${name}”`, [labelled('New name', to)], 'Rename') || to.value === name) return false;
  await rename(name, to.value);
  say(`“${name}” is now “${to.value}”.`);
  return true;
}

// deleteEntries takes links away. Files stay on the grid until their leases run out, so a link can be put back.
export async function deleteEntries(names, changed) {
  const kept = edges(await facts(names));
  await each(names, unlink);
  say(`Deleted ${many(names)}.`, 'Undo', async () => {
    try {
      await link(kept);
      say(`${many(names)} put back.`);
    } catch (e) {
      say(e.message);
    }
    changed();
  });
  return true;
}

const other = 'other';

// where asks for a directory, and returns it as CAP/name/name, at home as /name/name, or ''.
export async function where(title, main, folders, selected) {
  const choice = el('select', {});
  const above = [...document.querySelectorAll('.crumbs a')].map((a) => [a.textContent, placeOf(new URL(a.href).pathname)]);
  const here = placeOf(location.pathname);
  for (const [label, place] of above.reverse()) choice.append(el('option', { value: place }, `↑ ${label}`));
  for (const name of folders) {
    if (!selected.includes(name)) choice.append(el('option', { value: `${here}/${name}` }, name));
  }
  choice.append(el('option', { value: other }, 'Another directory…'));
  const cap = text('', home ? '/Photos/2026' : 'URI:DIR2:…');
  const line = labelled(home ? 'Its path from the top' : 'Its capability', cap);
  const fit = () => { line.hidden = choice.value !== other; cap.required = !line.hidden; };
  choice.onchange = fit;
  fit();
  if (!await ask(title, [labelled('To', choice), line], main)) return '';
  return choice.value === other ? capIn(cap.value) : choice.value;
}

// capIn takes the capability, and names below it, out of what was pasted, which may be a link.
function capIn(pasted) {
  const found = /^https?:\/\/[^/]+(\/uri\/[^?#]+)/.exec(pasted.trim());
  return found ? placeOf(found[1]) : pasted.trim();
}

export async function moveEntries(names, folders) {
  const to = await where(`Move ${many(names)}`, 'Move', folders, names);
  if (!to) return false;
  await each(names, (name) => move(name, to, name));
  say(`Moved ${many(names)}.`);
  return true;
}

// copyEntries links the same files from another directory too. Nothing is sent over the grid but the links.
export async function copyEntries(names, folders) {
  const to = await where(`Copy ${many(names)}`, 'Copy', folders, names);
  if (!to) return false;
  const [cap, ...path] = to.split('/');
  await link(edges(await facts(names)), '/uri/' + [cap, ...path].map(encodeURIComponent).join('/'));
  say(`Copied ${many(names)}. The copies are links to the same files.`);
  return true;
}

export async function moveInto(names, folder) {
  await each(names, (name) => move(name, `${placeOf(location.pathname)}/${folder}`, name));
  say(`Moved ${many(names)} to “${folder}”.`);
  return true;
}

// shareEntry shows what to give to others.
export async function shareEntry([name]) {
  const [kind, { rw_uri, ro_uri }] = (await facts([name]))[name];
  const writing = el('select', {}, el('option', { value: ro_uri ?? rw_uri }, ro_uri ? 'read it' : 'use it'));
  if (rw_uri && ro_uri) writing.append(el('option', { value: rw_uri }, 'read it and change it'));
  const form = el('select', {}, el('option', { value: 'link' }, 'a link through this node'), el('option', { value: 'cap' }, 'the capability, for any node'));
  const field = el('textarea', { readOnly: true, rows: 4, spellcheck: false, 'aria-label': 'What to hand on' });
  const picture = el('img', { className: 'qr', width: 220, height: 220, alt: 'The same as a QR code' });
  const fit = () => {
    const cap = encodeURIComponent(writing.value);
    const path = kind === 'dirnode' ? `/uri/${cap}/` : `/file/${cap}/@@named=/${encodeURIComponent(name)}`;
    field.value = form.value === 'cap' ? writing.value : location.origin + path;
    picture.src = `/uri/${cap}?` + new URLSearchParams({ t: 'qr', as: form.value, filename: name });
  };
  writing.onchange = form.onchange = fit;
  fit();
  const copy = el('button', { type: 'button', onclick: async () => { await copyText(field.value, field); copy.textContent = 'Copied'; } }, 'Copy');
  await ask(`Share “${name}”`, [
    el('div', { className: 'share' },
      el('div', {}, labelled('Who has it can', writing), labelled('As', form), field, el('p', {}, copy),
        el('p', { className: 'hint' }, 'There is no way to take it back: whoever gets it can hand it on.')),
      picture)]);
  return false;
}
