// The queue of uploads: what waits, what goes out, how fast, and what can be done about it.

import { below, mkdir } from './api.js';
import { byID, el, sizeText } from './dom.js';
import { large, Sender } from './resume.js';

const atOnce = 3;
const finished = new Set(['done', 'cancelled']);
const words = { waiting: 'waits', sending: 'goes out', storing: 'is being stored', done: 'stored', failed: 'failed', exists: 'is there already', cancelled: 'cancelled' };

export class Queue {
  constructor(changed, place) {
    this.changed = changed; // called when something was stored
    this.place = place; // a name of this directory that is no secret; empty: large files are sent as small ones are
    this.jobs = [];
    this.folders = new Map(); // path → promise that it is there
    this.paused = false;
    this.speed = 0;
    window.addEventListener('beforeunload', (e) => this.open() && e.preventDefault());
  }

  // add takes files with their paths below this directory.
  add(files) {
    for (const { path, file } of files) this.jobs.push({ path, file, state: 'waiting', sent: 0, replace: false });
    this.show();
    this.pump();
  }

  open() { return this.jobs.some((j) => ['waiting', 'sending', 'storing'].includes(j.state)); }

  pump() {
    let busy = this.jobs.filter((j) => j.state === 'sending' || j.state === 'storing').length;
    for (const job of this.jobs) {
      if (this.paused || busy >= atOnce) break;
      if (job.state === 'waiting') {
        busy++;
        this.run(job);
      }
    }
    this.watch();
  }

  async run(job) {
    this.set(job, 'sending');
    const names = job.path.split('/');
    try {
      await this.folder(names.slice(0, -1));
      if (job.state !== 'sending') return;
      if (job.file) await this.send(job, `${below(...names)}?replace=${job.replace}`);
      else await this.folder(names);
      this.set(job, 'done');
      this.changed();
    } catch (e) {
      if (job.state !== 'sending' && job.state !== 'storing') return; // it was stopped
      job.why = e.message;
      this.set(job, e.status === 409 && !job.replace ? 'exists' : 'failed');
    } finally {
      this.pump();
    }
  }

  // folder makes a directory once, after those above it.
  folder(names) {
    if (names.length === 0) return Promise.resolve();
    const path = names.join('/');
    if (!this.folders.has(path)) {
      const made = this.folder(names.slice(0, -1)).then(() => mkdir(names));
      made.catch(() => this.folders.delete(path));
      this.folders.set(path, made);
    }
    return this.folders.get(path);
  }

  send(job, address) {
    return this.place && job.file.size >= large ? this.sendLarge(job, address) : this.sendWhole(job, address);
  }

  // sendLarge goes on where an earlier attempt ended, also one before the page was closed.
  sendLarge(job, address) {
    job.sender ??= new Sender(job.file, `${this.place}/${job.path}`);
    job.sender.sent = (n) => { job.sent = n; };
    job.sender.storing = (part) => {
      job.part = part;
      if (job.state === 'sending') this.set(job, 'storing');
    };
    job.request = job.sender;
    return job.sender.send(address);
  }

  sendWhole(job, address) {
    return new Promise((resolve, reject) => {
      const x = new XMLHttpRequest();
      job.request = x;
      job.sent = 0;
      x.open('PUT', address);
      x.setRequestHeader('Content-Type', 'application/octet-stream');
      x.upload.onprogress = (e) => { job.sent = e.loaded; };
      x.upload.onload = () => { job.sent = job.file.size; if (job.state === 'sending') this.set(job, 'storing'); };
      x.onload = () => {
        if (x.status < 300) return resolve();
        const e = new Error(x.responseText.trim());
        e.status = x.status;
        reject(e);
      };
      x.onerror = () => reject(new Error('The line to the node broke, or the file cannot be read.'));
      x.onabort = () => reject(new Error('stopped'));
      x.send(job.file);
    });
  }

  // stop takes a job off the line. What has gone out of a small file is lost; a large one goes on from there.
  stop(job, state) {
    const { request } = job;
    job.request = null;
    if (!job.sender) job.sent = 0;
    this.set(job, state);
    request?.abort();
  }

  pause() {
    this.paused = !this.paused;
    if (this.paused) {
      for (const job of this.jobs) if (job.state === 'sending') this.stop(job, 'waiting');
    }
    this.show();
    this.pump();
  }

  again(job, replace = job.replace) {
    if (replace !== job.replace) job.sender?.forget(); // the node was told not to replace
    job.replace = replace;
    this.set(job, 'waiting');
    this.pump();
  }

  drop(job) {
    this.stop(job, 'cancelled');
    job.sender?.forget();
  }

  cancel(job) {
    this.drop(job);
    this.pump();
  }

  set(job, state) {
    job.state = state;
    if (job.row) this.dress(job);
    this.figures();
  }

  clear() {
    for (const job of this.jobs) if (!finished.has(job.state)) this.drop(job);
    this.jobs = [];
    this.panel?.remove();
    this.panel = null;
  }

