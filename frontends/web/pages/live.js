// What the node tells while it happens, by Server-Sent Events, and pages that follow it.

import { parsePage } from './dom.js';

// follow calls told with every event of that name, until told returns false or the function that follow returned is called. The browser
// asks again by itself when the line breaks; it listens while somebody looks at the page.
export function follow(address, name, told) {
  let source = null;
  const close = () => { source?.close(); source = null; };
  const end = () => { document.removeEventListener('visibilitychange', fit); close(); };
  function fit() {
    if (document.visibilityState !== 'visible') close();
    else if (!source) {
      source = new EventSource(address);
      source.addEventListener(name, (e) => { if (told(JSON.parse(e.data)) === false) end(); });
    }
  }
  document.addEventListener('visibilitychange', fit);
  fit();
  return end;
}

// pageAt fetches one of the node's own pages.
export async function pageAt(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(await answer.text());
  return parsePage(await answer.text());
}

const pause = 1000; // between two looks
let looking = null;
let again = false;

// redraw fetches the page anew, and takes from it the sections that differ. Looks that are asked for at once become one.
export function redraw() {
  again = looking !== null;
  looking ??= look().catch(() => {}).then(() => new Promise((ok) => setTimeout(ok, pause))).then(() => {
    looking = null;
    if (again) redraw();
  });
}

async function look() {
  const page = await pageAt(location.href);
  const now = document.querySelectorAll('main > section');
  const fresh = page.querySelectorAll('main > section');
  if (now.length !== fresh.length) return document.querySelector('main').replaceWith(page.querySelector('main'));
  fresh.forEach((s, i) => { if (s.innerHTML !== now[i].innerHTML) now[i].replaceWith(s); });
}
