// Making and finding elements. Text goes in as text, never as HTML.

export const byID = (id) => document.getElementById(id);

// el makes an element: properties that the element knows are set, all others become attributes.
export function el(tag, properties = {}, ...children) {
  const e = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in e) e[key] = value;
    else e.setAttribute(key, value);
  }
  e.append(...children);
  return e;
}

// ask opens a dialogue and resolves to true when its main button ends it. The dialogue is gone then, but what is in it can be read.
export function ask(title, content, main = '') {
  const id = `dialogue-${crypto.getRandomValues(new Uint32Array(1))[0]}`;
  const actions = el('p', { className: 'actions' });
  if (main) actions.append(el('button', { value: 'yes' }, main));
  actions.append(el('button', { value: 'no', className: 'quiet', formNoValidate: true }, main ? 'Cancel' : 'Close'));
  const dialogue = el('dialog', { 'aria-labelledby': id },
    el('form', { method: 'dialog' }, el('h2', { id }, title), ...content, actions));
  document.body.append(dialogue);
  dialogue.showModal();
  const first = dialogue.querySelector('input[type="text"]:not([readonly])');
  first?.focus();
  first?.select();
  return new Promise((resolve) => {
    dialogue.addEventListener('close', () => {
      dialogue.remove();
      resolve(dialogue.returnValue === 'yes');
    });
  });
}

// parsePage reads a page of the node. Nothing else is ever read as HTML.
const ownPage = window.trustedTypes?.createPolicy('page', { createHTML: (html) => html }) ?? { createHTML: (html) => html };
export const parsePage = (html) => new DOMParser().parseFromString(ownPage.createHTML(html), 'text/html');

let field = 0;

// labelled is a field with its label.
export function labelled(text, input) {
  input.id ||= `field-${++field}`;
  return el('p', {}, el('label', { htmlFor: input.id }, text), input);
}

let note;

// say tells the user something, with a button when there is something to do about it, and returns the element that does.
export function say(text, label = '', act = null) {
  note?.remove();
  const own = el('div', { className: 'note', role: 'status' }, el('span', {}, text));
  if (label) own.append(el('button', { type: 'button', className: 'quiet', onclick: () => { own.remove(); act(); } }, label));
  own.append(el('button', { type: 'button', className: 'quiet', 'aria-label': 'Close', onclick: () => own.remove() }, '×'));
  document.body.append(own);
  note = own;
  if (!label) setTimeout(() => own.remove(), 8000);
  return own;
}

// copyText puts text on the clipboard. Browsers offer theirs only to pages from this machine, or by HTTPS.
export async function copyText(text, from) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  from.select();
  document.execCommand('copy');
}

// sizeText is a size for people, as the node writes it.
export function sizeText(n) {
  let unit = 0;
  for (; n >= 999.5 && unit < 6; unit++) n /= 1000;
  return unit === 0 ? `${n} B` : `${n.toFixed(n < 99.5 ? 1 : 0)} ${'kMGTPE'[unit - 1]}B`;
}
