// Uploads that survive: a large file goes to the node in pieces, by the tus protocol. Where it is, is remembered, so that it goes on after
// the line broke, and when the page was closed and the same file is chosen again. What is remembered has no capability: the
// directory goes by its storage index.

import { follow } from './live.js';

export const large = 1 << 20;
const piece = 32 << 20;
const tries = 8; // without progress in between
const prefix = 'tahoe-upload ';

const store = {
  get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
  set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* it is not remembered, then */ } },
  drop: (key) => { try { localStorage.removeItem(key); } catch { /* it was not remembered */ } },
  keys: () => { try { return Object.keys(localStorage); } catch { return []; } },
};

const wait = (ms) => new Promise((ok) => setTimeout(ok, ms));
const remove = (url) => fetch(url, { method: 'DELETE', headers: { 'Tus-Resumable': '1.0.0' }, keepalive: true }).catch(() => {}); // it expires

// known lists what was begun in a place: [key, address, name].
const known = (place) => store.keys().filter((k) => k.startsWith(`${prefix}${place}/`))
  .map((k) => [k, store.get(k), k.slice(prefix.length + place.length + 1).split('\n')[0]]);

const isGone = (status) => status === 404 || status === 410;

// unfinished lists the names of files of which the node has a part.
export async function unfinished(place) {
  const names = [];
  for (const [key, url, name] of known(place)) {
    const state = await request('HEAD', url).then((x) => x.getResponseHeader('Tahoe-Upload-State'), ({ status }) => (isGone(status) ? 'gone' : 'unknown'));
    if (state === 'receiving' || state === 'failed') names.push(name);
    else if (state === 'stored' || state === 'gone') store.drop(key);
  }
  return names;
}

export function forget(place) {
  for (const [key, url] of known(place)) {
    store.drop(key);
    remove(url);
  }
}

class Refused extends Error {
  constructor(x) {
    super(x.responseText.trim() || `The node answered ${x.status}.`);
    this.status = x.status;
    this.state = x.getResponseHeader('Tahoe-Upload-State');
  }
}

// request sends one request of tus. Answers that are no success are thrown; a broken line is an Error without a status.
function request(method, url, headers = {}, body = null, dress = () => {}) {
  return new Promise((resolve, reject) => {
    const x = new XMLHttpRequest();
    x.open(method, url);
    for (const [k, v] of Object.entries({ 'Tus-Resumable': '1.0.0', ...headers })) x.setRequestHeader(k, v);
    x.onload = () => (x.status < 300 ? resolve(x) : reject(new Refused(x)));
    x.onerror = () => reject(new Error('The line to the node broke, or the file cannot be read.'));
    x.onabort = () => reject(new Error('stopped'));
    dress(x);
    x.send(body);
  });
}

// A Sender sends one file, as often as it is asked to, each time from where it was.
export class Sender {
  constructor(file, name) {
    this.file = file;
    this.key = `${prefix}${name}\n${file.size} ${file.lastModified}`;
    this.sent = () => {}; // is told how many bytes have gone out
    this.storing = () => {}; // is told that all have, and how far the node is with them
  }

  // send resolves when the file is stored at an address, as after a PUT.
  async send(address) {
    this.stopped = false;
    let at = await this.begin(address);
    for (let left = tries; at < this.file.size || !this.stored;) {
      try {
        const next = await this.patch(at);
        if (next > at) left = tries;
        at = next;
      } catch (e) {
        const passing = !e.status || e.status === 503 || e.status === 423 || e.status === 460 || (e.status === 409 && e.state === 'receiving');
        if (this.stopped || !passing || --left === 0) throw e;
        await wait(Math.min(30_000, 500 * 2 ** (tries - left)));
        if (this.stopped) throw e;
        at = await this.offset().catch((again) => { if (again.status) throw again; return at; });
      }
    }
    this.forget();
  }

  // begin finds the upload of an earlier attempt, or makes a new one, and returns how much of it the node has.
  async begin(address) {
    this.stored = false;
    this.url = store.get(this.key);
    if (this.url) {
      const at = await this.offset().catch((e) => { if (!isGone(e.status)) throw e; return -1; });
      if (at >= 0 && !this.stored) return at;
      this.forget(); // it has expired, or was stored by an earlier page: what is there now may be something else
    }
    const { pathname, search } = new URL(address, location.href);
    const x = await request('POST', '/uploads', { 'Upload-Length': this.file.size, 'Upload-Metadata': `to ${btoa(pathname + search)}` });
    this.url = x.getResponseHeader('Location');
    this.stored = false;
    store.set(this.key, this.url);
    return 0;
  }

  async offset() { return this.read(await request('HEAD', this.url)); }

  read(x) {
    this.stored = x.getResponseHeader('Tahoe-Upload-State') === 'stored';
    const at = Number(x.getResponseHeader('Upload-Offset'));
    this.sent(at);
    return at;
  }

  async patch(at) {
    const body = this.file.slice(at, at + piece);
    const last = at + body.size === this.file.size;
    let quiet = null;
    try {
      return this.read(await request('PATCH', this.url, { 'Upload-Offset': at, 'Content-Type': 'application/offset+octet-stream' }, body, (x) => {
        this.x = x;
        x.upload.onprogress = (e) => this.sent(at + e.loaded);
        x.upload.onload = () => { if (last) quiet = this.watch(); };
      }));
    } finally {
      quiet?.();
    }
  }

  // watch tells how far the node is with bringing the file to the grid.
  watch() {
    this.sent(this.file.size);
    this.storing(undefined);
    return follow(`${this.url}?t=events`, 'upload', ({ state, progress }) => {
      if (state === 'storing' && progress !== null) this.storing(progress);
      return state === 'storing' || state === 'receiving';
    });
  }

  abort() {
    this.stopped = true;
    this.x?.abort();
  }

  // forget ends the upload: what the node has of it is removed, unless it is stored.
  forget() {
    store.drop(this.key);
    if (this.url) remove(this.url);
    this.url = null;
  }
}
