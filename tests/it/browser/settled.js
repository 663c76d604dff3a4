// Gives whether the page has loaded and nothing is about to change by itself. Reduced motion leaves transitions of a
// hundredth of a millisecond, during which colours and places are those of before.
const ends = animation => animation.effect?.getComputedTiming().endTime < Infinity;
return document.readyState === 'complete'
  && document.fonts.status === 'loaded'
  && !document.querySelector('.htmx-request')
  && !document.getAnimations().some(animation => animation.playState === 'running' && ends(animation));
