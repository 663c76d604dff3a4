// Gives the visible elements under `root` that a person calls `name`. Kinds: pressable, field, option, text.
const [root, kind, name] = arguments;
const plain = text => (text ?? '').replace(/\s+/g, ' ').trim();
const wanted = plain(name);
const shown = e => e.checkVisibility({ visibilityProperty: true }) && e.getClientRects().length > 0;
const labels = e => [
  e.getAttribute('aria-label'),
  ...[...(e.labels ?? [])].map(label => label.innerText),
  (e.getAttribute('aria-labelledby') ?? '').split(/\s+/).map(id => document.getElementById(id)?.textContent).join(' '),
];
const called = (e, names) => names.some(text => plain(text) === wanted);
const among = selector => [...root.querySelectorAll(selector)].filter(shown);

if (kind === 'pressable') {
  const pressable = 'a[href], button, summary, label, input:is([type=submit], [type=button], [type=reset], [type=checkbox], '
    + '[type=radio]), [role=button], [role=tab], [role=menuitem], [role=option]';
  const label = e => e.matches('button, input:not([type=checkbox], [type=radio])') ? e.value : '';
  const found = among(pressable).filter(e => called(e, [...labels(e), e.innerText, label(e), e.title]));
  // A tick box and its label are one thing.
  return found.filter(e => !(e.matches('label') && found.includes(e.control)));
}
if (kind === 'field') {
  const found = among('input:not([type=hidden]), select, textarea').filter(e => called(e, [e.name, e.id, ...labels(e)]));
  const radios = found.filter(e => e.type === 'radio');
  return radios.length === found.length ? radios.slice(0, 1) : found;
}
if (kind === 'option') {
  const options = root.matches('select')
    ? [...root.options].map(e => [e, [e.value, e.text]])
    : [...root.getRootNode().querySelectorAll(`[type=radio][name="${CSS.escape(root.name)}"]`)]
      .filter(e => e.form === root.form).map(e => [e, [e.value, ...labels(e)]]);
  return options.filter(([e, names]) => called(e, names)).map(([e]) => e);
}
const showing = among('*').filter(e => plain(e.innerText) === wanted);
return showing.filter(e => !showing.some(inner => inner !== e && e.contains(inner)));
