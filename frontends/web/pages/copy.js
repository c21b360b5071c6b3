// Buttons that copy the text of a field.

import { byID, copyText } from './dom.js';

for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', async () => {
    const field = byID(button.dataset.copy);
    await copyText(field.value, field);
    button.textContent = 'Copied';
  });
}
