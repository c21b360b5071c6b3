// The web API as the directory page uses it. Addresses are relative to the page's, which ends in a slash.

import { parsePage } from './dom.js';

export class Refused extends Error {
  constructor(status, text) {
    super(text);
    this.status = status;
  }
}

async function call(method, address, body) {
  const answer = await fetch(address, { method, body, headers: { Accept: 'text/plain' } });
  const text = await answer.text();
  if (!answer.ok) throw new Refused(answer.status, text.trim());
  return text;
}

// post sends a form.
export function post(address, fields) {
  return call('POST', address, new URLSearchParams(fields));
}

// below is the address of what has these names below this directory.
export const below = (...names) => './' + names.map(encodeURIComponent).join('/');

export const mkdir = (names) => call('PUT', `${below(...names)}?t=mkdir`);
export const makeNew = (name) => call('POST', '.?' + new URLSearchParams({ t: 'mkdir', name, replace: 'false' }));
export const unlink = (name) => post('.', { t: 'unlink', name });
export const rename = (from_name, to_name) => post('.', { t: 'rename', from_name, to_name, replace: 'false' });
export const move = (from_name, to_dir, to_name) => post('.', { t: 'relink', from_name, to_dir, to_name, replace: 'false' });

// link adds children, given as facts returns them, to the directory at an address. Nothing is replaced.
export const link = (children, address = '.') =>
  call('POST', `${address}?t=set_children&replace=false`, JSON.stringify(children));

const isStep = (name) => ['', '.', '..'].includes(name);

// facts tells of entries by name: [kind, {rw_uri, ro_uri, metadata, …}].
export async function facts(names) {
  if (names.length <= 4 && !names.some(isStep)) {
    const all = await Promise.all(names.map(async (n) => [n, JSON.parse(await call('GET', `${below(n)}?t=json`))]));
    return Object.fromEntries(all);
  }
  const [, directory] = JSON.parse(await call('GET', '.?t=json'));
  return Object.fromEntries(names.map((n) => [n, directory.children[n]]));
}

// edges keeps of facts what makes an entry.
export function edges(all) {
  return Object.fromEntries(Object.entries(all).map(([name, [kind, { rw_uri, ro_uri, metadata }]]) => [name, [kind, { rw_uri, ro_uri, metadata }]]));
}

// home is whether the page is of an account, whose directories have paths and no capabilities.
export const home = location.pathname.startsWith('/home/');

// An address is where a directory is: /uri/CAP/name/name/, or /home/name/name/, whose place is a path from the top.
export function placeOf(path) {
  const parts = path.split('/').slice(2).filter(Boolean).map(decodeURIComponent);
  return home ? `/${parts.join('/')}` : parts.join('/');
}

// shared asks for the capabilities of an entry of an account, as an element to show.
export async function shared(name) {
  return parsePage(await post('.', { t: 'share', name })).getElementById('caps');
}
