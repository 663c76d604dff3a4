// Gives sentences about what is wrong with the shape of the page.
const problems = [];
const outline = e => e.outerHTML.replace(/\s+/g, ' ').slice(0, 120);
const shown = e => e.checkVisibility({ visibilityProperty: true });
const text = e => (e?.textContent ?? '').trim();

const page = document.scrollingElement;
if (page.scrollWidth > page.clientWidth) {
  const sticksOut = e => e.getBoundingClientRect().right + scrollX > page.clientWidth + 0.5;
  const out = [...document.body.querySelectorAll('*')].filter(e => shown(e) && sticksOut(e)).slice(0, 3);
  problems.push(`the page is wider (${page.scrollWidth} px) than its window (${page.clientWidth} px): ${out.map(outline).join(' ')}`);
}

const headings = [...document.querySelectorAll('h1')].filter(shown);
if (headings.length !== 1) problems.push(`the page has ${headings.length} h1 instead of one`);
if (!document.title.trim()) problems.push('the page has no title');

const nameOf = e => [
  e.getAttribute('aria-label')?.trim(),
  ...(e.getAttribute('aria-labelledby') ?? '').split(/\s+/).map(id => text(id && document.getElementById(id))),
  text(e.querySelector(':scope > title')),
].join('');
for (const picture of document.querySelectorAll('img:not([alt]), svg[role=img]')) {
  if (!nameOf(picture)) problems.push(`a picture has no text: ${outline(picture)}`);
}
return problems;
