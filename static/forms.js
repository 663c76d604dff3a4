// What script adds to forms: used operation ids are replaced, drawn fields keep their height, and what must be read first is led to.
'use strict';
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (type, act) => document.addEventListener(type, act);
  const isLive = context => context?.sourceElement?.id === 'live';
  const randomId = () => [...crypto.getRandomValues(new Uint8Array(16))].map(byte => byte.toString(16).padStart(2, '0')).join('');

  /** An operation id is used up by an answer; the next press of the same button is a new act. */
  on('htmx:finally:request', event => {
    const { ctx } = event.detail;
    const field = ctx.request.form?.elements?.op;
    if (field && ctx.response && ctx.response.status < 500) field.value = randomId();
  });

  /** A field that somebody drew larger has a style. htmx would write it into the new page, which the policy refuses. */
  const drawn = new Map();
  on('htmx:before:swap', event => {
    const fields = event.detail.tasks.flatMap(task => task.target ? all('[id][style]', task.target) : []);
    for (const field of fields) { drawn.set(field.id, field.style.height); field.removeAttribute('style'); }
  });
  on('htmx:after:swap', () => {
    for (const [id, height] of drawn) { const field = document.getElementById(id); if (field && height) field.style.height = height; }
    drawn.clear();
  });

  /** A patch leaves details as folded as the reader had them; a problem must not hide in one. */
  const unfold = () => all('details:not([open]) .ferr').forEach(problem => { problem.closest('details').open = true; });
  const told = new WeakSet();
  /** Leads to what must be read first: once, and again when `target`, where something new came, holds it. */
  const settle = target => {
    unfold();
    const first = one('[data-focus]', one('#dialog[open]') ?? document);
    if (!first || (told.has(first) && !target?.contains(first))) return;
    told.add(first);
    first.focus();
  };
  on('htmx:after:swap', ({ detail: { ctx } }) => { if (!isLive(ctx)) settle(ctx?.target); });
  settle();
})();
