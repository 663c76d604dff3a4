// Logs on pages: they follow what comes in until somebody scrolls away, and wrap their lines or not.
'use strict';
(() => {
  const LINES_MAX = 2_000;
  const NEAR_PX = 24; // this close to the end counts as at the end

  const unfollowed = new WeakSet();
  const atEnd = log => log.scrollHeight - log.scrollTop - log.clientHeight < NEAR_PX;

  function followLogs() {
    for (const log of document.querySelectorAll('.log[data-follow]')) {
      const rows = log.firstElementChild;
      while (rows.childElementCount > LINES_MAX) rows.firstElementChild.remove();
      if (!unfollowed.has(log)) log.scrollTop = log.scrollHeight;
    }
  }

  function setFollowing(log, follows) {
    if (follows) unfollowed.delete(log); else unfollowed.add(log);
    const box = document.querySelector(`[data-follows="${CSS.escape(log.id)}"]`);
    if (box) box.checked = follows;
  }

  // Only a person's own scrolling decides; the scroll that a new line causes does not reach the wheel or the keys.
  for (const type of ['wheel', 'touchmove', 'keyup', 'pointerup']) document.addEventListener(type, event => {
    const log = event.target.closest?.('.log[data-follow]');
    if (log) setTimeout(() => setFollowing(log, atEnd(log)), 50);
  }, { passive: true });

  document.addEventListener('change', event => {
    const log = event.target.dataset?.follows && document.getElementById(event.target.dataset.follows);
    if (!log) return;
    setFollowing(log, event.target.checked);
    followLogs();
  });

  document.addEventListener('click', event => {
    const button = event.target.closest?.('[data-wrap]');
    if (!button) return;
    const plain = document.getElementById(button.dataset.wrap).classList.toggle('nowrap');
    button.setAttribute('aria-pressed', String(!plain));
  });

  document.addEventListener('htmx:after:swap', followLogs);
  followLogs();
})();
