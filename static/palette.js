'use strict';
// The palette (a combobox over what the server finds), hints of keys, ranges of ticks, slow requests, values that are read out.
// No words: they stand in the templates.
(() => {
  const RECENT_MAX = 10;
  const RECENT_AT = 'millrace-recent';
  const SLOW_MS = 2_000;
  const KINDS = { queues: 'queue', templates: 'template', nodes: 'node', pools: 'pool', people: 'person', jobs: 'job' };

  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (type, act, options) => document.addEventListener(type, act, options);

  // ---- what was looked at lately: kept by this browser, shown only after the server has looked again ----------------
  function recent() {
    try {
      const kept = JSON.parse(localStorage.getItem(RECENT_AT) ?? '[]');
      return Array.isArray(kept) ? kept.filter(key => typeof key === 'string') : [];
    } catch { return []; } // no storage, or something else's
  }

  function remember(key) {
    if (!key) return;
    const kept = [key, ...recent().filter(other => other !== key)].slice(0, RECENT_MAX);
    try { localStorage.setItem(RECENT_AT, JSON.stringify(kept)); } catch { /* full or forbidden: nothing is remembered */ }
  }

  function rememberPage() {
    const [, place, name, more] = location.pathname.split('/');
    const isThing = KINDS[place] && name && more === undefined && !['new', 'compare'].includes(name) && !one('#error-h');
    if (isThing) try { remember(`${KINDS[place]} ${decodeURIComponent(name)}`); } catch { /* no text: nothing to find again */ }
  }

  // ---- the palette ---------------------------------------------------------------------------------------------------
  const palette = one('#palette');
  const field = palette && one('[role=combobox]', palette);
  const options = () => all('[role=option]', palette);
  const chosen = () => one('[aria-selected=true]', palette);
  let enterWaits = false; // Enter was pressed before the answer came

  function choose(option) {
    chosen()?.setAttribute('aria-selected', 'false');
    if (!option) return field.removeAttribute('aria-activedescendant');
    option.setAttribute('aria-selected', 'true');
    field.setAttribute('aria-activedescendant', option.id);
    option.scrollIntoView({ block: 'nearest' });
  }

  function step(by) {
    const list = options();
    if (list.length) choose(list[(list.indexOf(chosen()) + by + list.length) % list.length]);
  }

  const isAsking = () => !!one('form.htmx-request', palette) || field.dataset.answered !== field.value;

  function open() {
    if (palette.open || one('dialog[open]')) return;
    field.value = '';
    delete field.dataset.answered;
    one('[name=recent]', palette).value = recent().join('\n');
    palette.showModal();
    field.focus();
    htmx.trigger(one('form', palette), 'palette-open');
  }

  function go() {
    const option = chosen();
    if (!option) return;
    remember(option.dataset.recent);
    option.click();
  }

  function press(event) {
    if (event.isComposing) return;
    const steps = { ArrowDown: 1, ArrowUp: -1 };
    if (steps[event.key]) step(steps[event.key]);
    else if (event.key === 'Home' && event.ctrlKey) choose(options()[0]);
    else if (event.key === 'End' && event.ctrlKey) choose(options().at(-1));
    else if (event.key === 'Enter') { if (isAsking()) enterWaits = true; else go(); }
    else return;
    event.preventDefault();
  }

  if (palette) {
    field.addEventListener('keydown', press);
    field.addEventListener('input', () => { enterWaits = false; });
    palette.addEventListener('click', event => {
      if (event.target === palette) return palette.close();
      const option = event.target.closest('[role=option]');
      if (option && event.isTrusted) remember(option.dataset.recent);
    });
    palette.addEventListener('close', () => { enterWaits = false; });
    on('htmx:after:swap', event => {
      if (event.detail.ctx.target?.id !== 'palette-found') return;
      const asked = new URL(event.detail.ctx.request.action, location.href).searchParams.get('q');
      field.dataset.answered = asked ?? field.value;
      choose(options()[0]);
      if (enterWaits && field.dataset.answered === field.value) { enterWaits = false; go(); }
    });
    on('click', event => {
      if (!event.target.closest?.('[data-palette]') || event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      open();
    });
    on('keydown', event => {
      if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== 'k') return;
      event.preventDefault();
      if (palette.open) palette.close(); else open();
    });
    rememberPage();
  }

  // ---- keys: hints where they act, a range of ticks, Escape that clears -----------------------------------------------
  const keysAct = () => document.body.dataset.keys === 'on';

  for (const type of ['pointerover', 'focusin']) on(type, event => {
    const button = event.target.closest?.('[data-key]');
    if (!button || !keysAct() || button.hasAttribute('aria-keyshortcuts')) return;
    const key = button.dataset.key.toUpperCase();
    button.setAttribute('aria-keyshortcuts', key);
    if (!button.closest('.menu')) button.title = `${button.title || button.textContent.trim()} (${key})`;
  });

  let lastTick = null;
  on('change', event => { if (event.target.matches?.('tbody .cb')) lastTick = event.target; });

  /** Shift X: everything between the last tick and the row in focus becomes like the last tick. */
  function tickRange() {
    const box = one('.cb', document.activeElement?.closest('tr') ?? document.createElement('p'));
    const boxes = box ? all('tbody .cb', box.closest('table')) : [];
    const from = boxes.indexOf(lastTick), to = boxes.indexOf(box);
    if (to < 0) return;
    const range = from < 0 ? [box] : boxes.slice(Math.min(from, to), Math.max(from, to) + 1);
    const ticked = from < 0 ? true : lastTick.checked;
    for (const each of range) each.checked = ticked;
    box.dispatchEvent(new Event('change', { bubbles: true }));
  }

  const isTyping = element => element.isContentEditable || element.matches?.('input:not([type=checkbox],[type=radio]), textarea, select');

  on('keydown', event => {
    if (!keysAct() || event.ctrlKey || event.metaKey || event.altKey || one('dialog[open]') || isTyping(event.target)) return;
    if (event.shiftKey && event.key === 'X') { event.preventDefault(); event.stopImmediatePropagation(); tickRange(); }
  }, true);

  /** Escape closes what is open, which browsers do; with nothing open it takes the ticks away. */
  on('keydown', event => {
    if (event.key !== 'Escape' || event.defaultPrevented || isTyping(event.target) || one('dialog[open], :popover-open')) return;
    for (const box of all('#main tbody .cb:checked')) { box.checked = false; box.dispatchEvent(new Event('change', { bubbles: true })); }
  });

  // ---- slow: after two seconds a request says so and can be stopped ----------------------------------------------------
  const waiting = new Map();

  function settle(source) {
    const wait = waiting.get(source);
    if (!wait) return;
    clearTimeout(wait.timer);
    wait.toast?.remove();
    waiting.delete(source);
  }

  function saySlow(source) {
    const words = one('#say-slow'), toasts = one('#toasts'), wait = waiting.get(source);
    if (!source.isConnected) { settle(source); return; }
    if (!words || !toasts || !wait) return;
    wait.toast = words.content.firstElementChild.cloneNode(true);
    one('[data-stop]', wait.toast).addEventListener('click', () => { htmx.trigger(source, 'htmx:abort'); settle(source); });
    toasts.append(wait.toast);
  }

  on('htmx:before:request', event => {
    const { sourceElement: source, request } = event.detail.ctx;
    if (!source || source.id === 'live' || palette?.contains(source) || request.method !== 'GET') return;
    settle(source);
    waiting.set(source, { timer: setTimeout(() => saySlow(source), SLOW_MS) });
  });
  // an answer that takes the place of whoever asked is told of before: afterwards its events reach nobody
  for (const type of ['htmx:after:request', 'htmx:finally:request', 'htmx:error']) on(type, event => settle(event.detail.ctx?.sourceElement));

  // ---- values that change by themselves are silent unless their reader wants to hear them ------------------------------
  if ('announces' in document.body.dataset) for (const panel of all('[id^=panel-]')) panel.setAttribute('aria-live', 'polite');
})();
