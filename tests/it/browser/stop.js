// Gives what the focus is on: a name for a person, whether it can be seen, whether it is in the main part (or the dialog
// that is open over it) or a link that leads there.
const stop = document.activeElement;
const main = document.querySelector('dialog:modal') ?? document.querySelector('main, [role=main]');
const { left, right, top, bottom, width, height } = stop.getBoundingClientRect();
const visible = stop.checkVisibility({ visibilityProperty: true, opacityProperty: true })
  && width > 1 && height > 1 && right > 0 && bottom > 0 && left < innerWidth && top < innerHeight;
const fragment = stop.matches('a[href^="#"]') ? stop.hash.slice(1) : '';
const target = fragment && document.getElementById(decodeURIComponent(fragment));
const leads = main !== null && (main.contains(stop) || (target ? main.contains(target) : false));
return { name: stop.outerHTML.replace(/\s+/g, ' ').slice(0, 120), visible, leads };
