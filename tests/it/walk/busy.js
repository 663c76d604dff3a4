// Watches a live page from now on: what moved, whether the focus was lost, which texts a place has shown.
const [place] = arguments;
const outline = node => (node?.outerHTML ?? node?.nodeName ?? 'nothing').replace(/\s+/g, ' ').slice(0, 100);
const box = ({ x, y, width, height }) => `${x},${y} ${width}x${height}`;
const watched = { moved: 0, moves: [], texts: new Set(), lost: 0 };
const moved = entry => {
  if (entry.hadRecentInput) return;
  watched.moved += entry.value;
  watched.moves.push(`${entry.value.toFixed(4)}: ` + entry.sources
    .map(({ node, previousRect, currentRect }) => `${outline(node)} ${box(previousRect)} to ${box(currentRect)}`).join('; '));
};
new PerformanceObserver(list => list.getEntries().forEach(moved)).observe({ type: 'layout-shift' });
const read = () => watched.texts.add(document.querySelector(place).textContent);
new MutationObserver(read).observe(document.querySelector(place), { childList: true, characterData: true, subtree: true });
document.addEventListener('focusout', () => { watched.lost += 1; });
window.watched = watched;
