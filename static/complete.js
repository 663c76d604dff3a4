// Completion in a search box: asks the server what could be typed at the caret, and puts in what is chosen. A combobox with a list
// (WAI-ARIA): arrows choose, Enter and Tab take, Escape closes; without script the box is an ordinary field.
'use strict';
(() => {
  const DELAY_MS = 120;
  const box = document.querySelector('[data-complete]'), list = document.getElementById('offers');
  if (!box || !list) return;

  let here = -1, timer = 0, asking = null;
  const options = () => [...list.querySelectorAll('[role=option]')];
  const set = attributes => { for (const [name, value] of Object.entries(attributes)) box.setAttribute(name, value); };
  set({ role: 'combobox', 'aria-autocomplete': 'list', 'aria-expanded': 'false', 'aria-controls': list.id });

  function close() {
    clearTimeout(timer);
    asking?.abort();
    list.replaceChildren();
    choose(-1);
  }

  function choose(place) {
    const all = options();
    here = place < all.length ? place : -1;
    all.forEach((option, at) => option.setAttribute('aria-selected', String(at === here)));
    set({ 'aria-expanded': String(all.length > 0) });
    if (here < 0) return box.removeAttribute('aria-activedescendant');
    set({ 'aria-activedescendant': all[here].id });
    all[here].scrollIntoView({ block: 'nearest' });
  }

  /** Places are counted in characters, as the server counts them. */
  const caret = () => [...box.value.slice(0, box.selectionStart)].length;

  async function ask() {
    asking?.abort();
    asking = new AbortController();
    const query = new URLSearchParams(new FormData(box.form));
    query.set('q', box.value);
    query.set('at', caret());
    try {
      const answer = await fetch(`${box.dataset.complete}?${query}`, { headers: { 'HX-Request': 'true' }, signal: asking.signal });
      const text = await answer.text();
      if (!answer.ok || answer.redirected || document.activeElement !== box) return close();
      list.replaceChildren(...new DOMParser().parseFromString(text, 'text/html').body.childNodes);
      choose(-1);
    } catch (error) {
      if (error.name !== 'AbortError') close(); // completion is a help; the search itself says what is wrong
    }
  }

  function take(option) {
    const chars = [...box.value], { insert, from, to } = option.dataset;
    const before = chars.slice(0, Number(from)).join('') + insert;
    box.value = before + chars.slice(Number(to)).join('');
    box.setSelectionRange(before.length, before.length);
    box.focus();
    if (/[:.]$/.test(insert)) ask(); else close();
  }

  box.addEventListener('input', () => { clearTimeout(timer); timer = setTimeout(ask, DELAY_MS); });
  box.addEventListener('blur', close);
  box.form.addEventListener('submit', close);
  list.addEventListener('mousedown', event => {
    event.preventDefault(); // the box keeps its focus
    const option = event.target.closest('[role=option]');
    if (option) take(option);
  });
  box.addEventListener('keydown', event => {
    if (event.isComposing || event.ctrlKey || event.metaKey || event.altKey) return;
    const all = options();
    if (event.key === 'ArrowDown' || event.key === 'ArrowUp') {
      event.preventDefault();
      if (!all.length) return event.key === 'ArrowDown' ? ask() : undefined;
      const down = event.key === 'ArrowDown';
      choose(here < 0 ? (down ? 0 : all.length - 1) : (here + (down ? 1 : all.length - 1)) % all.length);
    } else if ((event.key === 'Enter' || event.key === 'Tab') && here >= 0) {
      event.preventDefault();
      take(all[here]);
    } else if (event.key === 'Escape' && list.hasChildNodes()) {
      event.preventDefault();
      close();
    }
  });
})();
