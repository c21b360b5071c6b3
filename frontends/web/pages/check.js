// Pages from which a file is checked: the check is asked for beside the page, which tells meanwhile how far it is, and shows what was found
// as the node has drawn it. Without this script the form does the same, and the browser waits.

import { el, parsePage, sizeText } from './dom.js';
import { follow } from './live.js';

document.addEventListener('submit', (e) => {
  if (!e.target.matches('form[action$="?t=check"]')) return;
  e.preventDefault();
  run(e.target);
});

async function run(form) {
  const stop = new AbortController();
  const body = new FormData(form);
  const repair = body.get('repair') === 'true';
  const said = el('p', { role: 'status' }, 'Asks the servers…');
  const bar = el('progress', { 'aria-label': 'How far' });
  const halt = el('button', { type: 'button', className: 'quiet', onclick: () => stop.abort() }, 'Stop it');
  const panel = el('div', { className: 'checking' }, said, bar, el('p', { className: 'actions' }, halt));
  form.hidden = true;
  form.after(panel);
  halt.focus();
  const end = watch(document.querySelector('main').dataset.index, repair, (text, part) => {
    if (said.textContent !== text) said.textContent = text;
    bar.value = part;
  });
  try {
    const answer = await fetch(form.action, { method: 'POST', body, signal: stop.signal, headers: { Accept: 'text/html' } });
    const page = parsePage(await answer.text());
    document.title = page.title;
    document.querySelector('main').replaceWith(page.querySelector('main'));
    const title = document.querySelector('h1');
    title.tabIndex = -1;
    title.focus();
  } catch (e) {
    panel.remove();
    form.hidden = false;
    form.before(el('p', { role: 'alert', className: 'problem' }, stop.signal.aborted ? 'It was stopped.' : e.message));
  } finally {
    end();
  }
}

// watch finds the check among all that go on, and follows it.
function watch(index, repair, told) {
  let end = () => {};
  const search = follow('/status?t=events', 'status', ({ checks }) => {
    const mine = checks?.active.find((c) => c['storage-index-string'] === index && (c.type === 'repair') === repair);
    if (!mine) return true;
    end = follow(`/status/${mine.id}?t=events`, 'transfer', (c) => {
      told(words(c), c.progress);
      return c.status === 'Under way';
    });
    return false;
  });
  return () => { search(); end(); };
}

function words(c) {
  if (c['bytes-to-push']) return `Makes shares anew: ${of(c['bytes-pushed'], c['bytes-to-push'])}.`;
  const found = `${c['servers-answered']} of ${c['servers-asked']} servers have answered, ${c['shares-found']} shares found`;
  if (c['bytes-to-verify']) return `Reads the shares: ${of(c['bytes-verified'], c['bytes-to-verify'])}. ${found}.`;
  return c['servers-asked'] ? `${found}.` : 'Asks the servers…';
}

const of = (done, all) => `${sizeText(done)} of ${sizeText(all)}`;
