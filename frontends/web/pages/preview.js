// Previews of files, without leaving the page. Pictures, sound and film come by ranges, as the browser asks for them.

import { el } from './dom.js';

const shown = new Set(['image', 'audio', 'video', 'text']);
const textBytes = 65536;

export const canShow = (row) => shown.has(row.dataset.k) && row.querySelector('a.name') !== null;

// preview shows a row, and with the arrow keys those before and behind it.
export function preview(row) {
  const title = el('h2', { id: 'previewed' });
  const stage = el('div', { className: 'stage' });
  const open = el('a', { className: 'button quiet' }, 'Open');
  const save = el('a', { className: 'button quiet' }, 'Save to disk');
  const dialogue = el('dialog', { className: 'preview', 'aria-labelledby': 'previewed' }, title, stage,
    el('p', { className: 'actions' },
      el('button', { type: 'button', className: 'quiet', onclick: () => step(-1) }, 'Previous'),
      el('button', { type: 'button', className: 'quiet', onclick: () => step(1) }, 'Next'),
      open, save, el('button', { type: 'button', onclick: () => dialogue.close() }, 'Close')));

  const show = () => {
    const a = row.querySelector('a.name');
    title.textContent = a.textContent;
    open.href = a.href;
    save.href = `${a.href}?save=true`;
    stage.replaceChildren(picture(row.dataset.k, a));
  };
  const step = (by) => {
    let next = row;
    do next = by < 0 ? next.previousElementSibling : next.nextElementSibling;
    while (next && (next.hidden || !canShow(next)));
    if (next) {
      row = next;
      show();
    }
  };
  dialogue.addEventListener('keydown', (e) => {
    if (e.target.matches('audio, video')) return;
    if (e.key === 'ArrowLeft') step(-1);
    if (e.key === 'ArrowRight') step(1);
  });
  dialogue.addEventListener('close', () => {
    dialogue.remove();
    row.querySelector('a.name').focus();
  });
  show();
  document.body.append(dialogue);
  dialogue.showModal();
}

function picture(kind, a) {
  switch (kind) {
    case 'image': return el('img', { src: a.href, alt: a.textContent });
    case 'audio': return el('audio', { src: a.href, controls: true, preload: 'metadata' });
    case 'video': return el('video', { src: a.href, controls: true, preload: 'metadata' });
  }
  const pre = el('pre', { tabIndex: 0 }, 'Loading…');
  readText(a.href).then((text) => { pre.textContent = text; }, (e) => { pre.textContent = e.message; });
  return pre;
}

async function readText(address) {
  const answer = await fetch(address, { headers: { Range: `bytes=0-${textBytes - 1}` } });
  if (answer.status === 416) return '(The file is empty.)';
  if (!answer.ok) return (await answer.text()).trim();
  const bytes = new Uint8Array(await answer.arrayBuffer());
  if (bytes.includes(0)) return '(This is not text.)';
  const text = new TextDecoder().decode(bytes);
  return answer.status === 206 && bytes.length === textBytes ? `${text}\n\n(There is more.)` : text;
}

// thumbnails puts small pictures in front of the names of images, when they come into view and are not large.
export function thumbnails(list) {
  const largest = 2e6;
  const seen = new IntersectionObserver((entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      seen.unobserve(target);
      const a = target.querySelector('a.name');
      if (a) target.querySelector('i').append(el('img', { src: a.href, alt: '', decoding: 'async', onerror: (e) => e.target.remove() }));
    }
  }, { rootMargin: '200px' });
  return () => {
    for (const row of list.querySelectorAll('li[data-k="image"]')) {
      if (Number(row.dataset.n) <= largest && row.dataset.n && !row.querySelector('img')) seen.observe(row);
    }
  };
}
