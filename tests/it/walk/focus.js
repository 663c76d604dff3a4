// Gives what the focus is on and where that leads, whether that is in the main part (or in a dialog), and what keeps it from being seen.
const stop = document.activeElement;
const name = (stop.getAttribute('aria-label') ?? stop.innerText ?? '').replace(/\s+/g, ' ').trim();
const main = !!stop.closest('main, dialog');
const href = stop.getAttribute('href') ?? '';
if (stop === document.body) return { name, href, main, problem: '' };

const { left, right, top, bottom, width, height } = stop.getBoundingClientRect();
const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(stop);
const ring = (outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2) || boxShadow !== 'none';
const [x, y] = [Math.min(Math.max((left + right) / 2, 0), innerWidth - 1), (top + bottom) / 2];
const over = document.elementFromPoint(x, y);
const covered = !over || !(stop.contains(over) || over.contains(stop) || over.closest('label')?.control === stop);
const problem = !stop.checkVisibility({ visibilityProperty: true, opacityProperty: true }) || width < 2 || height < 2 ? 'it is not shown'
  : top < 0 || bottom > innerHeight + 1 ? 'it is out of sight'
    : !stop.matches(':focus-visible') || !ring ? 'it has no ring'
      : covered ? `it is covered by ${over?.outerHTML.slice(0, 80)}` : '';
return { name, href, main, problem };
