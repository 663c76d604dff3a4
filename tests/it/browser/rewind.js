// Puts the focus to the beginning of the page, as if it had just been opened, and gives whether its main part (or the
// dialog that is open over it) holds anything that can have the focus.
const { body } = document;
const [x, y] = [scrollX, scrollY];
const before = body.getAttribute('tabindex');
body.setAttribute('tabindex', '-1');
body.focus({ preventScroll: true });
if (before === null) body.removeAttribute('tabindex');
scrollTo({ left: x, top: y, behavior: 'instant' });

const main = document.querySelector('dialog:modal') ?? document.querySelector('main, [role=main]');
if (!main) return true; // then nothing can be reached, which is to be found out
const stops = 'a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]:not([tabindex^="-"])';
return [...main.querySelectorAll(stops)].some(e => !e.disabled && e.checkVisibility({ visibilityProperty: true }));
