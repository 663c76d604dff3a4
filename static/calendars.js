// A file that is chosen is read into the text beside it, as if it had been pasted: the server sees text only.
'use strict';
document.addEventListener('change', async event => {
  const picker = event.target.closest?.('input[type=file][data-into]');
  const [file] = picker?.files ?? [];
  const field = file && document.getElementById(picker.dataset.into);
  if (!field) return;
  field.value = await file.text();
  field.dispatchEvent(new Event('input', { bubbles: true }));
});