  // show makes the panel, and the rows of new jobs.
  show() {
    if (!this.panel) {
      this.list = el('ul', {});
      this.total = el('p', { role: 'status', id: 'queuetotal' });
      this.bar = el('progress', { max: 1, value: 0, 'aria-labelledby': 'queuetotal' });
      this.hold = el('button', { type: 'button', className: 'quiet', onclick: () => this.pause() });
      const close = el('button', { type: 'button', className: 'quiet', onclick: () => this.clear() }, 'Close');
      this.close = close;
      this.panel = el('section', { className: 'queue', 'aria-label': 'Uploads' },
        el('div', { className: 'tools' }, this.total, this.hold, close), this.bar, this.list);
      byID('main').append(this.panel);
    }
    this.hold.textContent = this.paused ? 'Resume' : 'Pause';
    const fresh = document.createDocumentFragment();
    for (const job of this.jobs) {
      if (job.row) continue;
      job.row = el('li', {});
      this.dress(job);
      fresh.append(job.row);
    }
    this.list.append(fresh);
    this.figures();
  }

  // dress draws the row of a job. Only its bar changes in between.
  dress(job) {
    const button = (label, act) => el('button', { type: 'button', className: 'quiet small', 'aria-label': `${label} ${job.path}`, onclick: act }, label);
    const { state } = job;
    job.row.dataset.state = state;
    const parts = [el('span', { className: 'name' }, job.path), el('span', { className: 'hint' }, state === 'failed' ? job.why : words[state])];
    job.bar = null;
    if (state === 'sending' || state === 'storing') {
      job.bar = el('progress', { 'aria-label': job.path });
      fill(job);
      parts.push(job.bar);
    }
    if (state === 'failed' || state === 'cancelled') parts.push(button('Retry', () => this.again(job)));
    if (state === 'exists') parts.push(button('Replace', () => this.again(job, true)), button('Skip', () => this.cancel(job)));
    if (state === 'waiting' || state === 'sending') parts.push(button('Cancel', () => this.cancel(job)));
    job.row.replaceChildren(...parts);
  }

  // watch draws figures while something goes on.
  watch() {
    if (this.timer || !this.open()) return;
    let last = performance.now();
    let before = this.sent();
    this.timer = setInterval(() => {
      const now = performance.now();
      const rate = Math.max(0, this.sent() - before) / ((now - last) / 1000);
      this.speed = this.speed ? 0.7 * this.speed + 0.3 * rate : rate;
      [last, before] = [now, this.sent()];
      for (const job of this.jobs) if (job.bar) fill(job);
      this.figures();
      if (!this.open()) {
        clearInterval(this.timer);
        this.timer = null;
        this.speed = 0;
      }
    }, 500);
  }

  sent() { return this.jobs.reduce((n, j) => n + (j.state === 'done' ? j.file?.size ?? 0 : j.sent), 0); }

  figures() {
    if (!this.panel) return;
    const jobs = this.jobs.filter((j) => j.state !== 'cancelled');
    const size = jobs.reduce((n, j) => n + (j.file?.size ?? 0), 0);
    const sent = this.sent();
    const done = jobs.filter((j) => j.state === 'done').length;
    const bad = jobs.filter((j) => j.state === 'failed' || j.state === 'exists').length;
    let text = `${done} of ${jobs.length} stored, ${sizeText(sent)} of ${sizeText(size)}`;
    if (bad) text += `, ${bad} not`;
    if (this.paused && this.open()) text += ', paused';
    else if (this.open() && this.speed > 1) text += `, ${sizeText(Math.round(this.speed))}/s, ${lasting((size - sent) / this.speed)} left`;
    if (this.total.textContent !== text) this.total.textContent = text;
    this.bar.value = size ? sent / size : done / Math.max(1, jobs.length);
    this.hold.hidden = !this.open();
    this.close.textContent = this.open() ? 'Cancel all' : 'Close';
  }
}

// fill moves the bar of a job: while it goes out by its bytes, then by how far the node is.
function fill({ bar, state, sent, part, file }) {
  if (state === 'sending') bar.value = sent / Math.max(1, file?.size ?? 1);
  else if (part === undefined) bar.removeAttribute('value'); // nobody knows
  else bar.value = part;
}

function lasting(seconds) {
  if (seconds < 120) return `${Math.ceil(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

// dropped reads what was dropped, folders too: a list of {path, file}. A folder without files has no file.
export async function dropped(transfer) {
  const entries = [...transfer.items].filter((i) => i.kind === 'file').map((i) => i.webkitGetAsEntry?.() ?? i.getAsFile());
  const found = [];
  for (const e of entries) await collect(e, '', found);
  return found;
}

async function collect(entry, above, found) {
  if (entry instanceof File) {
    found.push({ path: above + entry.name, file: entry });
  } else if (entry?.isFile) {
    found.push({ path: above + entry.name, file: await new Promise((ok, bad) => entry.file(ok, bad)) });
  } else if (entry?.isDirectory) {
    const before = found.length;
    const reader = entry.createReader();
    for (;;) {
      const some = await new Promise((ok, bad) => reader.readEntries(ok, bad));
      if (some.length === 0) break;
      for (const e of some) await collect(e, `${above}${entry.name}/`, found);
    }
    if (found.length === before) found.push({ path: above + entry.name, file: null });
  }
}
