// What script adds to pages that work without it: live values, dialogs in the page, toasts, keys, copying (logs: log.js).
// No framework, no words (they stand in the templates), nothing that evaluates text.
'use strict';
(() => {
  const SILENCE_MS_MAX = 20_000; // a stream that says nothing for longer is out of date (the server pings every 10 s)
  const RETRY_MS_MIN = 500;
  const RETRY_MS_MAX = 60_000;
  const TOAST_MS = 8_000;
  const COPIED_MS = 1_500;
  const GO_MS_MAX = 1_500; // time for the second key after G

  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const on = (type, act, options) => document.addEventListener(type, act, options);
  /** Runs `act(element, event)` when something inside an element that matches `selector` is clicked. */
  const onClick = (selector, act) => on('click', event => {
    const element = event.target.closest?.(selector);
    if (element) act(element, event);
  });
  const isLive = context => context?.sourceElement?.id === 'live';

  // ---- live values -------------------------------------------------------------------------------------------------
  // One stream per page. States: wait, on, paused (by L), cut (silent), full (too many streams), ended (server said so).
  const live = { element: one('#live'), state: 'wait', heard: Date.now(), asOf: null, lastId: '', missed: false, tries: 0, timer: 0 };
  const connection = () => live.element?._htmx?.sse;
  const over = () => live.state === 'ended' || live.state === 'full';

  function show(state, reason = '') {
    live.state = state;
    const badge = one('#live-badge'), banner = one('#live-banner');
    if (badge) badge.dataset.state = state;
    if (!banner) return;
    banner.dataset.state = state;
    banner.hidden = !['cut', 'full', 'ended'].includes(state);
    for (const place of all('[data-reason]', banner)) place.textContent = reason && `: ${reason}`;
    tellAge();
  }

  function tellAge() {
    const seconds = Math.round((Date.now() - live.heard) / 1000);
    const age = live.state === 'cut' ? `${seconds} s` : '';
    for (const place of all('#live-badge [data-age]')) place.textContent = age && ` · ${age}`;
    for (const place of all('#live-banner [data-age]')) place.textContent = age && ` ${age} ago`;
    if (live.asOf) for (const place of all('[data-as-of]')) place.textContent = clock(live.asOf);
  }

  function clock(time) {
    try {
      return new Intl.DateTimeFormat('en-GB', { timeZone: document.body.dataset.zone, timeStyle: 'medium' }).format(time);
    } catch { return time.toISOString(); } // a zone this browser does not know
  }

  function hear() {
    live.heard = Date.now();
    live.tries = 0;
    if (live.state !== 'paused' && !over()) show('on');
  }

  /** Asks for a fresh stream; its first message carries every panel, so whatever was missed is made good. */
  function reconnect() {
    if (!live.element) return;
    live.missed = false;
    const stream = connection();
    if (!stream) return htmx.trigger(live.element, 'live-again');
    stream.lastEventId = live.lastId;
    if (stream.delayCanceller) stream.delayCanceller();
    else stream.reader?.cancel();
  }

  /** hx-sse retries a stream that was open once; the very first request is retried here. */
  function retryLater() {
    if (over()) return;
    const wait = Math.min(RETRY_MS_MIN * 2 ** live.tries++, RETRY_MS_MAX) * (0.7 + 0.6 * Math.random());
    clearTimeout(live.timer);
    live.timer = setTimeout(() => htmx.trigger(live.element, 'live-again'), wait);
  }

  function refused(status) {
    if (status === 401) location.reload(); // leads to sign-in and back
    else if (status === 429) show('full');
    else if (status === 403 || status === 404) show('ended');
  }

  function togglePause() {
    if (!live.element || over()) return;
    if (live.state !== 'paused') return show('paused');
    show('on');
    live.heard = Date.now();
    if (live.missed || !connection()) reconnect();
  }

  /** Nothing moves under the reader: a panel waits while it holds ticks, an open menu or a selection. */
  function isHeld(panel) {
    if (!panel) return false;
    const selection = getSelection();
    return !!one('dialog[open]') || !!one('.cb:checked, :popover-open', panel)
      || (selection && !selection.isCollapsed && panel.contains(selection.anchorNode));
  }

  /** In a panel that is `data-still` rows stay where they are: those that came or went are counted until somebody asks for them. */
  const rowsOf = root => all(':is(tr, li, .node)[id]', root);
  const news = new Map();
  function keepPlaces({ target, fragment }) {
    if (!target?.hasAttribute?.('data-still')) return;
    const shown = rowsOf(target), now = new Map(rowsOf(fragment).map(row => [row.id, row]));
    if (!shown.length) return news.delete(target.id); // nothing is read there yet
    const stayed = shown.filter(row => now.has(row.id)).length;
    news.set(target.id, Math.max(now.size, shown.length) - stayed); // one that came pushes another off the end
    if (shown.map(row => row.id).join() === [...now.keys()].join()) return;
    const kept = target.cloneNode(true);
    for (const row of rowsOf(kept)) {
      if (now.has(row.id)) row.replaceWith(now.get(row.id));
      else row.classList.add('gone');
    }
    fragment.replaceChildren(...kept.childNodes);
  }

  function tellNews() {
    const place = one('#news'), count = [...news.values()].reduce((sum, some) => sum + some, 0);
    if (!place) return;
    place.hidden = count === 0;
    one('[data-count]', place).textContent = count;
  }

  function watch() {
    if (document.hidden || !live.element || over() || live.state === 'paused') return;
    if (Date.now() - live.heard > SILENCE_MS_MAX) show('cut');
    else if (live.missed && !one('dialog[open], #main .cb:checked, #main :popover-open') && getSelection()?.isCollapsed !== false) reconnect();
  }

  if (live.element) {
    setInterval(watch, 1_000);
    on('visibilitychange', () => { live.heard = Date.now(); });
    on('htmx:sse:after:connection', hear);
    on('htmx:sse:before:connection', event => { if (over()) event.preventDefault(); });
    on('htmx:sse:error', event => refused(event.detail.status));
    live.element.addEventListener('ping', event => { live.asOf = new Date(event.detail.data); hear(); });
    live.element.addEventListener('bye', event => show('ended', event.detail.data));
    on('htmx:sse:before:message', event => {
      if (live.state === 'paused' && event.detail.message.event !== 'bye') { live.missed = true; event.preventDefault(); }
    });
    on('htmx:sse:after:message', event => {
      live.lastId = event.detail.connection.lastEventId;
      if (!event.detail.message.event) { live.asOf = new Date(); hear(); }
    });
    on('htmx:before:response', event => {
      const { ctx } = event.detail;
      if (!isLive(ctx) || ctx.response.status === 200) return;
      event.preventDefault();
      refused(ctx.response.status);
      retryLater();
    });
    on('htmx:before:swap', event => {
      const { ctx, tasks } = event.detail;
      if (!isLive(ctx)) return;
      tasks.forEach(keepPlaces);
      tellNews();
      const going = tasks.filter(task => task.swapSpec.style === 'beforeend' || !isHeld(task.target));
      if (going.length < tasks.length) live.missed = true;
      tasks.splice(0, tasks.length, ...going);
    });
    /** What an act swapped in is of its own moment, and what is as it was before the act is not sent again: ask for everything. */
    on('htmx:finally:request', event => {
      const { ctx } = event.detail;
      if (isLive(ctx) || ctx.request.method !== 'POST' || !(ctx.response?.status < 300)) return;
      if (live.state === 'paused') live.missed = true;
      else if (connection()?.reader) reconnect(); // else a stream is about to begin, and it begins with everything
    });
    onClick('#live-badge', () => live.state === 'cut' || over() ? location.reload() : togglePause());
    onClick('[data-live=again]', () => over() ? location.reload() : reconnect());
    onClick('[data-live=pause]', () => show('paused'));
  }

  // ---- dialogs -----------------------------------------------------------------------------------------------------
  const dialog = one('#dialog');
  const inDialog = context => dialog?.open && dialog.contains(context?.sourceElement);

  if (dialog) {
    on('htmx:after:swap', () => { if (dialog.childElementCount && !dialog.open) dialog.showModal(); });
    on('htmx:finally:request', event => {
      const { ctx } = event.detail;
      if (ctx.request.method === 'POST' && ctx.response?.status < 300 && inDialog(ctx)) dialog.close();
    });
    dialog.addEventListener('close', () => dialog.replaceChildren());
    dialog.addEventListener('click', event => { if (event.target === dialog) dialog.close(); });
    onClick('#dialog [data-close]', (_, event) => { event.preventDefault(); dialog.close(); });
  }

  // ---- toasts ------------------------------------------------------------------------------------------------------
  const toasts = one('#toasts');

  function arm(toast) {
    const dismiss = one('#say-dismiss');
    if (dismiss) toast.append(dismiss.content.cloneNode(true));
    if (toast.hasAttribute('data-stays')) return;
    let timer;
    const start = () => { clearTimeout(timer); timer = setTimeout(() => toast.remove(), TOAST_MS); };
    const stop = () => clearTimeout(timer);
    for (const type of ['pointerenter', 'focusin']) toast.addEventListener(type, stop);
    for (const type of ['pointerleave', 'focusout']) toast.addEventListener(type, start);
    start();
  }

  const home = () => { if (toasts && !toasts.isConnected) document.body.append(toasts); };

  /** What is outside of a modal dialog can be neither seen nor pressed, so the toasts go into it, and above it. */
  function lift() {
    const open = one('dialog[open]');
    if (!open || !toasts.showPopover) return;
    if (toasts.parentElement !== open) {
      open.append(toasts);
      open.addEventListener('close', () => document.body.append(toasts), { once: true });
    }
    toasts.popover = 'manual';
    if (toasts.matches(':popover-open')) toasts.hidePopover();
    toasts.showPopover();
  }

  if (toasts) {
    new MutationObserver(changes => {
      const added = changes.flatMap(change => [...change.addedNodes]).filter(node => node.classList?.contains('toast'));
      added.forEach(arm);
      if (added.length) lift();
    }).observe(toasts, { childList: true });
    on('htmx:after:swap', home); // another question may have taken their place
    const flash = one('#flash'); // what the act that led here came to
    if (flash) toasts.append(flash.content.cloneNode(true));
    onClick('[data-dismiss]', button => button.closest('.toast').remove());
    onClick('.toast .link', link => setTimeout(() => link.closest('.toast')?.remove()));
  }

  // ---- requests ----------------------------------------------------------------------------------------------------
  function sayOffline(source) {
    const words = one('#say-offline');
    if (!words || !toasts || one('[data-again]', toasts)) return;
    const toast = words.content.firstElementChild.cloneNode(true);
    one('[data-again]', toast).addEventListener('click', () => {
      toast.remove();
      if (source.matches('form')) source.requestSubmit();
      else source.click();
    });
    toasts.append(toast);
  }

  on('htmx:error', event => {
    const { ctx, error } = event.detail;
    if (!ctx) return console.error(error);
    if (error?.name === 'AbortError') return; // stopped on purpose, or replaced by a newer question
    if (isLive(ctx)) return retryLater();
    sayOffline(ctx.sourceElement);
  });

  /** Rows that came with a shared live message carry no token; the page's own is put in before they are sent. */
  on('submit', event => {
    const field = event.target.elements?.csrf;
    if (field && !field.value) field.value = document.body.dataset.csrf ?? '';
  }, true);

  // ---- small things on pages ---------------------------------------------------------------------------------------
  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const field = Object.assign(document.createElement('textarea'), { value: text, className: 'vh' });
    document.body.append(field); // the clipboard needs a secure context; the old way does not
    field.select();
    document.execCommand('copy');
    field.remove();
  }

  const copied = (button, text) => copy(text).then(() => {
    button.classList.add('copied');
    setTimeout(() => button.classList.remove('copied'), COPIED_MS);
  }, console.error);
  onClick('[data-copy]', button => copied(button, button.dataset.copy));
  onClick('[data-copy-link]', (link, event) => { event.preventDefault(); copied(link, link.href); }); // without script the link itself can be copied

  onClick('[data-reveal]', button => {
    const field = document.getElementById(button.dataset.reveal);
    const shown = field.type === 'text';
    field.type = shown ? 'password' : 'text';
    button.setAttribute('aria-pressed', String(!shown));
  });

  onClick('[aria-disabled=true]', (_, event) => event.preventDefault());

  const isChanged = field => {
    if (field.localName === 'button' || field.closest('[data-unsaved=never]')) return false;
    if (['checkbox', 'radio'].includes(field.type)) return field.checked !== field.defaultChecked;
    if (field.options) return [...field.options].some((option, i) => option.selected !== (option.defaultSelected || (!all('[selected]', field).length && i === 0)));
    return field.type !== 'hidden' && field.value !== field.defaultValue;
  };

  function countChanges(event) {
    const form = event.target.form;
    const bar = form && one('[data-dirty]', form);
    if (!bar) return;
    const names = new Set([...form.elements].filter(field => field.name && isChanged(field)).map(field => field.name));
    bar.hidden = names.size === 0;
    one('[data-dirty-count]', bar).textContent = names.size;
  }
  on('input', countChanges);
  on('change', countChanges);

  function countTicks(table) {
    const boxes = all('tbody .cb', table), ticked = boxes.filter(box => box.checked).length;
    const whole = one('thead .cb', table);
    if (whole) [whole.checked, whole.indeterminate] = [ticked > 0 && ticked === boxes.length, ticked > 0 && ticked < boxes.length];
    for (const place of all('[data-ticked]', table.closest('section, form') ?? document)) place.textContent = ticked;
  }

  on('change', event => {
    const table = event.target.closest?.('.cb') && event.target.closest('table');
    if (!table) return;
    if (event.target.closest('thead')) for (const box of all('tbody .cb', table)) box.checked = event.target.checked;
    countTicks(table);
  });

  onClick('[data-untick]', button => {
    const table = one('table', button.closest(':is(section, form):has(table)') ?? document);
    for (const box of all('.cb', table)) box.checked = box.indeterminate = false;
    countTicks(table);
  });

  // ---- keys --------------------------------------------------------------------------------------------------------
  let goUntil = 0;
  const isTyping = element => element.isContentEditable || element.matches?.('input:not([type=checkbox],[type=radio]), textarea, select');
  const rows = () => all('#main tbody tr, #main [data-row]').filter(row => row.offsetParent);
  const hereRow = () => document.activeElement?.closest('tr, [data-row]');

  function move(step) {
    const list = rows(), at = list.indexOf(hereRow());
    const row = list[Math.min(Math.max(at + step, 0), list.length - 1)];
    one('a[href], button', row ?? document.createElement('p'))?.focus();
  }

  function tick() {
    const box = hereRow() && one('.cb', hereRow());
    if (box) { box.checked = !box.checked; box.dispatchEvent(new Event('change', { bubbles: true })); }
  }

  function press(key) {
    const target = (hereRow() && one(`[data-key="${key}"]`, hereRow())) || one(`#main .head [data-key="${key}"], #main [data-key="${key}"]`);
    target?.click();
    return !!target;
  }

  const keys = {
    '/': () => { const field = one('#main [data-search]'); if (field) field.focus(); else one('[data-palette]')?.click(); },
    '?': () => one('[data-keys-help]')?.click(),
    j: () => move(1), k: () => move(-1),
    o: () => (document.activeElement?.closest('#main a') ?? one('a[href]', hereRow() ?? document.createElement('p')))?.click(),
    x: tick,
    '.': () => one('[popovertarget]', hereRow() ?? document.createElement('p'))?.click(),
    '[': () => one('a[rel=prev]')?.click(), ']': () => one('a[rel=next]')?.click(),
    l: togglePause,
    g: () => { goUntil = Date.now() + GO_MS_MAX; },
  };

  on('keydown', event => {
    if (document.body.dataset.keys !== 'on' || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (isTyping(event.target) || one('dialog[open]')) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : '';
    if (!key || !/^[a-z./?[\]]$/.test(key)) return;
    const place = Date.now() < goUntil && one(`[data-go="${key}"]`);
    goUntil = 0;
    if (place) { event.preventDefault(); return place.click(); }
    if (keys[key]) { event.preventDefault(); return keys[key](); }
    if (press(key)) event.preventDefault();
  });

  // htmx looks at the page as soon as it can, which on a slow line is before hx-sse has come: the stream would never open.
  if (live.element) setTimeout(() => { if (!live.element._htmx) htmx.process(live.element); });

  // ---- start -------------------------------------------------------------------------------------------------------
  if (/Mac|iP/.test(navigator.platform)) for (const hint of all('.jump kbd')) hint.textContent = '⌘K';
})();
